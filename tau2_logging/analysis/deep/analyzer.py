"""`LogAnalyzer`: what the agent did right and wrong, from whatever was recorded of it."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd

from tau2_logging.analysis.deep import (
    bottlenecks,
    context_length,
    correlations,
    efficiency,
    highlights,
    recall,
    rewards,
    root_causes,
    trends,
)
from tau2_logging.analysis.deep.attribution import attribute, fault_tables
from tau2_logging.analysis.deep.reading.inputs import Files, beside, read, sort_out
from tau2_logging.analysis.deep.reading.recorded import Recorded
from tau2_logging.analysis.deep.table_kinds import TABLES, DeepTable, typed
from tau2_logging.analysis.deep.tool_calls import argument_use, diversity, execution, loops, taxonomy, transitions
from tau2_logging.analysis.tables.keyed import keyed

if TYPE_CHECKING:
    from tau2_logging.analysis.run_log import RunLog

Tables = dict[str, pd.DataFrame]


class LogAnalyzer:
    """The analysis of one path or several: results files of tau2 (also recorded without us), events, logs, run folders.

    `run`: which run of the logs, as for `load_log`. Of several runs every table is keyed by `run`; `pool` makes one record of runs that are
    alike (raises UserError if they are not). Beside a log, results and events of its run are found automatically. Tables are
    DataFrames; a rate comes with its numerator, its denominator, the number of tasks, and a 95 % interval (`_low`, `_high`); what the
    record is too small for is NaN with a `remark`, what it does not hold is None or `unknown`. Raises UserError for bad input.
    """

    def __init__(self, paths: str | Path | Iterable[str | Path], run: str = "latest", pool: bool = False) -> None:
        files = sort_out(paths)
        log = None
        if files.logs:
            from tau2_logging.analysis.load import load_log

            log = load_log(files.logs, run)
        self._start(log, files, pool)

    @classmethod
    def of_log(cls, log: RunLog, paths: Iterable[str | Path] = (), timed: bool = True) -> LogAnalyzer:
        """Return the analysis of a log that was read already, with what it was made of, what lies beside it and more paths. `timed`: see
        `inputs.read`."""
        made_of = [path for name in log.files if (path := Path(name)).suffix == ".json" and path.is_file()]
        analyzer = cls.__new__(cls)
        analyzer._start(log, sort_out(dict.fromkeys([*map(Path, paths), *made_of])), log.pooled, timed)
        return analyzer

    def of_run(self, run: str) -> LogAnalyzer:
        """Return the analysis of one of its runs."""
        analyzer = LogAnalyzer.__new__(LogAnalyzer)
        analyzer.recorded = analyzer._apart = self._apart.of_run(run)
        analyzer.pooled = False
        return analyzer

    def _start(self, log: RunLog | None, files: Files, pool: bool, timed: bool = True) -> None:
        if log is not None:
            found = beside(log)
            for name in ("results", "checkpoints", "events"):
                setattr(files, name, list(dict.fromkeys([*getattr(files, name), *getattr(found, name)])))
        self.pooled = pool
        recorded = read(files, log, timed)
        # pooling drops the reference actions that other runs have too
        self._apart: Recorded = recorded.without(log.left_out) if log is not None and log.left_out else recorded
        self.recorded: Recorded = self._apart.pooled() if pool else self._apart

    @property
    def notes(self) -> list[str]:
        """What a reader must know of the record before any figure."""
        return self.recorded.notes

    @cached_property
    def tables(self) -> list[DeepTable]:
        """Every table that has a row, in the order of reading."""
        return [DeepTable(kind, typed(frame)) for kind in TABLES if len(frame := self._of(kind.make))]

    @property
    def runs(self) -> list[str]:
        """Names of the runs."""
        return self.recorded.runs

    @cached_property
    def _parts(self) -> list[tuple[str, Recorded]]:
        """What tables are made of: each run by itself, or everything if it is one run, or pooled."""
        whole = self.pooled or len(self.runs) < 2
        return [("", self.recorded)] if whole else [(run, self.recorded.of_run(run)) for run in self.runs]

    def _of(self, make: Callable[..., pd.DataFrame], *by: str) -> pd.DataFrame:
        """Return a table of the whole record, or of each of its runs."""
        tables = [(run, make(recorded, *by)) for run, recorded in self._parts]
        return tables[0][1] if len(tables) == 1 else keyed(tables)

    def get_basic_statistics(self) -> Tables:
        """Return how many simulations, tasks, tool calls, reference actions and model messages, by domain; and the distributions of their
        sizes.

        `values` gives n, mean, standard deviation (ddof=1), quartiles, p95 (linear interpolation, from 20 values on) and extremes.
        """
        return {"counts": self._of(_counts), "values": self._of(bottlenecks.values)}

    def get_execution_results(self) -> Tables:
        """Return the first outcome: failed calls of calls, by domain, requestor, type of tool and tool. Wilson's interval at the
        effective number of calls n/deff, deff by Rao and Scott (1992), t of tasks-1 degrees (Korn and Graubard 1998).
        """
        by = execution.execution_by
        return {"execution": self._of(by, "domain", "requestor", "tool_type"), "by_tool": self._of(by, "domain", "requestor", "tool")}

    def get_recall_results(self) -> Tables:
        """Return the second outcome: reference actions made of those there are, by tau2's own rule (`Action.compare_with_tool_call`),
        reads and writes apart; every action that was not made with the nearest call, argument by argument.
        """
        return {
            "recall": self._of(recall.recall_by, "domain", "tool_type"),
            "by_tool": self._of(recall.recall_by, "domain", "requestor", "tool_type", "tool"),
            "missed_actions": self._of(recall.missed_actions),
            "argument_misses": self._of(recall.argument_misses),
        }

    def get_reward_results(self) -> Tables:
        """Return the third outcome: solved simulations, pass^k = mean over tasks of C(c, k)/C(n, k) (arXiv 2406.12045), parts of the
        reward, checks of the evaluator, how simulations ended.
        """
        return {
            "success": self._of(rewards.success_by, "domain"),
            "pass_k": self._of(rewards.pass_k),
            "parts": self._of(rewards.reward_parts),
            "checks": self._of(rewards.checks),
            "terminations": self._of(rewards.terminations),
        }

    def get_results(self) -> dict[str, Tables]:
        """Return the three outcomes side by side, never mixed: execution, recall, reward."""
        return {"execution": self.get_execution_results(), "recall": self.get_recall_results(), "reward": self.get_reward_results()}

    def get_requestor_comparison(self) -> Tables:
        """Return agent and user: calls, failed calls with interval, Cliff's delta, p of the score test clustered by task (Boos 1992)."""
        return {"requestors": self._of(execution.requestors)}

    def get_argument_analysis(self) -> Tables:
        """Return arguments: which were given, of what type, checked against the tool's signature (from events), seen in the conversation
        before or not, and how often calls fail by number of arguments. Shares with clustered Wilson intervals.
        `complexity_distribution`: of the complexity of arguments, 0 to 1.
        """
        return {
            "complexity_distribution": highlights.complexity_of(self._of(bottlenecks.values)),
            "argument_use": self._of(argument_use.argument_use),
            "schema_checks": self._of(argument_use.schema_checks),
            "unseen_values": self._of(argument_use.unseen_values),
            "unseen_and_errors": self._of(argument_use.unseen_and_errors),
            "errors_by_argument_count": self._of(argument_use.errors_by_argument_count),
        }

    def get_argument_correlation_analysis(self) -> Tables:
        """Return the features of arguments with the failure of the call, and of simulations with their success: Cliff's delta (Cliff
        1993), -1 to 1; p of the score test on ranks clustered by task, adjusted by Holm (1979) over each table.
        `performance_predictors`: the features of a call by the size of their effect.
        """
        calls = self._of(correlations.call_correlations)
        return {
            "performance_predictors": highlights.strongest(calls),
            "call_correlations": calls,
            "simulation_correlations": self._of(correlations.simulation_correlations),
        }

    def get_performance_analysis(self) -> Tables:
        """Return times in ms: by role, by tool (mean, p50, p95 from 20 values on, max, total, share), between calls; and the
        distributions. `slow_tools` by total time, `slowest_tools` by that of a call."""
        tools = self._of(bottlenecks.slow_tools)
        return {
            "time_by_role": self._of(bottlenecks.time_by_role),
            "slow_tools": tools,
            "slowest_tools": highlights.slowest(tools),
            "between_calls": self._of(bottlenecks.between_calls),
            "values": self._of(bottlenecks.values),
        }

    def get_performance_bottlenecks(self) -> Tables:
        """Return where time is lost: roles and tools by total time (ms), the longest simulations against the median of their domain,
        loops, repeats. `slowest_operations`: single tool calls.
        """
        return {
            "slowest_operations": self._of(highlights.slowest_calls),
            "time_by_role": self._of(bottlenecks.time_by_role),
            "slow_tools": self._of(bottlenecks.slow_tools),
            "slow_simulations": self._of(bottlenecks.slow_simulations),
            "loops": self._of(loops.loops),
            "repeated_calls": self._of(loops.repeated_calls),
        }

    def get_error_analysis(self) -> Tables:
        """Return errors by kind (rules of `taxonomy.RULES`), with examples and what followed; why each failed simulation failed
        (`root_causes.CAUSES`), and whose fault it is (`attribute.FAULT_RULES`).
        """
        return {
            "fault_counts": self._of(fault_tables.fault_counts),
            "agent_success": self._of(fault_tables.agent_success),
            "attribution": self._of(attribute.attribution),
            "error_kinds": self._of(taxonomy.error_kinds),
            "error_examples": self._of(taxonomy.error_examples),
            "after_errors": self._of(taxonomy.after_errors),
            "cause_counts": self._of(root_causes.cause_counts),
            "root_causes": self._of(root_causes.root_causes),
        }

    def get_temporal_analysis(self) -> Tables:
        """Return success and failed calls over the run (s) and over the simulation (number of the call), in spans of equally many; trends
        with Cliff's delta and p of the score test on ranks clustered by task, adjusted by Holm.
        """
        return {
            "trends": self._of(trends.trends),
            "over_the_run": self._of(trends.over_the_run),
            "errors_over_the_run": self._of(trends.errors_over_the_run),
            "errors_over_the_simulation": self._of(trends.errors_over_the_simulation),
        }

    def get_tool_efficiency_metrics(self) -> Tables:
        """Return calls beside the reference actions: on the path, failed, repeated, extra; detour = calls / reference actions; by tool,
        domain and task. `top_performers`: the tools by the share of their calls that are on the path.
        """
        tools = self._of(efficiency.tool_efficiency)
        return {
            "top_performers": highlights.best(tools),
            "tool_efficiency": tools,
            "path_efficiency": self._of(efficiency.path_efficiency),
            "path_lengths": self._of(efficiency.path_lengths),
            "task_difficulty": self._of(efficiency.task_difficulty),
        }

    def get_tool_use_analysis(self) -> Tables:
        """Return the spread of tool use: Gini ΣΣ|xᵢ-xⱼ|/(2k²·mean), Shannon's entropy in bits, effective number of tools 2^entropy;
        shares; transitions within a simulation; loops.
        """
        return {
            "diversity": self._of(diversity.diversity),
            "tool_shares": self._of(diversity.tool_shares),
            "transitions": self._of(transitions.transitions),
            "loops": self._of(loops.loops),
        }

    def get_context_length_analysis(self) -> Tables:
        """Return success against the longest prompt (tokens) with the task held fixed: common odds ratio (Mantel and Haenszel 1959) and
        share of pairs within tasks; success by span beside what the other trials of the same tasks make one expect.
        """
        return {
            "within_tasks": self._of(context_length.within_tasks),
            "success_by_context": self._of(context_length.success_by_context),
        }

    def get_sankey(self) -> list[dict[str, Any]]:
        """Return nodes and links of the calls one after the other, by domain (and by run, if there are several); see
        `transitions.sankey`."""
        return [{"run": run or None, **flow} for run, recorded in self._parts for flow in transitions.sankey(recorded)]

    def get_comprehensive_analysis(self) -> dict[str, dict[str, Any]]:
        """Return every part above, by name; and `basic_stats`, a few figures of the whole record (see `highlights`)."""
        return {
            "basic_stats": highlights.basic_stats(self.recorded),
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
