"""BCa bootstrap intervals of a mean over tasks.

Source: Efron (1987), "Better bootstrap confidence intervals", JASA 82, as scipy.stats.bootstrap computes it. A bootstrap of n values is
too narrow by sqrt((n-1)/n), and takes the normal's quantile where Student's t has the wider one: Hesterberg (2015), The American
Statistician 69, section 5.3, makes up for both by a smaller tail; `adjusted_tail` is that.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

RESAMPLES = 9999
LEAST_TASKS = 5
"""Fewer tasks give a mean and no interval."""


@dataclass(frozen=True)
class Interval:
    """An estimate with its interval, over this many tasks. NaN if `remark` says why."""

    estimate: float
    low: float
    high: float
    tasks: int
    remark: str = ""


def adjusted_tail(tail: float, n: int) -> float:
    """Return the tail to ask a bootstrap of n values for, so that about `tail` is left outside: Φ(-sqrt(n/(n-1))·t)."""
    from scipy.special import ndtr, stdtrit

    return float(ndtr(-math.sqrt(n / (n - 1)) * stdtrit(n - 1, 1 - tail)))


def bca_interval(
    values: Sequence[float] | Any,
    confidence: float = 0.95,
    seed: int = 0,
    resamples: int = RESAMPLES,
    bounds: tuple[float, float] | None = None,
) -> Interval:
    """Return the mean of one value a task with its BCa interval. `bounds`: what a value can be, for tasks that are all equal.

    Then no resample differs and the bootstrap would claim certainty. The interval is instead what n equal values leave open: with
    probability `confidence`, at most a share u = 1 - (tail)^(1/n) of all tasks differs, each by no more than the bounds allow.
    """
    numbers = np.asarray(values, dtype=float)
    numbers = numbers[~np.isnan(numbers)]
    n = len(numbers)
    nothing = float("nan")
    if n == 0:
        return Interval(nothing, nothing, nothing, 0, "no task has values in both")
    mean = float(numbers.mean())
    if n < LEAST_TASKS:
        return Interval(mean, nothing, nothing, n, f"n too small for an interval ({n} tasks < {LEAST_TASKS})")
    if np.ptp(numbers) < 1e-12:
        return _of_equal(mean, n, confidence, bounds)
    low, high = _bca(numbers, confidence, seed, resamples)
    return Interval(mean, min(low, mean), max(high, mean), n)


def _of_equal(value: float, n: int, confidence: float, bounds: tuple[float, float] | None) -> Interval:
    if bounds is None:
        return Interval(value, float("nan"), float("nan"), n, "all tasks have the same value")
    share = 1 - ((1 - confidence) / 2) ** (1 / n)
    return Interval(value, value - share * (value - bounds[0]), value + share * (bounds[1] - value), n, "all tasks have the same value")


def _bca(numbers: Any, confidence: float, seed: int, resamples: int) -> tuple[float, float]:
    from scipy.stats import bootstrap

    tail = adjusted_tail((1 - confidence) / 2, len(numbers))
    found = bootstrap(
        (numbers,),
        np.mean,
        confidence_level=1 - 2 * tail,
        n_resamples=resamples,
        method="BCa",
        vectorized=True,
        batch=max(1, 4_000_000 // len(numbers)),
        rng=np.random.default_rng(seed),
    ).confidence_interval
    return float(found.low), float(found.high)
