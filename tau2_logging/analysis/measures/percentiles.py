"""What a set of durations is summed up by. One definition of each figure, used everywhere."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

PERCENTILES = (50, 90, 95, 99)
SUMMARY_COLUMNS = ("n", "errors", "mean_ms", "std_ms", "min_ms", "p50_ms", "p90_ms", "p95_ms", "p99_ms", "max_ms", "total_ms")


def percentile(values: NDArray[Any], percent: float) -> float:
    """Return numpy's `percentile` with `method="linear"` (the default: Hyndman and Fan's type 7); NaN of nothing.

    Infinite values, as failed calls have in failure-adjusted percentiles, sort last; between a number and infinity lies infinity.
    """
    if not len(values):
        return float("nan")
    if np.isfinite(values).all():
        return float(np.percentile(values, percent, method="linear"))
    place = (len(values) - 1) * percent / 100
    low, high = np.sort(values)[[int(np.floor(place)), int(np.ceil(place))]]
    return float(low if low == high else low + (high - low) * (place % 1))


def _percentiles(values: NDArray[Any]) -> list[float]:
    """Return all of PERCENTILES, in one pass if every value is finite."""
    if len(values) and np.isfinite(values).all():
        return [float(value) for value in np.percentile(values, PERCENTILES, method="linear")]
    return [percentile(values, percent) for percent in PERCENTILES]


def summarize(values: NDArray[Any], errors: int = 0) -> dict[str, float | int]:
    """Return n, errors, untimed, mean, standard deviation (ddof=1), min, p50, p90, p95, p99, max and total of durations in ms.

    `n` counts all and `untimed` those whose duration is absent, which are in no other figure; what has no meaning (the deviation of one
    value, the total of none) is NaN.
    """
    n = len(values)
    values = values[~np.isnan(values)]
    found = len(values)
    nothing = float("nan")
    return {
        "n": n,
        "untimed": n - found,
        "errors": errors,
        "mean_ms": float(np.sum(values) / found) if found else nothing,
        "std_ms": float(np.std(values, ddof=1)) if found > 1 else nothing,
        "min_ms": float(values.min()) if found else nothing,
        **dict(zip((f"p{percent}_ms" for percent in PERCENTILES), _percentiles(values), strict=True)),
        "max_ms": float(values.max()) if found else nothing,
        "total_ms": float(np.sum(values)) if found else nothing,
    }


def equal_bins(values: NDArray[Any], bins: int) -> list[tuple[float, float, int]]:
    """Return equal-width bins over the range of the values: (from, to, how many); the last bin includes its end."""
    values = values[~np.isnan(values)]
    if not len(values):
        return []
    counts, edges = np.histogram(values, bins=bins)
    return [(float(low), float(high), int(count)) for low, high, count in zip(edges[:-1], edges[1:], counts, strict=True)]
