"""A run as rows and intervals on one clock: what the pictures, the trace and the report draw. Data only.

The clock is milliseconds since the run started. A run that was resumed started several times; its starts (and several runs, if several
are loaded) are laid end to end, with `breaks` at the seams: the pause in between is not time that anything took.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property, partial
from typing import Any

import numpy as np
import pandas as pd

from tau2_logging.analysis.tables.columns import column, numbers
from tau2_logging.analysis.tables.outcomes import named_statuses
from tau2_logging.analysis.tables.run_clock import KEY, on_one_clock
from tau2_logging.events.kinds import COUNTERS
from tau2_logging.events.roles import EXCLUSIVE_MS, ROLE_NAMES, ROLE_OF_EVENT, ROLE_OF_TIME, TOKEN_FIELDS

LANE_OF = {
    **ROLE_OF_EVENT,
    "retry": "retry",
    "server_wait": "retry",
    "heartbeat": "waiting",
    "stuck": "waiting",
}
"""Which lane an event of this type is drawn in. `retry` holds pauses between attempts and waits
for servers that are down, `waiting` what never came back."""

EXCLUSIVE_ROLES = {**ROLE_OF_TIME, "setup_ms": "setup", "other_ms": "other"}
"""Whose time an exclusive time of task_end is, in the order in which shares are drawn."""

LANES = (*ROLE_NAMES, "retry", "waiting")

ROW_FIELDS = (
    "status", "reward", "termination", "stop_token", *EXCLUSIVE_MS, *COUNTERS, *TOKEN_FIELDS, "cost_usd", "agent_cost_usd",
    "error_type", "error_message",
)  # fmt: skip
CALL_FIELDS = ("type", "requestor", "error", "file")
DETAILS = (
    "step", "model", "expert", "function", "call_type", "has_tool_calls", "queue_ms", "ttft_ms", "decode_ms", *TOKEN_FIELDS, "cost_usd",
    "finish_reason", "attempt", "error_type", "error_message", "endpoint", "server_queue_ms", "server_prefill_ms", "server_decode_ms",
    "span", "parent", "line",
)  # fmt: skip
"""What else is known of a call: read when it is asked for, since no picture shows it and half a million calls of it take 100 MB."""

ROUNDING_MS = 0.002
"""What two times may differ by that the log rounded: starts and durations are whole microseconds."""

PLACED_BY = (
    "file", "type", "time", *KEY, "start_ms", "duration_ms", "total_duration_ms", "wait_ms", "elapsed_ms",
)  # fmt: skip
"""Columns of every event that a timeline is made of: whose it is, and when it was."""

_STEP_FIELDS = ("step", "from_role", "to_role", "error", "line")

_WITH_A_ROW = (*LANE_OF, "task_start", "task_end", "step_complete")
TYPES = (*_WITH_A_ROW, "run_start")
"""Types of events that a timeline is made of."""

_AT_ONCE = 12

Fields = Callable[[Sequence[str], Sequence[str]], pd.DataFrame]
"""Returns columns of the events of some types, a row for each in file order."""


@dataclass(frozen=True)
class _Details:
    """Columns of events, read when they are asked for."""

    fields: Fields
    type_of: pd.Series

    def of(self, names: Sequence[str], types: Sequence[str], wanted: pd.Index) -> dict[str, pd.Series]:
        """Return columns of the wanted events, which are of these types, in their order. They are read _AT_ONCE at a time."""
        places = self.type_of.index[self.type_of.isin(types).to_numpy()].get_indexer(wanted)
        parts = (names[at : at + _AT_ONCE] for at in range(0, len(names), _AT_ONCE))
        return {name: values.take(places).reset_index(drop=True) for part in parts for name, values in self.fields(part, types).items()}


@dataclass(frozen=True)
class Timeline:
    """One run, or several laid end to end.

    `rows`: one row a simulation and attempt (a simulation that was killed and run again has two), in order of start: KEY, attempt
    (from 1), counted (False for an attempt that was run again), start_ms, end_ms, read (False if its calls were left out of a very large
    log), and ROW_FIELDS; status is `unfinished` if no task_end was written, `unknown` if the log has none of any. `calls`: row (into
    `rows`), lane, name, start_ms, end_ms, own_ms (its duration; the extent of an evaluation, a tool call or a search also holds the calls
    in it), open (it never came back), event (its index in the table of events) and CALL_FIELDS.
    `steps`: row, step, from_role, to_role, start_ms, end_ms, error. `breaks`: where a later start of the run joins, in ms.
    """

    rows: pd.DataFrame
    calls: pd.DataFrame
    steps: pd.DataFrame
    breaks: tuple[float, ...]
    details: _Details

    @property
    def unread(self) -> int:
        """Number of rows whose calls and steps were left out."""
        return int((~self.rows["read"]).sum())

    @property
    def end_ms(self) -> float:
        """End of the last simulation."""
        return float(self.rows["end_ms"].max()) if len(self.rows) else 0.0

    @cached_property
    def lane_codes(self) -> Any:
        """The place in LANES of the lane of each call."""
        codes, lanes = pd.factorize(self.calls["lane"].to_numpy(dtype=object))
        return np.array([*(LANES.index(lane) for lane in lanes), -1], np.int8)[codes]

    @property
    def lanes(self) -> list[str]:
        """The lanes in which there is a call, in the order of LANES."""
        return [LANES[code] for code in np.unique(self.lane_codes).tolist()]

    def spans_of(self, lane: str) -> tuple[Any, Any]:
        """Return when the calls of a lane started, and when they ended by their own durations, in ms."""
        mine = self.lane_codes == LANES.index(lane)
        starts = self.calls["start_ms"].to_numpy()[mine]
        return starts, starts + self.calls["own_ms"].to_numpy()[mine]

    def detailed(self, calls: pd.DataFrame) -> pd.DataFrame:
        """Return some of the calls with their DETAILS."""
        told = self.details.of(DETAILS, tuple(LANE_OF), pd.Index(calls["event"]))
        return pd.concat([calls, pd.DataFrame(told, copy=False).set_axis(calls.index)], axis=1)

    def calls_of(self, row: int) -> pd.DataFrame:
        """Return the calls of one row, in order of start."""
        return _of_row(self.calls, row)

    def steps_of(self, row: int) -> pd.DataFrame:
        """Return the steps of one row, in order of start."""
        return _of_row(self.steps, row)


def _of_row(table: pd.DataFrame, row: int) -> pd.DataFrame:
    """Return the part of a table that is sorted by row; a search, since some reports ask for every row in turn."""
    begin, end = np.searchsorted(table["row"].to_numpy(), [row, row + 1])
    found: pd.DataFrame = table.iloc[begin:end]
    return found


def build_timeline(events: pd.DataFrame, fields: Fields | None = None) -> Timeline:
    """Return the timeline of a table of events (`LogData.events`): one row an event, in file order.

    `fields` gives the columns of calls, steps and ends; without it they are those of the table, which then needs PLACED_BY alone. A table
    of every column of every event takes several times the memory of the timeline.
    """
    details = _Details(fields or partial(_own_fields, events), events["type"])
    placed = on_one_clock(events)
    breaks = placed.attrs["breaks"]
    placed["whole_ms"] = placed["at_ms"] + numbers(events, "total_duration_ms")
    own = [name for name in KEY if name in placed]
    placed = placed.loc[events["type"].isin(_WITH_A_ROW) & placed["task"].notna(), [*own, "type", "key", "at_ms", "until_ms", "whole_ms"]]
    placed["nth"] = _attempts(placed)
    placed["group"] = _numbered(placed)
    rows = _rows(placed, details)
    of_group = np.empty(len(rows), np.int64)
    of_group[rows.pop("group").to_numpy()] = rows["row"].to_numpy()
    placed["row"] = of_group[placed["group"].to_numpy()]
    placed = placed[["row", "type", "at_ms", "until_ms", "whole_ms"]]
    calls, steps = _calls(placed, rows, details), _steps(placed, details)
    rows = rows.rename(columns={"nth": "attempt"}).drop(columns=["key"]).set_index("row", drop=False)
    return Timeline(rows, calls, steps, breaks, details)


def _own_fields(events: pd.DataFrame, names: Sequence[str], types: Sequence[str]) -> pd.DataFrame:
    mine = events[events["type"].isin(types)]
    return pd.DataFrame({name: column(mine, name) for name in names}, index=mine.index)


def _attempts(placed: pd.DataFrame) -> pd.Series:
    attempts: pd.Series = (placed["type"] == "task_start").groupby(placed["key"]).cumsum().clip(lower=1)
    return attempts


def _numbered(placed: pd.DataFrame) -> Any:
    """Return the number of each event's attempt at a simulation, in order of first appearance."""
    most = int(placed["nth"].max()) + 1 if len(placed) else 1
    return pd.factorize(placed["key"].to_numpy() * most + placed["nth"].to_numpy())[0]


