"""What the histograms of the pictures and of the page have in common: roles, bins, percentiles.

Percentiles interpolate linearly, as numpy's default does. TTFT is the time to the first token, TPOT that from the first token to the last
over (output tokens - 1), both without the runner's own queue. Failed calls are in the durations, as in the table of latencies.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from tau2_logging.analysis.measures.latency import tpot_ms
from tau2_logging.analysis.tables.columns import numbers
from tau2_logging.analysis.tables.keyed import kept
from tau2_logging.analysis.tables.simulations import TIMED_TYPES
from tau2_logging.events.roles import MODEL_ROLES, ROLE_OF_EVENT

if TYPE_CHECKING:
    from tau2_logging.analysis.run_log import RunLog

PERCENTILES = (50, 90, 95, 99)
SMALLEST_MS = 0.001
"""The log's resolution; an axis of logarithms starts here."""

_HEAVY_TAIL = 6.0
_MOST_BINS = 51
_COLUMNS = ("type", "step", "error", "duration_ms", "ttft_ms", "decode_ms", "queue_ms", "input_tokens", "output_tokens")


@kept
def calls_with_roles(log: RunLog) -> pd.DataFrame:
    """Return the timed calls of a log with `role` (evaluations have one too), `ms` and `tpot_ms`, NaN if that is not defined."""
    return with_roles(log.select(_COLUMNS, TIMED_TYPES))


def with_roles(calls: pd.DataFrame) -> pd.DataFrame:
    """Return the same for a table of calls."""
    calls = calls.assign(role=pd.Categorical(calls["type"].map(ROLE_OF_EVENT)), ms=numbers(calls, "duration_ms"))
    calls = calls[np.isfinite(calls["ms"])]
    timed: pd.DataFrame = calls.assign(tpot_ms=tpot_ms(calls))
    return timed


def by_role(calls: pd.DataFrame, field: str, roles: tuple[str, ...] = MODEL_ROLES) -> list[tuple[str, Any]]:
    """Return the values of a field for each role that has any but zeros."""
    series, found = [], numbers(calls, field)
    for role in roles:
        values = found[(calls["role"] == role).to_numpy()]
        values = values[np.isfinite(values)]
        if len(values) and values.max() > 0:
            series.append((role, values))
    return series


def bin_edges(values: Any, unit: str) -> tuple[Any, bool]:
    """Return the edges of the bins, and whether their axis is logarithmic: if the tail is heavy (p99.9 more than 6 times the median).

    `unit`: ms or tokens. Bins of tokens hold whole numbers.
    """
    low, high = float(values.min()), float(values.max())
    middle, tail = np.percentile(values, (50, 99.9))
    bins = int(np.clip(2 * np.sqrt(len(values)), 12, _MOST_BINS)) | 1
    smallest = SMALLEST_MS if unit == "ms" else 1.0
    if tail > _HEAVY_TAIL * max(middle, smallest) or (low > 0 and middle > _HEAVY_TAIL * np.percentile(values, 1)):
        floor = max(low, smallest)
        return np.geomspace(floor * 0.9, max(high, floor) * 1.1, bins + 1), True
    if unit == "tokens":
        width = max(1, int(np.ceil((high - low) / bins)))
        return np.arange(np.floor(low) - 0.5, high + width + 0.5, width), False
    margin = max((high - low) * 0.02, high * 0.02, 1e-6)
    return np.linspace(max(0.0, low - margin), high + margin, bins + 1), False


def binned(values: Any, edges: Any) -> list[int]:
    """Return the number of values in each bin; what lies outside is counted in the first and the last."""
    counts, _ = np.histogram(np.clip(values, edges[0], edges[-1]), edges)
    return [int(count) for count in counts]


def percentile_marks(values: Any) -> list[tuple[str, float]]:
    """Return (p50, value), (p90, ...), ..."""
    return [(f"p{percent}", float(value)) for percent, value in zip(PERCENTILES, np.percentile(values, PERCENTILES), strict=False)]
