"""Waits before retries, and for servers that are down, as wall time: what a simulation waited while nothing else of it was at work."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from tau2_logging.analysis.tables.columns import as_floats
from tau2_logging.analysis.tables.lanes import union
from tau2_logging.events import MODEL_CALL_TYPES

if TYPE_CHECKING:
    import pandas as pd

    from tau2_logging.analysis.tables.log_data import LogData

WAITS = ("retry", "server_wait")
_AT_WORK = (*MODEL_CALL_TYPES, "tool_call", "retrieval_call")


def retry_waits(log: LogData, table: pd.DataFrame) -> tuple[Any, Any]:
    """Return (ms waited before the evaluation, ms waited in it) for each row of a table of KEY, start_ms and end_ms, in its order.

    Waits at one time count once, and those beside a call not at all. The log's exclusive times hold the first in other_ms and the
    second in evaluation_ms.
    """
    return split_waits(_placed(log, table).sort_values("place", kind="stable"), "place", len(table))


def _placed(log: LogData, table: pd.DataFrame) -> pd.DataFrame:
    """Return waits, calls and evaluations of the simulations that had a wait: type, place (row of the table), start_ms, end_ms."""
    waits = log.select(["start_ms", "wait_ms", "place"], types=WAITS, of=table).dropna(subset=["start_ms", "wait_ms"])
    waiting = np.unique(waits["place"])
    types = (*_AT_WORK, "evaluation", *WAITS) if len(waiting) else WAITS
    events = log.select(["type", "start_ms", "end_ms", "wait_ms", "place"], types=types, of=table.iloc[waiting]).dropna(subset=["start_ms"])
    events["end_ms"] = events["end_ms"].fillna(events["start_ms"] + events["wait_ms"])
    events["place"] = waiting[events["place"]]
    begin, until = (as_floats(table[name])[events["place"]] for name in ("start_ms", "end_ms"))
    started = as_floats(events["start_ms"])
    return events[(started >= begin - 1e-3) & ~(started > until)]


def split_waits(events: pd.DataFrame, by: str, places: int) -> tuple[Any, Any]:
    """Return the same for events (type, start_ms, end_ms) that are sorted by the place of their simulation, of which there are so many."""
    before, within = np.zeros(places), np.zeros(places)
    found, columns = events[by].to_numpy(), _columns(events)
    waited = np.unique(found[columns[0]])
    firsts, ends = (np.searchsorted(found, waited, side) for side in ("left", "right"))
    for place, first, end in zip(waited, firsts, ends, strict=True):
        before[place], within[place] = _split(*(column[first:end] for column in columns))
    return before, within


def _columns(events: pd.DataFrame) -> tuple[Any, ...]:
    """Return which events are waits, calls and evaluations, when they start and end, in arrays: a frame for each is slow."""
    kinds = (events["type"].isin(types).to_numpy(dtype=bool) for types in (WAITS, _AT_WORK, ("evaluation",)))
    return (*kinds, as_floats(events["start_ms"]), as_floats(events["end_ms"]))


def _split(is_wait: Any, is_call: Any, is_evaluation: Any, starts: Any, ends: Any) -> tuple[float, float]:
    evaluation = np.nanmin(starts[is_evaluation], initial=np.inf)
    in_it = is_wait & (starts >= evaluation - 1e-3)
    return _alone(is_wait & ~in_it, is_call, starts, ends), _alone(in_it, is_call, starts, ends)


def _alone(waits: Any, calls: Any, starts: Any, ends: Any) -> float:
    """Return how long a wait is open and no call is."""
    both = waits | calls
    return union(starts[both], ends[both]) - union(starts[calls], ends[calls]) if waits.any() else 0.0
