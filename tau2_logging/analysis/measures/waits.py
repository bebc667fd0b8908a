"""Waits before retries, and for servers that are down, as wall time: what a simulation waited while nothing else of it was at work."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from tau2_logging.analysis.tables.columns import as_floats
from tau2_logging.analysis.tables.lanes import union
from tau2_logging.analysis.tables.simulations import KEY
from tau2_logging.events import MODEL_CALL_TYPES

if TYPE_CHECKING:
    import pandas as pd

    from tau2_logging.analysis.tables.log_data import LogData

WAITS = ("retry", "server_wait")
_AT_WORK = (*MODEL_CALL_TYPES, "tool_call")


def retry_waits(log: LogData, table: pd.DataFrame) -> tuple[Any, Any]:
    """(ms waited before the evaluation, ms waited in it) for each row of a table of KEY, start_ms and end_ms, in its order.

    Waits at one time count once, and those beside a call not at all. The log's exclusive times hold the first in other_ms and the
    second in evaluation_ms.
    """
    before, within = np.zeros(len(table)), np.zeros(len(table))
    events = _placed(log, table)
    for place in events.loc[events["type"].isin(WAITS), "place"].unique():
        before[place], within[place] = split_waits(events[events["place"] == place])
    return before, within


def _placed(log: LogData, table: pd.DataFrame) -> pd.DataFrame:
    """Waits, calls and evaluations of the simulations that had a wait: type, place (row of the table), start_ms, end_ms."""
    spans = table[KEY].assign(begin=as_floats(table["start_ms"]), until=as_floats(table["end_ms"]), place=np.arange(len(table)))
    waits = log.select([*KEY, "start_ms", "wait_ms"], types=WAITS).dropna(subset=["start_ms", "wait_ms"])
    spans = spans.merge(waits[KEY].drop_duplicates(), on=KEY)
    types = (*_AT_WORK, "evaluation", *WAITS) if len(spans) else WAITS
    events = log.select([*KEY, "type", "start_ms", "end_ms", "wait_ms"], types=types).dropna(subset=["start_ms"]).merge(spans, on=KEY)
    events["end_ms"] = events["end_ms"].fillna(events["start_ms"] + events["wait_ms"])
    begin = as_floats(events["start_ms"])
    return events[(begin >= as_floats(events["begin"]) - 1e-3) & ~(begin > as_floats(events["until"]))]


def split_waits(events: pd.DataFrame) -> tuple[float, float]:
    """The same for the events of one simulation: type, start_ms, end_ms."""
    calls = events[events["type"].isin(_AT_WORK)]
    waits = events[events["type"].isin(WAITS)]
    evaluated = waits["start_ms"] >= events.loc[events["type"] == "evaluation", "start_ms"].min() - 1e-3
    return _alone(waits[~evaluated], calls), _alone(waits[evaluated], calls)


def _alone(waits: pd.DataFrame, calls: pd.DataFrame) -> float:
    """How long a wait is open and no call is."""
    starts, ends = as_floats(calls["start_ms"]), as_floats(calls["end_ms"])
    together = union([*as_floats(waits["start_ms"]), *starts], [*as_floats(waits["end_ms"]), *ends])
    return together - union(starts, ends)