def _rows(placed: pd.DataFrame, details: _Details) -> pd.DataFrame:
    groups = placed.groupby("group")
    rows: pd.DataFrame = groups.agg(start_ms=("at_ms", "min"), end_ms=("until_ms", "max")).reset_index()
    rows[["start_ms", "end_ms"]] = rows[["start_ms", "end_ms"]].fillna(0.0)
    first = placed.drop_duplicates("group")
    for name in ("key", "nth"):
        rows[name] = first[name].to_numpy()
    for name in KEY:
        rows[name] = column(first, name).to_numpy(dtype=object)
    last = placed.loc[placed["type"] == "task_end", "group"].drop_duplicates(keep="last")
    ended = rows["group"].isin(last).to_numpy()
    ends = pd.DataFrame(details.of(ROW_FIELDS, ("task_end",), last.index)).set_axis(last.to_numpy(), axis=0).reindex(rows["group"])
    for name in ROW_FIELDS:
        rows[name] = ends[name].to_numpy(dtype=object)
    rows["status"] = rows["status"].where(rows["status"].notna(), np.where(ended, "ok", _without_end(placed)))
    rows["status"] = pd.Series(named_statuses(rows["status"], rows["termination"]), index=rows.index, dtype=object)
    rows["counted"] = rows["nth"] == rows.groupby("key")["nth"].transform("max")
    rows = rows.sort_values(["start_ms", "end_ms"], kind="stable").reset_index(drop=True)
    rows["row"], rows["read"] = rows.index, True
    return rows


