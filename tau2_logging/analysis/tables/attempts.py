"""Every attempt at a simulation, on a clock without the pauses of a resumed run, with the slot of the pool that it ran in.

A worker is a slot: a place for one simulation at a time. Threads are no workers: one that was given up after a timeout, or that belonged
to an earlier start of the run, has left its slot to another.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from tau2_logging.analysis.tables.columns import as_floats
from tau2_logging.analysis.tables.lanes import pack
from tau2_logging.analysis.tables.run_clock import sane, sessions
from tau2_logging.analysis.tables.simulations import KEY

if TYPE_CHECKING:
    from tau2_logging.analysis.tables.event_tables import EventTables

_MARKS = ("run_start", "run_end", "task_start", "task_end")
_ROUNDING_MS = 0.01
COLUMNS = [*KEY, "attempt", "ended", "status", "start_ms", "end_ms", "duration_ms", "session", "at_ms", "until_ms", "slot"]


def attempt_table(log: EventTables) -> pd.DataFrame:
    """Return one row an attempt, in order of its start: COLUMNS.

    attempt: from 1. ended: whether there is a task_end, with its status; an attempt without one lasts to the last thing that is known of
    it. One that ended, after an unknown time and without an event that has one, is left out. start_ms and end_ms are by the log's clock,
    at_ms and until_ms by one that stops while the run does: the run's starts (session: 0, 1, ...) follow each other, each from its first
    simulation to its last. slot: from 0, within the session.
    """
    marks = log.select([*KEY, "row", "file", "type", "time", "status", "start_ms", "duration_ms"], types=_MARKS)
    marks["session"] = sessions(marks)
    marks = marks[marks["type"].isin(("task_start", "task_end")) & marks["task"].notna()]
    table = _paired(marks)
    is_open = ~table["ended"]
    if is_open.any():
        mine = table[is_open]
        last = _last_seen(log, table[table["key"].isin(mine["key"])]).reindex(mine.index)
        seen = np.fmax(last.to_numpy(dtype=float), mine["start_ms"])
        table.loc[is_open, "end_ms"] = seen.where(mine["status"].isna() | (seen > mine["start_ms"]))
    table["start_ms"], table["end_ms"] = sane(as_floats(table["start_ms"])), sane(as_floats(table["end_ms"]))
    table = table.dropna(subset=["start_ms", "end_ms"]).sort_values(["session", "start_ms"], kind="stable", ignore_index=True)
    table["duration_ms"] = table["end_ms"] - table["start_ms"]
    return _laid_end_to_end(table)[COLUMNS]


def _paired(marks: pd.DataFrame) -> pd.DataFrame:
    """Return starts with their ends, as they follow each other in the file."""
    key = marks.groupby(KEY, dropna=False, sort=False).ngroup()
    starts = marks["type"] == "task_start"
    marks = marks.assign(key=key, attempt=starts.groupby(key).cumsum().clip(lower=1))
    each = ["key", "attempt"]
    first = marks.drop_duplicates(each)[[*KEY, *each, "row", "session", "start_ms"]]
    ends = (
        marks[~starts]
        .drop_duplicates(each, keep="last")[[*each, "status", "start_ms", "duration_ms"]]
        .rename(columns={"start_ms": "began"})
    )
    table = first.merge(ends, on=each, how="left")
    table["start_ms"] = table["began"].fillna(table["start_ms"])
    table["end_ms"], table["ended"] = table["start_ms"] + table["duration_ms"], table["duration_ms"].notna()
    return table


def _last_seen(log: EventTables, table: pd.DataFrame) -> pd.Series[float]:
    """Return when the last event of each attempt ended, later if a heartbeat says how long it had waited by then; of all attempts at some
    simulations."""
    simulations = table.drop_duplicates("key")
    events = log.select(["row", "start_ms", "end_ms", "elapsed_ms", "place"], of=simulations)
    events = events.assign(key=simulations["key"].to_numpy()[events["place"]], seen=events["end_ms"].fillna(events["start_ms"]))
    starts = pd.DataFrame({"key": table["key"], "row": table["row"].astype("int64"), "place": table.index})
    placed = pd.merge_asof(events.drop(columns="place"), starts.sort_values("row"), on="row", by="key").groupby("place")
    return placed["seen"].max() + placed["elapsed_ms"].last().fillna(0.0)


def _laid_end_to_end(table: pd.DataFrame) -> pd.DataFrame:
    by_session = table.groupby("session")
    begin = by_session["start_ms"].min()
    length = by_session["end_ms"].max() - begin
    shift = (length.cumsum() - length - begin).reindex(table["session"]).to_numpy()
    slots = [slot for _, rows in by_session for slot in pack(rows["start_ms"], rows["end_ms"] - _ROUNDING_MS)]
    return table.assign(at_ms=table["start_ms"] + shift, until_ms=table["end_ms"] + shift, slot=np.array(slots, dtype=np.int64))
