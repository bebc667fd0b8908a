"""How far two raters agree beyond chance: Cohen's kappa (1960), with an interval by resampling tasks."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from tau2_logging.statistics.intervals import LEAST_CLUSTERS
from tau2_logging.statistics.resampled import resampled_ends
from tau2_logging.units import plural

RESAMPLES = 2000


@dataclass(frozen=True)
class Agreement:
    """Two raters on `of` things, of which they said the same of `same`. `kappa` is from -1 to 1, where 0 is what chance would give; NaN
    with a remark if it is not defined; its interval (95 %) is NaN for fewer than 5 tasks."""

    same: int
    of: int
    kappa: float
    low: float
    high: float
    remark: str = ""


def agreement(first: Sequence[bool], second: Sequence[bool], tasks: Sequence[object], seed: int = 0) -> Agreement:
    """Return how far two raters agree on the same things, each of a task; the things of a task depend on each other."""
    of = len(first)
    same = sum(a == b for a, b in zip(first, second, strict=True))
    counts = _counts(first, second, tasks)
    value = float(_kappas(counts.sum(axis=0)[None, :])[0])
    if math.isnan(value):
        said = "nothing was judged by both" if not of else "one of them always says the same, so that chance alone would agree as often"
        return Agreement(same, of, math.nan, math.nan, math.nan, said)
    if len(counts) < LEAST_CLUSTERS:
        return Agreement(
            same, of, value, math.nan, math.nan, f"n too small for an interval ({plural(len(counts), 'task')} < {LEAST_CLUSTERS})"
        )
    low, high = _interval(counts, seed)
    return Agreement(same, of, value, min(low, value), max(high, value))


def _counts(first: Sequence[bool], second: Sequence[bool], tasks: Sequence[object]) -> Any:
    """Return a row for each task: how often the two said (no, no), (no, yes), (yes, no), (yes, yes)."""
    places = {task: number for number, task in enumerate(dict.fromkeys(tasks))}
    counts = np.zeros((max(1, len(places)), 4))
    for a, b, task in zip(first, second, tasks, strict=True):
        counts[places[task], 2 * bool(a) + bool(b)] += 1
    return counts


def _kappas(counts: Any) -> Any:
    """Return kappa of each row of counts; NaN where a rater always says the same: kappa is 0 then whatever the other says."""
    counts = np.asarray(counts, dtype=float)
    with np.errstate(divide="ignore", invalid="ignore"):
        n = counts.sum(axis=1)
        observed = (counts[:, 0] + counts[:, 3]) / n
        first, second = (counts[:, 2] + counts[:, 3]) / n, (counts[:, 1] + counts[:, 3]) / n
        expected = first * second + (1 - first) * (1 - second)
        vary = (first > 0) & (first < 1) & (second > 0) & (second < 1)
        return np.where(vary, (observed - expected) / (1 - expected), np.nan)


def _interval(counts: Any, seed: int) -> tuple[float, float]:
    """Return the interval of resampled tasks; resamples without a kappa are left out."""
    draw = np.random.default_rng(seed)
    times = draw.multinomial(len(counts), np.full(len(counts), 1 / len(counts)), size=RESAMPLES)
    return resampled_ends(_kappas(times @ counts), len(counts))
