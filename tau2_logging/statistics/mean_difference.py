"""The interval of a mean difference over tasks, for shares of solved trials.

It is Student's t over the differences of the tasks, whose variance is at least what it would be with two more tasks, one a step better and
one a step worse. Without that floor a few tasks that happen to agree would claim certainty: with one trial a task a difference is -1, 0 or
1, most are 0, and the plain t and the BCa bootstrap hold the truth in as few as 62 % of cases of 5 tasks, and 90 % of 15
(benchmarks/README.md). Adding pseudo-observations is the idea of Agresti and Min (2005), Statistics in Medicine 24, and of Bonett and
Price (2012), J. Educational and Behavioral Statistics 37, for paired proportions; a task of k trials moves in steps of 1/k.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from tau2_logging.statistics.bootstrap import LEAST_TASKS, Interval
from tau2_logging.statistics.distribution_functions import t_quantile

CONFIDENCE = 0.95


def share_interval(differences: Any, step: Any, confidence: float = CONFIDENCE) -> tuple[Any, Any]:
    """Return (low, high) of the mean along the last axis, NaN left out, within -1 and 1. `step`: the smallest change of a difference."""
    values = np.asarray(differences, dtype=float)
    n = (~np.isnan(values)).sum(axis=-1)
    with np.errstate(invalid="ignore", divide="ignore"):
        mean = np.nansum(values, axis=-1) / n
        reach = _quantiles(n, confidence) * np.sqrt(variance_of(values, step) / n)
    return np.maximum(mean - reach, -1.0), np.minimum(mean + reach, 1.0)


def variance_of(differences: Any, step: Any) -> Any:
    """Return the variance of differences along the last axis, NaN left out, and at least that with two more tasks a step up and down."""
    values = np.asarray(differences, dtype=float)
    n = (~np.isnan(values)).sum(axis=-1)
    squares = np.nansum((values - (np.nansum(values, axis=-1) / n)[..., None]) ** 2, axis=-1)
    return np.maximum(squares / (n - 1), (squares + 2 * np.square(step)) / (n + 1))


def _quantiles(n: Any, confidence: float) -> Any:
    found = {int(one): t_quantile(0.5 + confidence / 2, int(one) - 1) if one > 1 else np.nan for one in np.unique(n)}
    return np.vectorize(found.__getitem__, otypes=[float])(n)


def mean_share_difference(differences: Any, step: float, confidence: float = CONFIDENCE) -> Interval:
    """Return the mean difference with its interval; of fewer than `LEAST_TASKS` tasks no interval."""
    values = np.asarray(differences, dtype=float)
    values = values[~np.isnan(values)]
    nothing = float("nan")
    if not len(values):
        return Interval(nothing, nothing, nothing, 0, "no task has values in both")
    if len(values) < LEAST_TASKS:
        remark = f"n too small for an interval ({len(values)} tasks < {LEAST_TASKS})"
        return Interval(float(values.mean()), nothing, nothing, len(values), remark)
    low, high = share_interval(values, step, confidence)
    return Interval(float(values.mean()), float(low), float(high), len(values))