def _without_end(placed: pd.DataFrame) -> str:
    """Return `unfinished`; `unknown` if the log tells of no simulation's start or end at all, as the older runner's."""
    return "unfinished" if placed["type"].isin(("task_start", "task_end")).any() else "unknown"


def _calls(placed: pd.DataFrame, rows: pd.DataFrame, details: _Details) -> pd.DataFrame:
    every = placed
    placed = placed[placed["type"].isin(tuple(LANE_OF))]
    placed = placed[~placed["type"].isin(("heartbeat", "stuck")) | _never_came_back(placed, rows)]
    calls = placed[["row", "type"]].assign(start_ms=placed["at_ms"], own_ms=placed["until_ms"] - placed["at_ms"])
    calls["end_ms"] = np.fmax(placed["until_ms"], placed["whole_ms"])  # around the search in a tool call, and the embeddings in a search
    calls["lane"] = calls["type"].map(LANE_OF).astype(object)
    calls["open"] = calls["lane"] == "waiting"
    calls = calls[calls["start_ms"].notna()]
    calls = _around_judges(_after_the_last(calls, every))
    calls = calls.sort_values(["row", "start_ms", "end_ms"], kind="stable")
    told = details.of((*CALL_FIELDS, *_NAMED_BY), tuple(LANE_OF), calls.index)
    told["error"] = told["error"].astype("boolean").fillna(False).astype(bool)
    own = {name: calls[name].reset_index(drop=True) for name in ("row", "lane", "start_ms", "end_ms", "own_ms", "open")}
    fields = {name: told[name] for name in CALL_FIELDS}
    return pd.DataFrame({**fields, **own, "event": calls.index.to_series(index=fields["type"].index), "name": _names(told)}, copy=False)


def _never_came_back(placed: pd.DataFrame, rows: pd.DataFrame) -> pd.Series:
    """Return the last heartbeat or stuck event of each row without an end, if nothing was written after it."""
    unfinished = rows.loc[rows["status"] == "unfinished", "row"]
    last = placed[placed["row"].isin(unfinished)].drop_duplicates("row", keep="last")
    mask: pd.Series = pd.Series(placed.index.isin(last.index), index=placed.index)
    return mask


def _after_the_last(calls: pd.DataFrame, placed: pd.DataFrame) -> pd.DataFrame:
    """Move the start of what never came back to the end of what came before: it is known from the wall clock, to 1 ms, alone."""
    timed = placed[~placed["type"].isin(("heartbeat", "stuck"))]
    last = calls["row"].map(timed.groupby("row")["until_ms"].max())
    late = calls["open"] & (last - calls["start_ms"]).between(0.0, _WALL_CLOCK_MS)
    calls["start_ms"] = calls["start_ms"].mask(late, last)
    calls["end_ms"] = np.maximum(calls["end_ms"], calls["start_ms"])
    return calls


_WALL_CLOCK_MS = 2.0
_NAMED_BY = ("waiting_on", "function", "expert", "model")


def _names(placed: Mapping[str, pd.Series]) -> pd.Series:
    """Return what a call is called: its function, else its expert, else its model, else its type."""
    name = placed[_NAMED_BY[0]].astype(object)
    for field in (*_NAMED_BY[1:], "type"):
        name = name.where(name.notna(), placed[field].astype(object))
    names: pd.Series = name.map(str).astype(object)
    return names


def _around_judges(calls: pd.DataFrame) -> pd.DataFrame:
    """An evaluation's duration is without its judges' calls: stretch its end so that it lies around those made after it started."""
    evaluations = calls[calls["lane"] == "evaluation"].drop_duplicates("row", keep="last")
    judges = calls[calls["lane"] == "judge"]
    began = judges["row"].map(evaluations.set_index("row")["start_ms"])
    judges = judges[judges["start_ms"] >= began - ROUNDING_MS]
    if not len(judges):
        return calls
    by_row = judges.groupby("row")
    longer = evaluations["end_ms"] + evaluations["row"].map(by_row["own_ms"].sum()).fillna(0.0)
    last = evaluations["row"].map(by_row["end_ms"].max())
    calls.loc[evaluations.index, "end_ms"] = np.fmax(longer, last)
    return calls


def _steps(placed: pd.DataFrame, details: _Details) -> pd.DataFrame:
    placed = placed[(placed["type"] == "step_complete") & placed["at_ms"].notna()].sort_values(["row", "at_ms"], kind="stable")
    told = details.of(_STEP_FIELDS, ("step_complete",), placed.index)
    own = {"row": placed["row"], "start_ms": placed["at_ms"], "end_ms": placed["until_ms"]}
    return pd.DataFrame({**told, **{name: values.reset_index(drop=True) for name, values in own.items()}}, copy=False)
