"""A run as rows and intervals on one clock: what the pictures, the trace and the report draw. Data only.

The clock is milliseconds since the run started. A run that was resumed started several times; its starts (and several runs, if several
are loaded) are laid end to end, with `breaks` at the seams: the pause in between is not time that anything took.
"""

from __future__ import annotations

from dataclasses import dataclass

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
CALL_FIELDS = (
    "type", "step", "model", "expert", "function", "call_type", "requestor", "has_tool_calls", "queue_ms", "ttft_ms", "decode_ms",
    *TOKEN_FIELDS, "cost_usd", "finish_reason", "attempt", "error", "error_type",
    "error_message", "endpoint", "server_queue_ms", "server_prefill_ms", "server_decode_ms", "span", "parent", "file", "line",
)  # fmt: skip

ROUNDING_MS = 0.002
"""What two times may differ by that the log rounded: starts and durations are whole microseconds."""

COLUMNS = tuple(
    dict.fromkeys(
        ("file", "line", "type", "time", *KEY, "start_ms", "duration_ms", "total_duration_ms", "wait_ms", "elapsed_ms", "waiting_on",
         "from_role", "to_role", *ROW_FIELDS, *CALL_FIELDS)
    )
)  # fmt: skip
"""What of the log a timeline needs."""

_WITH_A_ROW = (*LANE_OF, "task_start", "task_end", "step_complete")
TYPES = (*_WITH_A_ROW, "run_start")
"""Types of events that a timeline is made of."""

_ROW_ALONE = [name for name in ROW_FIELDS if name not in CALL_FIELDS]


@dataclass(frozen=True)
class Timeline:
    """One run, or several laid end to end.

    `rows`: one row a simulation and attempt (a simulation that was killed and run again has two), in order of start: KEY, attempt
    (from 1), counted (False for an attempt that was run again), start_ms, end_ms, read (False if its calls were left out of a very large
    log), and ROW_FIELDS; status is `unfinished` if no task_end was written, `unknown` if the log has none of any. `calls`: row (into
    `rows`), lane, name, start_ms, end_ms, own_ms (its duration; the extent of an evaluation, a tool call or a search also holds the calls
    in it), open (it never came back) and CALL_FIELDS.
    `steps`: row, step, from_role, to_role, start_ms, end_ms, error. `breaks`: where a later start of the run joins, in ms.
    """

    rows: pd.DataFrame
    calls: pd.DataFrame
    steps: pd.DataFrame
    breaks: tuple[float, ...]

    @property
    def unread(self) -> int:
        """Number of rows whose calls and steps were left out."""
        return int((~self.rows["read"]).sum())

    @property
    def end_ms(self) -> float:
        """End of the last simulation."""
        return float(self.rows["end_ms"].max()) if len(self.rows) else 0.0

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


def build_timeline(events: pd.DataFrame) -> Timeline:
    """Return the timeline of a table of events (`LogData.events`): one row an event, in file order."""
    ends = events[events["type"] == "task_end"]
    events = on_one_clock(events.drop(columns=_ROW_ALONE, errors="ignore"))
    breaks = events.attrs["breaks"]
    placed = events[events["type"].isin(_WITH_A_ROW) & events["task"].notna()].copy()
    del events
    placed["nth"] = _attempts(placed)
    rows = _rows(placed, ends)
    placed["row"] = rows.set_index(["key", "nth"])["row"].reindex(pd.MultiIndex.from_frame(placed[["key", "nth"]])).to_numpy()
    calls = _calls(placed, rows)
    steps = _steps(placed)
    rows = rows.rename(columns={"nth": "attempt"}).drop(columns=["key"]).set_index("row", drop=False)
    return Timeline(rows, calls, steps, breaks)


def _attempts(placed: pd.DataFrame) -> pd.Series:
    attempts: pd.Series = (placed["type"] == "task_start").groupby(placed["key"]).cumsum().clip(lower=1)
    return attempts


