"""The tables of the deep analysis, in the order of reading: key (also the file's name), group, title, what makes it, a note."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import pandas as pd

from tau2_logging.analysis.deep import (
    bottlenecks,
    context_length,
    correlations,
    efficiency,
    recall,
    rewards,
    root_causes,
    trends,
)
from tau2_logging.analysis.deep.attribution import attribute, fault_tables, procedures
from tau2_logging.analysis.deep.attribution.agreement import label_agreement, own_reviews, readings
from tau2_logging.analysis.deep.reading.recorded import Recorded
from tau2_logging.analysis.deep.tool_calls import agent_events, argument_use, diversity, execution, loops, taxonomy, transitions

OUTCOMES, FAILURES, ARGUMENTS, BEHAVIOR, TIME = "outcomes", "failures", "arguments", "behavior", "time_of_calls"
GROUPS = {
    OUTCOMES: "Outcomes",
    FAILURES: "Failures",
    ARGUMENTS: "Arguments",
    BEHAVIOR: "Behavior",
    TIME: "Time of calls",
}
"""Group of tables, and what it is called."""

_KINDS_BY = "By the error text that the model was sent, and by the tool's signature if events say that the call did not fit it."
INTERVAL = "95 % Wilson intervals, clustered by task."


@dataclass(frozen=True)
class TableKind:
    """`key` names it in JSON and in file names; `brief`: a summary holds it, and the terminal shows it."""

    key: str
    group: str
    title: str
    make: Callable[[Recorded], pd.DataFrame]
    note: str = ""
    brief: bool = False


def _by(function: Callable[..., pd.DataFrame], *names: str) -> Callable[[Recorded], pd.DataFrame]:
    return lambda recorded: function(recorded, *names)


TABLES: tuple[TableKind, ...] = (
    TableKind("success", OUTCOMES, "Reward: tasks solved", _by(rewards.success_by, "domain"),
              f"A simulation without a reward (an outage, a timeout) is not scored. {INTERVAL}", brief=True),
    TableKind("pass_k", OUTCOMES, "Reward: pass^k", rewards.pass_k,
              "Mean over tasks of C(c, k)/C(n, k): the chance that k new trials all succeed.", brief=True),
    TableKind("recall", OUTCOMES, "Recall: reference actions made", _by(recall.recall_by, "domain", "tool_type"),
              f"By tau2's own rule, whether the call succeeded or not. {INTERVAL}", brief=True),
    TableKind("execution", OUTCOMES, "Execution: tool calls that failed", _by(execution.execution_by, "domain", "requestor", "tool_type"),
              f"A tool message with error=True, whatever came of the task. {INTERVAL}", brief=True),
    TableKind("reward_parts", OUTCOMES, "Reward: its parts", rewards.reward_parts, "A reward is the product of these."),
    TableKind("checks", OUTCOMES, "Reward: what the evaluator checked", rewards.checks),
    TableKind("terminations", OUTCOMES, "How simulations ended", rewards.terminations),
    TableKind("recall_by_tool", OUTCOMES, "Recall by tool", _by(recall.recall_by, "domain", "requestor", "tool_type", "tool")),
    TableKind("execution_by_tool", OUTCOMES, "Execution by tool", _by(execution.execution_by, "domain", "requestor", "tool")),
    TableKind("requestors", OUTCOMES, "Agent and user", execution.requestors,
              "delta: Cliff's, above 0 if the user's calls fail more often; p: score test clustered by task."),
    TableKind("task_difficulty", OUTCOMES, "Tasks, the hardest first", efficiency.task_difficulty),
    TableKind("fault_counts", FAILURES, "Whose fault", fault_tables.fault_counts,
              "Found by rules; `unknown` if none applies. 95 % Wilson intervals, clustered by task.", brief=True),
    TableKind("agent_success", FAILURES, "Success if only the agent's failures counted", fault_tables.agent_success,
              "low: failures of unknown fault are the agent's; high: they are left out like those of others.", brief=True),
    TableKind("attribution", FAILURES, "Whose fault, simulation by simulation", attribute.attribution_table,
              "turn: message in the trajectory, from 0; precision: right decisions of the rule on labeled public runs."),
    TableKind("label_agreement", FAILURES, "Rules and labels", label_agreement.label_agreement,
              "Of the simulations that were labeled: right of what the rules said, found of what was labeled; Cohen's kappa."),
    TableKind("label_confusion", FAILURES, "Rules and labels, pair by pair", label_agreement.label_confusion),
    TableKind("readings", FAILURES, "What a reader says of each failure", readings.readings,
              "`--reader`: a model that read the conversation, and quotes it; an answer whose quote is not there is thrown away."),
    TableKind("reader_agreement", FAILURES, "A reader against labels and rules", readings.reader_agreement,
              "precision: right of what the reader said; found: of what the other said; Cohen's kappa."),
    TableKind("reader_confusion", FAILURES, "A reader against labels and rules, pair by pair", readings.reader_confusion),
    TableKind("own_reviews", FAILURES, "tau2's own reviews and the rules", own_reviews.own_reviews,
              "Reviews that tau2 v1 was asked for; a critical error of the user counts before one of the agent."),
    TableKind("own_review_agreement", FAILURES, "tau2's own reviews against rules and labels", own_reviews.own_review_agreement,
              "precision: right of what the review said; found: of what the other said; Cohen's kappa."),
    TableKind("procedure_counts", FAILURES, "Passes that an auditor would fail", procedures.procedure_counts,
              "Solved simulations in which the agent did not keep to a procedure of its policy.", brief=True),
    TableKind("procedure_breaches", FAILURES, "Passes that an auditor would fail, one by one", procedures.procedure_breaches),
    TableKind("cause_counts", FAILURES, "Why simulations failed", root_causes.cause_counts,
              "The first cause, in a fixed order, with evidence in the record; found by rules, open the simulation to verify.", brief=True),
    TableKind("root_causes", FAILURES, "Each failed simulation", root_causes.root_causes),
    TableKind("error_kinds", FAILURES, "Kinds of error", taxonomy.error_kinds, _KINDS_BY, brief=True),
    TableKind("error_examples", FAILURES, "Error texts", taxonomy.error_examples),
    TableKind("after_errors", FAILURES, "What followed a failed call", taxonomy.after_errors),
    TableKind("missed_actions", FAILURES, "Reference actions that were not made, and the nearest call", recall.missed_actions),
    TableKind("argument_misses", FAILURES, "What differed in the nearest calls, by argument", recall.argument_misses),
    TableKind("corrections", FAILURES, "What the agent corrected", agent_events.corrections),
    TableKind("argument_use", ARGUMENTS, "Arguments given", argument_use.argument_use),
    TableKind("schema_checks", ARGUMENTS, "Calls against the tool's signature", argument_use.schema_checks, "Only known with events."),
    TableKind("unseen_values", ARGUMENTS, "Values that did not occur before", argument_use.unseen_values,
              "Not in the policy, the messages or the tools' results: invented, computed, or memorized."),
    TableKind("unseen_and_errors", ARGUMENTS, "Failed calls with and without such a value", argument_use.unseen_and_errors, brief=True),
    TableKind("errors_by_argument_count", ARGUMENTS, "Failed calls by number of arguments", argument_use.errors_by_argument_count),
    TableKind("call_correlations", ARGUMENTS, "Features of a call and its failure", correlations.call_correlations,
              "delta: Cliff's, above 0 if larger in failed calls; p: score test clustered by task, adjusted by Holm over this table."),
    TableKind("simulation_correlations", ARGUMENTS, "Features of a simulation and its success", correlations.simulation_correlations,
              "delta: Cliff's, above 0 if larger in solved ones. Failing may be the cause rather than the effect."),
    TableKind("diversity", BEHAVIOR, "Spread of tool use", diversity.diversity, brief=True),
    TableKind("tool_shares", BEHAVIOR, "Share of each tool", diversity.tool_shares),
    TableKind("transitions", BEHAVIOR, "From one call to the next", transitions.transitions, "Within a simulation and requestor."),
    TableKind("loops", BEHAVIOR, "Loops: the same calls at least 3 times in a row", loops.loops, brief=True),
    TableKind("repeated_calls", BEHAVIOR, "Identical calls made again", loops.repeated_calls),
    TableKind("path_efficiency", BEHAVIOR, "Calls beside the reference actions", efficiency.path_efficiency,
              "extra: neither on the reference path, nor failed, nor a repeat; a read among them is not necessarily wrong.", brief=True),
    TableKind("tool_efficiency", BEHAVIOR, "Calls on the reference path, by tool", efficiency.tool_efficiency),
    TableKind("state_changes", BEHAVIOR, "Successful writes that changed something", agent_events.state_changes),
    TableKind("within_tasks", BEHAVIOR, "Success and context length within tasks", context_length.within_tasks,
              "Trials of one task compared; odds ratio by Mantel and Haenszel. Going wrong may be what makes a trial long.", brief=True),
    TableKind("success_by_context", BEHAVIOR, "Success by longest prompt", context_length.success_by_context,
              "A drop that expected_rate (from the other trials of the same tasks) also shows is due to the mix of tasks."),
    TableKind("context_reductions", BEHAVIOR, "Prompts that the agent shortened", agent_events.context_reductions),
    TableKind("time_by_role", TIME, "Time by role", bottlenecks.time_by_role, brief=True),
    TableKind("slow_tools", TIME, "Time by tool", bottlenecks.slow_tools),
    TableKind("slow_simulations", TIME, "Longest simulations", bottlenecks.slow_simulations),
    TableKind("between_calls", TIME, "Time between calls", bottlenecks.between_calls),
    TableKind("trends", TIME, "Trends", trends.trends,
              "Over the run, tasks that came late may differ from those that came early.", brief=True),
    TableKind("over_the_run", TIME, "Success over the run", trends.over_the_run),
    TableKind("errors_over_the_run", TIME, "Failed calls over the run", trends.errors_over_the_run),
    TableKind("errors_over_the_simulation", TIME, "Failed calls by their number in the simulation", trends.errors_over_the_simulation),
    TableKind("values", TIME, "Distributions", bottlenecks.values),
)  # fmt: skip


@dataclass(frozen=True)
class DeepTable:
    """A table that was made."""

    kind: TableKind
    frame: pd.DataFrame


def typed(frame: pd.DataFrame) -> pd.DataFrame:
    """Return the table with a column as numbers if every value in it is a number; texts and truths stay as they are; the remark
    last."""
    numbers = [name for name in frame if frame[name].dtype == object and _holds_numbers(frame[name])]
    frame = frame.assign(**{str(name): pd.to_numeric(frame[name]) for name in numbers})
    return frame[[name for name in frame if name != "remark"] + [name for name in frame if name == "remark"]]


def _holds_numbers(values: pd.Series) -> bool:
    known = [value for value in values if value is not None and value == value]
    return bool(known) and all(isinstance(value, (int, float)) and not isinstance(value, bool) for value in known)
