"""Rates and their uncertainty where observations come in clusters: the calls and the trials of one task depend on each other.

Sources: Wilson (1927), the score interval; Rao and Scott (1992), "A simple method for the analysis of clustered binary data",
Biometrics 48, the effective sample size; Korn and Graubard (1998), Survey Methodology 24, Student's t for few clusters; Dean and Pagano
(2015), J. Survey Statistics and Methodology 3, who find Wilson's interval at the effective sample size to keep its promise.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tau2_logging.statistics.distribution_functions import t_quantile, t_two_sided

Array = NDArray[Any]

LEAST_FOR_RATE = 5
"""Fewer observations give the numerator and the denominator, and no rate."""

LEAST_FOR_TEST = 10
"""Fewer observations, or fewer than `LEAST_CLUSTERS` tasks, give no test."""

LEAST_CLUSTERS = 5
TOO_SMALL = "n too small"
CONFIDENCE = 0.95


@dataclass(frozen=True)
class Rate:
    """`hits` of `of` observations in this many clusters; `rate`, `low` and `high` (95 %) are NaN if `remark` says why."""

    hits: float
    of: int
    clusters: int
    rate: float
    low: float
    high: float
    design_effect: float
    remark: str = ""


def wilson(rate: float, n: float, quantile: float) -> tuple[float, float]:
    """Return Wilson's interval (p + q²/2n ± q·sqrt(p(1-p)/n + q²/4n²)) / (1 + q²/n) of a share `rate` of `n` (effective) observations."""
    square = quantile**2 / n
    middle = rate + square / 2
    reach = quantile / math.sqrt(n) * math.sqrt(rate * (1 - rate) + square / 4)
    return max(0.0, (middle - reach) / (1 + square)), min(1.0, (middle + reach) / (1 + square))


def rate_of(values: Any, clusters: Any, most: int | None = None) -> Rate:
    """Return the share of ones among values of 0 and 1 (or the mean of values between), with its interval.

    The variance of the ratio over m clusters is m/(m-1)·Σ(xᵢ - p·nᵢ)²/n², the design effect that over p(1-p)/n, at least 1; Wilson's
    interval is taken at n / design effect with Student's t of m-1 degrees. If all values are equal, nothing shows how far they depend
    on each other: the effective number is then that of the clusters. Fewer than 2 clusters give no interval.
    """
    numbers = np.asarray(values, dtype=float)
    _, codes = np.unique(np.asarray(clusters), return_inverse=True)
    n, m = len(numbers), int(codes.max()) + 1 if len(numbers) else 0
    hits = float(numbers.sum())
    nothing = float("nan")
    if n < LEAST_FOR_RATE:
        return Rate(hits, n, m, nothing, nothing, nothing, nothing, f"{TOO_SMALL} ({n} < {LEAST_FOR_RATE})")
    rate = hits / n
    if m < 2:
        return Rate(hits, n, m, rate, nothing, nothing, nothing, f"{TOO_SMALL} for an interval (1 task)")
    effective = _effective(numbers, codes, rate, m, n if most is None else most)
    low, high = wilson(rate, effective, t_quantile(0.5 + CONFIDENCE / 2, m - 1))
    return Rate(hits, n, m, rate, min(low, rate), max(high, rate), n / effective)


def _effective(values: Array, codes: Array, rate: float, m: int, most: int) -> float:
    if not 0 < rate < 1:
        return float(m)
    sizes, sums = np.bincount(codes, minlength=m), np.bincount(codes, weights=values, minlength=m)
    variance = m / (m - 1) * float(((sums - rate * sizes) ** 2).sum()) / len(values) ** 2
    return min(float(most), rate * (1 - rate) / variance) if variance > 0 else float(most)


def mean_interval(values: Any, most: int) -> Rate:
    """Return the mean of one value between 0 and 1 for each task, every task a cluster of its own; the values rest on `most` observations
    in all, which is what the effective number is at most.
    """
    return rate_of(values, np.arange(len(values)), most)


def rate_columns(found: Sequence[Rate], name: str, hits: str, of: str) -> dict[str, list[Any]]:
    """Return rates as columns: numerator, denominator, `{name}_rate` with `_low` and `_high`, tasks, remark."""
    whole = all(float(rate.hits).is_integer() for rate in found)
    return {
        hits: [int(rate.hits) if whole else rate.hits for rate in found],
        of: [rate.of for rate in found],
        "tasks": [rate.clusters for rate in found],
        f"{name}_rate": [rate.rate for rate in found],
        f"{name}_rate_low": [rate.low for rate in found],
        f"{name}_rate_high": [rate.high for rate in found],
        "remark": [rate.remark or None for rate in found],
    }


def score_test(x: Any, y: Any, clusters: Any) -> tuple[float, float]:
    """Return (t, two-sided p) of no association between x and y, allowing any dependence within clusters.

    U_c = Σ (xᵢ - mean x)(yᵢ - mean y) over a cluster; t = ΣU_c / sqrt(ΣU_c²) with m-1 degrees. It is the generalized score test of a
    slope of 0 (Boos 1992, The American Statistician 46), which stays finite if x separates y completely: |t| is at most sqrt(m).
    """
    x, y = np.asarray(x, dtype=float), np.asarray(y, dtype=float)
    _, codes = np.unique(np.asarray(clusters), return_inverse=True)
    scores = np.bincount(codes, weights=(x - x.mean()) * (y - y.mean()))
    spread = math.sqrt(float((scores**2).sum()))
    if spread == 0 or len(scores) < 2:
        return 0.0, 1.0
    statistic = float(scores.sum()) / spread
    return statistic, t_two_sided(statistic, len(scores) - 1)


def ranks(values: Any) -> Array:
    """Return mid-ranks from 1: equal values share the mean of their places."""
    _, places, counts = np.unique(np.asarray(values, dtype=float), return_inverse=True, return_counts=True)
    ends = np.cumsum(counts)
    return np.asarray((ends - (counts - 1) / 2)[places])


def cliffs_delta(values: Any, truth: Any) -> float:
    """Return Cliff's delta: P(value is larger if true than if false) - P(smaller); from -1 to 1, ties count for neither (Cliff
    1993)."""
    truth = np.asarray(truth, dtype=bool)
    ones, zeros = int(truth.sum()), int((~truth).sum())
    if not ones or not zeros:
        return float("nan")
    larger = float(ranks(values)[truth].sum()) - ones * (ones + 1) / 2
    return 2 * larger / (ones * zeros) - 1
