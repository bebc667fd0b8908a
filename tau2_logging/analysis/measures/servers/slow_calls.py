"""Whether model calls are slower at one server than at the others, and slower with many in flight than with few.

Tests allow any dependence within a task (Boos 1992), on ranks, so that a few long calls decide nothing.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import polars as pl

from tau2_logging.analysis.measures.percentiles import percentile
from tau2_logging.analysis.measures.run_time.makespan import in_flight
from tau2_logging.analysis.tables.columns import as_floats
from tau2_logging.events import MODEL_CALL_TYPES
from tau2_logging.statistics.intervals import ranks, score_test

if TYPE_CHECKING:
    from tau2_logging.analysis.tables.log_data import LogData

LEAST_CALLS = 20
ENDPOINT_COLUMNS = ["type", "model", "endpoint", "n", "p50_ms", "others_p50_ms", "more_ms", "p"]
LOAD_COLUMNS = ["type", "model", "few", "many", "n_few", "n_many", "p50_few_ms", "p50_many_ms", "more_ms", "p"]


def calls_by_endpoint(log: LogData, least_ratio: float = 0.0) -> pd.DataFrame:
    """Return ENDPOINT_COLUMNS for each server of a model that has several, of successful calls. `more_ms`: what its calls took longer in
    all than they would have at the median of the others; `p`: of no difference, two-sided, NaN if its median is less than `least_ratio`
    times theirs. Servers and others with fewer than LEAST_CALLS calls are left out.
    """
    calls = _successful(log, ["endpoint"])
    calls = calls[calls["endpoint"].notna()]
    rows = []
    for (type_, model), group in calls.groupby(["type", "model"], sort=False):
        for endpoint in group["endpoint"].unique() if group["endpoint"].nunique() > 1 else ():
            there = (group["endpoint"] == endpoint).to_numpy()
            if min(there.sum(), (~there).sum()) >= LEAST_CALLS:
                own, others, more, p = _compared(group, there, least_ratio)
                rows.append((type_, model, endpoint, int(there.sum()), own, others, more, p))
    return pd.DataFrame(rows, columns=ENDPOINT_COLUMNS)


def slower_with_load(log: LogData, least_ratio: float = 0.0) -> pd.DataFrame:
    """Return LOAD_COLUMNS by type and model: calls that started with at most `few` of their kind in flight (the quarter with the fewest),
    and those that started with at least `many` (the quarter with the most). Empty if these do not differ in number. `p` is NaN if the
    median of those with many is less than `least_ratio` times that of the others.
    """
    rows = []
    for (type_, model), group in _successful(log, ["start_ms", "end_ms"]).dropna(subset=["start_ms", "end_ms"]).groupby(["type", "model"]):
        level = _in_flight(group)
        few, many = np.percentile(level, [25, 75], method="nearest")
        both = (level <= few) | (level >= many)
        counts = (int((level <= few).sum()), int((level >= many).sum()))
        if many >= 2 * few and min(counts) >= LEAST_CALLS:
            loaded, free, more, p = _compared(group[both], (level >= many)[both], least_ratio)
            rows.append((type_, model, int(few), int(many), *counts, free, loaded, more, p))
    return pd.DataFrame(rows, columns=LOAD_COLUMNS)


def _successful(log: LogData, columns: list[str]) -> pd.DataFrame:
    good = ~pl.col("error").fill_null(False) & pl.col("duration_ms").is_not_null()
    return log.select(["task_number", "type", "model", "duration_ms", *columns], types=MODEL_CALL_TYPES, where=good)


def _in_flight(calls: pd.DataFrame) -> Any:
    start = as_floats(calls["start_ms"])
    moments, counts = in_flight(start, as_floats(calls["end_ms"]))
    if not len(moments):
        return np.ones(len(calls), dtype=np.int64)
    return np.maximum(counts[np.searchsorted(moments, np.round(start, 3), side="right") - 1], 1)


def _compared(calls: pd.DataFrame, chosen: Any, least_ratio: float) -> tuple[float, float, float, float]:
    """Return (p50 of the chosen, p50 of the others, what the chosen took longer than that in all, p), p only if the ratio is asked for."""
    ms = as_floats(calls["duration_ms"])
    own, others = percentile(ms[chosen], 50), percentile(ms[~chosen], 50)
    more = max(0.0, float((ms[chosen] - others).sum()))
    if own < least_ratio * others:
        return own, others, more, float("nan")
    return own, others, more, score_test(chosen, ranks(ms), pd.factorize(calls["task_number"])[0])[1]
