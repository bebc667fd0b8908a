"""How long the run would have taken if the longest simulations had been started first."""

from __future__ import annotations

import heapq
from collections.abc import Iterable
from typing import TYPE_CHECKING

import pandas as pd

from tau2_logging.analysis.tables.columns import as_floats

if TYPE_CHECKING:
    from tau2_logging.analysis.tables.log_data import LogData

COLUMNS = ["session", "simulations", "workers", "in_order_ms", "longest_first_ms", "saved_ms"]


def longest_first(log: LogData) -> pd.DataFrame:
    """Return COLUMNS for each start of the run: wall times if each worker that is free takes the next simulation, in the order of their
    starts and by duration. Both are computed from the durations in the log, which are taken not to depend on the order.
    """
    rows = []
    for session, table in log.attempts.groupby("session"):
        durations = [float(value) for value in as_floats(table.sort_values("start_ms")["duration_ms"])]
        workers = int(table["slot"].max()) + 1
        in_order, sorted_first = list_schedule(durations, workers), list_schedule(sorted(durations, reverse=True), workers)
        saved = max(0.0, in_order - sorted_first)
        rows.append((session, len(durations), workers, in_order, sorted_first, saved))
    return pd.DataFrame(rows, columns=COLUMNS)


def list_schedule(durations: Iterable[float], workers: int) -> float:
    """Return when the last of these ends if each worker takes the next one as soon as it is free (Graham 1969)."""
    free = [0.0] * workers
    for duration in durations:
        heapq.heapreplace(free, free[0] + duration)
    return max(free)
