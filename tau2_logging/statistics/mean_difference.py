"""The interval of a mean difference over tasks, for shares of solved trials.

It is Student's t over the differences of the tasks, whose variance is at least what it would be with two more tasks, one better and one
worse by 0.7 of a step (the square root of a half). Without that floor a few tasks that happen to agree would claim certainty: with one
trial a task a difference is -1, 0 or 1, most are 0, and the plain t and the BCa bootstrap hold the truth in as few as 62 % of cases of
5 tasks, and 90 % of 15 (benchmarks/README.md). Adding pseudo-observations is the idea of Agresti and Min (2005), Statistics in
Medicine 24, and of Bonett and Price (2012), J. Educational and Behavioral Statistics 37, for paired proportions; a task of k trials
moves in steps of 1/k.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from tau2_logging.statistics.distribution_functions import t_quantile
from tau2_logging.units import plural

CONFIDENCE = 0.95
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


def share_interval(differences: Any, step: Any, confidence: float = CONFIDENCE) -> tuple[Any, Any]:
    """Return (low, high) of the mean along the last axis, NaN left out, within -1 and 1. `step`: the smallest change of a difference."""
    mean, reach = _mean_and_reach(differences, step, confidence)
    return np.maximum(mean - reach, -1.0), np.minimum(mean + reach, 1.0)


def _mean_and_reach(values: Any, step: Any, confidence: float) -> tuple[Any, Any]:
    values = np.asarray(values, dtype=float)
    n = (~np.isnan(values)).sum(axis=-1)
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.nansum(values, axis=-1) / n, _quantiles(n, confidence) * np.sqrt(variance_of(values, step) / n)


def variance_of(differences: Any, step: Any) -> Any:
    """Return the variance of differences along the last axis, NaN left out, and at least that with two more tasks 0.7 of a step away."""
    values = np.asarray(differences, dtype=float)
    n = (~np.isnan(values)).sum(axis=-1)
    squares = np.nansum((values - (np.nansum(values, axis=-1) / n)[..., None]) ** 2, axis=-1)
    return np.maximum(squares / (n - 1), (squares + np.square(step)) / (n + 1))


def _quantiles(n: Any, confidence: float) -> Any:
    found = {int(one): t_quantile(0.5 + confidence / 2, int(one) - 1) if one > 1 else np.nan for one in np.unique(n)}
    return np.vectorize(found.__getitem__, otypes=[float])(n)


def mean_interval(
    values: Any, step: float = 0.0, bounds: tuple[float, float] = (-np.inf, np.inf), confidence: float = CONFIDENCE
) -> Interval:
    """Return the mean of one value a task, NaN left out, with its interval within `bounds`; of fewer than `LEAST_TASKS` tasks no interval.

    `step`: the smallest change of a value, of shares of trials; 0 for measures, of which tasks that are all equal give no interval.
    """
    values = np.asarray(values, dtype=float)
    values = values[~np.isnan(values)]
    nothing, n = float("nan"), len(values)
    if not n:
        return Interval(nothing, nothing, nothing, 0, "no task has values in both")
    mean = float(values.mean())
    if n < LEAST_TASKS:
        return Interval(mean, nothing, nothing, n, f"n too small for an interval ({plural(n, 'task')} < {LEAST_TASKS})")
    if not step and np.ptp(values) < 1e-12:
        return Interval(mean, nothing, nothing, n, "all tasks have the same value")
    _, reach = _mean_and_reach(values, step, confidence)
    return Interval(mean, max(mean - float(reach), bounds[0]), min(mean + float(reach), bounds[1]), n)


def mean_share_difference(differences: Any, step: float, confidence: float = CONFIDENCE) -> Interval:
    """Return the mean difference of shares with its interval; of fewer than `LEAST_TASKS` tasks no interval."""
    return mean_interval(differences, step, (-1.0, 1.0), confidence)
