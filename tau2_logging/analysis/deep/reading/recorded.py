"""What was recorded of a set of simulations, whatever it was read from: four tables with fixed columns.

A value that the sources do not hold is None or NaN; nothing is guessed. `merge.combined` makes them from rows of any source.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import pandas as pd

from tau2_logging.analysis.deep.attribution.branch_files import MeasuredTurns, read_branches
from tau2_logging.analysis.deep.reading.files.label_files import Label, read_labels
from tau2_logging.analysis.deep.reading.files.reading_files import SavedReading, read_readings
from tau2_logging.analysis.deep.reading.recorded_conversation import RecordedConversation
from tau2_logging.analysis.measures.comparison.pooling import PER_RUN, RunIdentity, check_alike
from tau2_logging.analysis.store.file_counts import Rejected

Row = dict[str, Any]

RUN_KEY = ["run", "domain", "task", "trial"]
"""What tells one simulation from another."""

TASK_KEY = ["domain", "task"]
"""What is one task: the unit that is sampled, within which trials and calls depend on each other."""

SIMULATION_COLUMNS = (
    *RUN_KEY, "status", "reward", "termination", "started", "duration_s", "agent_cost_usd", "user_cost_usd", "parts", "checks", "talk",
    "action_checks",
    "ended_in",
)  # fmt: skip
CALL_COLUMNS = (
    *RUN_KEY, "position", "turn", "call_id", "requestor", "tool", "tool_type", "arguments", "argument_count", "argument_bytes",
    "complexity", "missing", "unexpected", "wrong_type", "outside_enum", "seen", "error", "error_text", "result", "state_changed", "at_s",
    "gap_ms", "duration_ms", "prompt_tokens", "history", "injected",
)  # fmt: skip
GOLD_COLUMNS = ("run", *TASK_KEY, "index", "action_id", "requestor", "tool", "tool_type", "arguments", "compare_args")
REMARK_COLUMNS = (*RUN_KEY, "kind", "tool", "what", "outcome", "tokens_before", "tokens_after")
REPLY_COLUMNS = (*RUN_KEY, "turn", "role", "at_s", "took_ms", "prompt_tokens", "reply_tokens", "error_type")


@dataclass
class Rows:
    """Rows being read. `calls` in the order they were made; `refused` are lines that could not be read. `settings`: what each run was made
    with, as run_start says it; `tasks`: run, domain, task and the hash of its text."""

    simulations: list[Row] = field(default_factory=list)
    calls: list[Row] = field(default_factory=list)
    gold: list[Row] = field(default_factory=list)
    replies: list[Row] = field(default_factory=list)
    remarks: list[Row] = field(default_factory=list)
    refused: list[Rejected] = field(default_factory=list)
    settings: list[Row] = field(default_factory=list)
    tasks: list[Row] = field(default_factory=list)
    conversations: list[RecordedConversation] = field(default_factory=list)

    def add(self, other: Rows) -> None:
        """Append the rows of another source."""
        for name in vars(self):
            getattr(self, name).extend(getattr(other, name))


@dataclass(frozen=True, eq=False)
class Recorded:
    """The tables of some simulations; equal to nothing but itself, so that what is made of it can be kept (`kept`).

    `simulations`: one row each; `reward` NaN if it was not evaluated, `parts` the reward by basis ({"DB": 1.0, ...}) or None,
    `checks` what the evaluator asserted ({"communicate": [[text, met], ...], "assertions": ..., "environment": ...}), `talk` whether
    its messages are known, `action_checks` the reference actions that it was checked against and what came of it, if they are not its
    task's. `calls`: one row a live tool call, in order; `position` counts them in its simulation from 0, `seen` says of each argument
    whether its value was in the conversation before. `history`: the calls that was in the trajectory before the simulation started (a
    task may start in the middle of a talk): nobody made them, but tau2's action check counts them. `gold`: the reference actions of
    each run's tasks, in which releases of tau2 differ. `replies`: the messages of models, `took_ms` since the message before.
    `remarks`: what an agent put right (`correction`) or left out (`context_reduction`).
    """

    simulations: pd.DataFrame
    calls: pd.DataFrame
    gold: pd.DataFrame
    replies: pd.DataFrame
    history: pd.DataFrame
    remarks: pd.DataFrame
    refused: tuple[Rejected, ...] = ()
    sources: tuple[str, ...] = ()
    facts: tuple[RunIdentity, ...] = ()
    """What each run was made with."""
    conversations: Mapping[tuple[Any, ...], RecordedConversation] = field(default_factory=dict)
    """What was said, by run, domain, task and trial, of simulations of which results files or checkpoints hold it."""
    labels: tuple[Label, ...] = ()
    """Whose fault people said that simulations are, read from beside the files."""
    readings: tuple[SavedReading, ...] = ()
    """The same of models that read them (`--reader`)."""
    measured: Mapping[tuple[str, str, str, str], MeasuredTurns] = field(default_factory=dict)
    """What `branch` measured of simulations, by (run, domain, task, trial) as text, read from beside the files."""

    @property
    def notes(self) -> list[str]:
        """What a reader must know of the record before any figure."""
        found = []
        if foreign := int(self.simulations["action_checks"].notna().sum()):
            found.append(
                f"{foreign:,} of {len(self.simulations):,} simulations were checked against reference actions of another task than the one "
                "they name: tasks and simulations are mixed up in the file. Their recall is taken from the file's own checks; figures by "
                "task may be wrong."
            )
        if self.refused:
            said = f"{len(self.refused):,} lines or simulations could not be read and are left out"
            found.append(f"{said}; the first: {self.refused[0].reason}.")
        return found

    @property
    def tool_types_known(self) -> bool:
        """Whether any call says if its tool reads or writes."""
        return bool(self.calls["tool_type"].notna().any())

    @property
    def runs(self) -> list[str]:
        """Names of the runs, in the order of the simulations."""
        return [str(name) for name in self.simulations["run"].drop_duplicates()]

    def of_run(self, run: str) -> Recorded:
        """Return what was recorded of one run."""
        parts = ("simulations", "calls", "gold", "replies", "history", "remarks")
        said = {key: one for key, one in self.conversations.items() if str(one.run) == run}
        return replace(self, **{name: _of_run(getattr(self, name), run) for name in parts}, conversations=said)

    def without(self, tasks: Collection[tuple[str, str, str]]) -> Recorded:
        """Return what was recorded of all but these tasks, given as (run, domain, task)."""
        parts = ("simulations", "calls", "gold", "replies", "history", "remarks")
        said = {key: one for key, one in self.conversations.items() if tuple(map(str, key[:3])) not in tasks}
        return replace(self, **{name: _without(getattr(self, name), tasks) for name in parts}, conversations=said)

    def pooled(self) -> Recorded:
        """Return all runs as one record, the reference actions of a task once. Raises UserError if settings or texts of tasks differ."""
        check_alike(self.facts)
        return replace(self, gold=self.gold.drop_duplicates([*TASK_KEY, "index"], keep="last").reset_index(drop=True))


def _of_run(table: pd.DataFrame, run: str) -> pd.DataFrame:
    return table[table["run"].astype(str) == run].reset_index(drop=True)


def _without(table: pd.DataFrame, tasks: Collection[tuple[str, str, str]]) -> pd.DataFrame:
    mine = zip(*(table[name].astype(str) for name in ("run", *TASK_KEY)), strict=True)
    kept = pd.Series([key not in tasks for key in mine], index=table.index, dtype=bool)
    return table[kept].reset_index(drop=True)


def tables(rows: Rows, sources: Iterable[str]) -> Recorded:
    """Return the tables of rows, sorted by simulation so that the order of reading changes nothing."""
    simulations = frame(rows.simulations, SIMULATION_COLUMNS)
    calls = frame(rows.calls, CALL_COLUMNS)
    for name in ("reward", "duration_s", "agent_cost_usd", "user_cost_usd"):
        simulations[name] = pd.to_numeric(simulations[name])
    for name in ("argument_count", "argument_bytes", "complexity", "at_s", "gap_ms", "duration_ms", "prompt_tokens"):
        calls[name] = pd.to_numeric(calls[name])
    replies = frame(rows.replies, REPLY_COLUMNS)
    for name in ("at_s", "took_ms", "prompt_tokens", "reply_tokens"):
        replies[name] = pd.to_numeric(replies[name])
    calls = in_order(calls, [*RUN_KEY, "position"])
    before = calls["history"].eq(True)
    return Recorded(
        in_order(simulations, RUN_KEY),
        calls[~before].reset_index(drop=True),
        in_order(frame(rows.gold, GOLD_COLUMNS), ["run", *TASK_KEY, "index"]),
        in_order(replies, [*RUN_KEY, "turn"]),
        calls[before].reset_index(drop=True),
        in_order(frame(rows.remarks, REMARK_COLUMNS), RUN_KEY),
        tuple(rows.refused),
        tuple(sources),
        tuple(_facts(rows)),
        {one.key: one for one in rows.conversations},
        read_labels(sources),
        read_readings(sources),
        read_branches(sources),
    )


def _facts(rows: Rows) -> Iterator[RunIdentity]:
    for run in dict.fromkeys(str(row["run"]) for row in rows.simulations):
        settings: dict[str, dict[str, None]] = {}
        for row in rows.settings:
            for name, value in row.items() if str(row["run"]) == run else ():
                if value is not None and name not in PER_RUN:
                    settings.setdefault(name, {})[str(value)] = None
        texts = {(str(row["domain"]), str(row["task"])): str(row["task_hash"]) for row in rows.tasks if str(row["run"]) == run}
        yield RunIdentity(run, {name: ", ".join(values) for name, values in settings.items()}, texts)


def frame(rows: Iterable[Mapping[str, Any]], columns: Iterable[str]) -> pd.DataFrame:
    """Return rows as a table of objects with exactly these columns."""
    names = list(columns)
    data = {name: [row.get(name) for row in rows] for name in names} if (rows := list(rows)) else {}
    return pd.DataFrame(data, columns=pd.Index(names, dtype=object), dtype=object)


def records(table: pd.DataFrame) -> list[Row]:
    """Return the rows of a table as dicts, in order."""
    names = [str(name) for name in table.columns]
    return [dict(zip(names, row, strict=True)) for row in zip(*(table[name].tolist() for name in table.columns), strict=True)]


def in_order(table: pd.DataFrame, keys: list[str]) -> pd.DataFrame:
    """Sort by keys that may be text, numbers or absent."""
    found = list(zip(*([_sortable(value) for value in table[name]] for name in keys), strict=True))
    places = sorted(range(len(table)), key=found.__getitem__)
    return table.iloc[places].reset_index(drop=True)


def _sortable(value: Any) -> tuple[int, float, str]:
    if isinstance(value, (int, float)) and value == value:
        return 0, float(value), ""
    text = str(value)
    return (0, float(text), text) if text.isdecimal() else (1, 0.0, text)


def filled(values: pd.Series, text: str) -> pd.Series:
    """Return the column with a text if it is absent."""
    return values.astype(object).where(values.notna(), text)


def cluster_codes(table: pd.DataFrame, keys: Iterable[str] = TASK_KEY) -> Any:
    """Return a whole number for each row: equal for rows of one task."""
    return table.groupby(list(keys), sort=False, dropna=False).ngroup().to_numpy()
