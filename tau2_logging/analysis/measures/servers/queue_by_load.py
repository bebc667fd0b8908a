"""How long calls waited in a server's queue, by how many calls the run had in flight there: from how many on it queues."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from tau2_logging.analysis.measures.run_time.makespan import in_flight
from tau2_logging.analysis.measures.servers.server_waiting import with_server_times
from tau2_logging.analysis.tables.columns import numbers
from tau2_logging.events import MODEL_CALL_TYPES

if TYPE_CHECKING:
    from tau2_logging.analysis.tables.log_data import LogData

COLUMNS = ["endpoint", "in_flight", "calls", "queue_mean_ms", "call_mean_ms"]
LEAST_CALLS = 5
"""Fewer calls at a level say nothing of it."""

LEAST_SHARE = 0.1
"""From this share of a call on, waiting is called queueing."""


def queue_by_load(log: LogData) -> pd.DataFrame:
    """Return COLUMNS by endpoint and number of calls that were in flight there when the call started, itself included.

    Of the calls whose server told its queue; calls that it did not tell of are in flight all the same.
    """
    columns = ["run", "span", "endpoint", "start_ms", "end_ms", "duration_ms"]
    calls = log.select(columns, types=MODEL_CALL_TYPES).dropna(subset=["endpoint", "start_ms", "end_ms"])
    calls = with_server_times(log, calls)
    if "server_queue_ms" not in calls:
        return pd.DataFrame(columns=COLUMNS)
    tables = [_of_endpoint(endpoint, group) for endpoint, group in calls.groupby("endpoint", sort=False)]
    return pd.concat(tables, ignore_index=True)[COLUMNS] if tables else pd.DataFrame(columns=COLUMNS)


def _of_endpoint(endpoint: Any, calls: pd.DataFrame) -> pd.DataFrame:
    start = numbers(calls, "start_ms")
    moments, counts = in_flight(start, numbers(calls, "end_ms"))
    level = counts[np.searchsorted(moments, np.round(start, 3), side="right") - 1] if len(moments) else np.ones(len(calls), int)
    told = calls.assign(in_flight=np.maximum(level, 1)).dropna(subset=["server_queue_ms"])
    groups = told.groupby("in_flight", sort=True)
    table = groups.agg(calls=("endpoint", "size"), queue_mean_ms=("server_queue_ms", "mean"), call_mean_ms=("duration_ms", "mean"))
    return table.reset_index().assign(endpoint=endpoint)


def queues_from(table: pd.DataFrame, endpoint: str) -> int | None:
    """Return the least number of calls in flight at a server from which on calls wait for LEAST_SHARE of their time or longer; None if no
    number of calls with LEAST_CALLS calls does, or if even a call alone waits.
    """
    known = table[(table["endpoint"] == endpoint) & (table["calls"] >= LEAST_CALLS)]
    waits = known["queue_mean_ms"] >= LEAST_SHARE * known["call_mean_ms"]
    free = known.loc[~waits, "in_flight"]
    after = known.loc[waits & (known["in_flight"] > free.max()), "in_flight"] if len(free) else known.loc[[], "in_flight"]
    return int(after.min()) if len(after) else None