def _rows(placed: pd.DataFrame, ends: pd.DataFrame) -> pd.DataFrame:
    groups = placed.groupby(["key", "nth"], sort=False)
    rows: pd.DataFrame = groups.agg(start_ms=("at_ms", "min"), end_ms=("until_ms", "max")).reset_index()
    rows[["start_ms", "end_ms"]] = rows[["start_ms", "end_ms"]].fillna(0.0)
    first = placed.drop_duplicates(["key", "nth"])
    for name in KEY:
        rows[name] = column(first, name).to_numpy(dtype=object)
    ends = ends.join(placed[["key", "nth"]], how="inner").drop_duplicates(["key", "nth"], keep="last").set_index(["key", "nth"])
    ends = ends.reindex(pd.MultiIndex.from_frame(rows[["key", "nth"]]))
    for name in ROW_FIELDS:
        rows[name] = column(ends, name).to_numpy(dtype=object)
    rows["status"] = rows["status"].where(rows["status"].notna(), np.where(ends["type"].notna(), "ok", _without_end(placed)))
    rows["status"] = pd.Series(named_statuses(rows["status"], rows["termination"]), index=rows.index, dtype=object)
    rows["counted"] = rows["nth"] == rows.groupby("key")["nth"].transform("max")
    rows = rows.sort_values(["start_ms", "end_ms"], kind="stable").reset_index(drop=True)
    rows["row"], rows["read"] = rows.index, True
    return rows


def _without_end(placed: pd.DataFrame) -> str:
    """Return `unfinished`; `unknown` if the log tells of no simulation's start or end at all, as the older runner's."""
    return "unfinished" if placed["type"].isin(("task_start", "task_end")).any() else "unknown"


def _calls(placed: pd.DataFrame, rows: pd.DataFrame) -> pd.DataFrame:
    every = placed
    placed = placed[placed["type"].isin(tuple(LANE_OF))]
    placed = placed[~placed["type"].isin(("heartbeat", "stuck")) | _never_came_back(placed, rows)]
    calls: pd.DataFrame = pd.DataFrame({name: column(placed, name) for name in CALL_FIELDS})
    calls["row"], calls["lane"] = placed["row"].astype(int), placed["type"].map(LANE_OF).astype(object)
    calls["start_ms"], calls["end_ms"] = placed["at_ms"], placed["until_ms"]
    calls["own_ms"] = placed["until_ms"] - placed["at_ms"]
    whole = placed["at_ms"] + numbers(placed, "total_duration_ms")
    calls["end_ms"] = np.fmax(calls["end_ms"], whole)  # around the search in a tool call, and around the embeddings in a search
    calls["open"] = calls["lane"] == "waiting"
    calls["name"] = _names(placed)
    calls["error"] = calls["error"].astype("boolean").fillna(False).astype(bool)
    calls = calls[calls["start_ms"].notna()]
    calls = _around_judges(_after_the_last(calls, every))
    ordered: pd.DataFrame = calls.sort_values(["row", "start_ms", "end_ms"], kind="stable").reset_index(drop=True)
    return ordered


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


def _names(placed: pd.DataFrame) -> pd.Series:
    """Return what a call is called: its function, else its expert, else its model, else its type."""
    name = column(placed, "waiting_on").astype(object)
    for field in ("function", "expert", "model", "type"):
        other = column(placed, field).astype(object)
        name = name.where(name.notna(), other)
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


def _steps(placed: pd.DataFrame) -> pd.DataFrame:
    placed = placed[(placed["type"] == "step_complete") & placed["at_ms"].notna()]
    steps: pd.DataFrame = pd.DataFrame({name: column(placed, name) for name in ("step", "from_role", "to_role", "error", "line")})
    steps["row"], steps["start_ms"], steps["end_ms"] = placed["row"].astype(int), placed["at_ms"], placed["until_ms"]
    ordered: pd.DataFrame = steps.sort_values(["row", "start_ms"], kind="stable").reset_index(drop=True)
    return ordered
