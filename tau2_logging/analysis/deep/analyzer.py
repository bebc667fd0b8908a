"""`LogAnalyzer`: what the agent did right and wrong, from whatever was recorded of it."""

from __future__ import annotations

from collections.abc import Iterable
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd

from tau2_logging.analysis.deep import (
    arguments,
    bottlenecks,
    context_length,
    correlations,
    diversity,
    efficiency,
    execution,
    loops,
    recall,
    rewards,
    root_causes,
    taxonomy,
    transitions,
    trends,
)
from tau2_logging.analysis.deep.recorded import Recorded
from tau2_logging.analysis.deep.sources import Files, beside, read, sort_out
from tau2_logging.analysis.deep.tables import DeepTable, all_tables

if TYPE_CHECKING:
    from tau2_logging.analysis.table import RunLog

Tables = dict[str, pd.DataFrame]


class LogAnalyzer:
    """The analysis of one path or several: results files of tau2 (also recorded without us), events, logs, run folders.

    `run`: which run of the logs, as for `load_log`. Beside a log, results and events of its run are found by themselves. Tables are
    DataFrames; a rate comes with its numerator, its denominator, the number of tasks, and a 95 % interval (`_low`, `_high`); what the
    record is too small for is NaN with a `remark`, what it does not hold is None or `unknown`. Raises UserError for bad input.
    """

    def __init__(self, paths: str | Path | Iterable[str | Path], run: str = "latest") -> None:
        files = sort_out(paths)
        log = None
        if files.logs:
            from tau2_logging.analysis.load import load_log

            log = load_log(files.logs, run)
        self._start(log, files)

    @classmethod
    def of_log(cls, log: RunLog, paths: Iterable[str | Path] = ()) -> LogAnalyzer:
        """The analysis of a log that was read already, with what lies beside it and more paths."""
        analyzer = cls.__new__(cls)
        analyzer._start(log, sort_out(paths))
        return analyzer

    def _start(self, log: RunLog | None, files: Files) -> None:
        if log is not None:
            found = beside(log)
            for name in ("results", "checkpoints", "events"):
                setattr(files, name, list(dict.fromkeys([*getattr(files, name), *getattr(found, name)])))
        self.recorded: Recorded = read(files, log)

    @cached_property
    def tables(self) -> list[DeepTable]:
        """Every table that has a row, in the order of reading."""
        return list(all_tables(self.recorded))

    @property
    def runs(self) -> list[str]:
        """Names of the runs."""
        return [str(name) for name in self.recorded.simulations["run"].drop_duplicates()]

    def get_basic_statistics(self) -> Tables:
        """How many simulations, tasks, tool calls, reference actions and model messages, by domain; and the distributions of their sizes.

        `values` gives n, mean, standard deviation (ddof=1), quartiles, p95 (linear interpolation, from 20 values on) and extremes.
        """
        return {"counts": _counts(self.recorded), "values": bottlenecks.values(self.recorded)}

    def get_execution_results(self) -> Tables:
        """The first outcome: failed calls of calls, by domain, requestor, type of tool and tool. Wilson's interval at the effective
        number of calls n/deff, deff by Rao and Scott (1992), t of tasks-1 degrees (Korn and Graubard 1998).
        """
        by = execution.execution_by
        recorded = self.recorded
        return {"execution": by(recorded, "domain", "requestor", "tool_type"), "by_tool": by(recorded, "domain", "requestor", "tool")}

    def get_recall_results(self) -> Tables:
        """The second outcome: reference actions made of those there are, by tau2's own rule (`Action.compare_with_tool_call`), reads and
        writes apart; every action that was not made with the nearest call, argument by argument.
        """
        return {
            "recall": recall.recall_by(self.recorded, "domain", "tool_type"),
            "by_tool": recall.recall_by(self.recorded, "domain", "requestor", "tool_type", "tool"),
            "missed_actions": recall.missed_actions(self.recorded),
            "argument_misses": recall.argument_misses(self.recorded),
        }

    def get_reward_results(self) -> Tables:
        """The third outcome: solved simulations, pass^k = mean over tasks of C(c, k)/C(n, k) (arXiv 2406.12045), parts of the reward,
        checks of the evaluator, how simulations ended.
        """
        return {
            "success": rewards.success_by(self.recorded, "domain"),
            "pass_k": rewards.pass_k(self.recorded),
            "parts": rewards.reward_parts(self.recorded),
            "checks": rewards.checks(self.recorded),
            "terminations": rewards.terminations(self.recorded),
        }

    def get_results(self) -> dict[str, Tables]:
        """The three outcomes side by side, never mixed: execution, recall, reward."""
        return {"execution": self.get_execution_results(), "recall": self.get_recall_results(), "reward": self.get_reward_results()}

    def get_requestor_comparison(self) -> Tables:
        """Agent and user: calls, failed calls with interval, Cliff's delta, p of the score test clustered by task (Boos 1992)."""
        return {"requestors": execution.requestors(self.recorded)}

    def get_argument_analysis(self) -> Tables:
        """Arguments: which were given, of what type, checked against the tool's signature (from events), seen in the conversation before
        or not, and how often calls fail by number of arguments. Shares with clustered Wilson intervals.
        """
        return {
            "argument_use": arguments.argument_use(self.recorded),
            "schema_checks": arguments.schema_checks(self.recorded),
            "unseen_values": arguments.unseen_values(self.recorded),
            "unseen_and_errors": arguments.unseen_and_errors(self.recorded),
            "errors_by_argument_count": arguments.errors_by_argument_count(self.recorded),
        }

    def get_argument_correlation_analysis(self) -> Tables:
        """Features of arguments with the failure of the call, and of simulations with their success: Cliff's delta (Cliff 1993), -1 to 1;
        p of the score test on ranks clustered by task, adjusted by Holm (1979) over each table.
        """
        return {
            "call_correlations": correlations.call_correlations(self.recorded),
            "simulation_correlations": correlations.simulation_correlations(self.recorded),
        }

    def get_performance_analysis(self) -> Tables:
        """Times in ms: by role, by tool (mean, p50, p95 from 20 values on, max, total, share), between calls; and the distributions."""
        return {
            "time_by_role": bottlenecks.time_by_role(self.recorded),
            "slow_tools": bottlenecks.slow_tools(self.recorded),
            "between_calls": bottlenecks.between_calls(self.recorded),
            "values": bottlenecks.values(self.recorded),
        }

    def get_performance_bottlenecks(self) -> Tables:
        """Where time is lost: roles and tools by total time (ms), the longest simulations against the median of their domain, loops,
        repeats.
        """
        return {
            "time_by_role": bottlenecks.time_by_role(self.recorded),
            "slow_tools": bottlenecks.slow_tools(self.recorded),
            "slow_simulations": bottlenecks.slow_simulations(self.recorded),
            "loops": loops.loops(self.recorded),
            "repeated_calls": loops.repeated_calls(self.recorded),
        }

    def get_error_analysis(self) -> Tables:
        """Errors by kind (rules of `taxonomy.RULES`), with examples and what followed; why each failed simulation failed
        (`root_causes.CAUSES`).
        """
        return {
            "error_kinds": taxonomy.error_kinds(self.recorded),
            "error_examples": taxonomy.error_examples(self.recorded),
            "after_errors": taxonomy.after_errors(self.recorded),
            "cause_counts": root_causes.cause_counts(self.recorded),
            "root_causes": root_causes.root_causes(self.recorded),
        }

    def get_temporal_analysis(self) -> Tables:
        """Success and failed calls over the run (s) and over the simulation (number of the call), in spans of equally many; trends with
        Cliff's delta and p of the score test on ranks clustered by task, adjusted by Holm.
        """
        return {
            "trends": trends.trends(self.recorded),
            "over_the_run": trends.over_the_run(self.recorded),
            "errors_over_the_run": trends.errors_over_the_run(self.recorded),
            "errors_over_the_simulation": trends.errors_over_the_simulation(self.recorded),
        }

    def get_tool_efficiency_metrics(self) -> Tables:
        """Calls beside the reference actions: on the path, failed, repeated, extra; detour = calls / reference actions; by tool, domain
        and task.
        """
        return {
            "tool_efficiency": efficiency.tool_efficiency(self.recorded),
            "path_efficiency": efficiency.path_efficiency(self.recorded),
            "path_lengths": efficiency.path_lengths(self.recorded),
            "task_difficulty": efficiency.task_difficulty(self.recorded),
        }

    def get_tool_use_analysis(self) -> Tables:
        """Spread of tool use: Gini ΣΣ|xᵢ-xⱼ|/(2k²·mean), Shannon's entropy in bits, effective number of tools 2^entropy; shares;
        transitions within a simulation; loops.
        """
        return {
            "diversity": diversity.diversity(self.recorded),
            "tool_shares": diversity.tool_shares(self.recorded),
            "transitions": transitions.transitions(self.recorded),
            "loops": loops.loops(self.recorded),
        }

    def get_context_length_analysis(self) -> Tables:
        """Success against the longest prompt (tokens) with the task held fixed: common odds ratio (Mantel and Haenszel 1959) and share of
        pairs within tasks; success by span beside what the other trials of the same tasks make one expect.
        """
        return {
            "within_tasks": context_length.within_tasks(self.recorded),
            "success_by_context": context_length.success_by_context(self.recorded),
        }

    def get_sankey(self) -> list[dict[str, Any]]:
        """Nodes and links of the calls one after the other, by domain; see `transitions.sankey`."""
        return transitions.sankey(self.recorded)

    def get_comprehensive_analysis(self) -> dict[str, dict[str, Any]]:
        """Every part above, by name."""
        return {
            "basic_statistics": self.get_basic_statistics(),
            **self.get_results(),
            "requestors": self.get_requestor_comparison(),
            "arguments": self.get_argument_analysis(),
            "argument_correlations": self.get_argument_correlation_analysis(),
            "performance": self.get_performance_analysis(),
            "bottlenecks": self.get_performance_bottlenecks(),
            "errors": self.get_error_analysis(),
            "time": self.get_temporal_analysis(),
            "efficiency": self.get_tool_efficiency_metrics(),
            "tool_use": self.get_tool_use_analysis(),
            "context_length": self.get_context_length_analysis(),
        }


def _counts(recorded: Recorded) -> pd.DataFrame:
    simulations = recorded.simulations.groupby("domain", dropna=False)
    result = simulations.agg(simulations=("task", "size"), tasks=("task", "nunique"), runs=("run", "nunique"), with_talk=("talk", "sum"))
    for name, table in (("tool_calls", recorded.calls), ("reference_actions", recorded.gold), ("messages", recorded.replies)):
        result[name] = table.groupby("domain").size().reindex(result.index, fill_value=0)
    result["failed_calls"] = recorded.calls["error"].eq(True).groupby(recorded.calls["domain"]).sum().reindex(result.index, fill_value=0)
    return result.reset_index()
