"""Pairs of runs with a known true difference: tasks of their own difficulty, a trial at a time, some simulations without a score."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

NONE, REAL, MIXED = "none", "real", "mixed"


@dataclass(frozen=True)
class Design:
    """Success has mean `rate` and standard deviation `spread` over tasks; a share `missing` of simulations has no score. `effect`: none;
    real, B fails a fifth of what A solves; mixed, every task is easier or harder for B by chance, and on the mean nothing changes.
    """

    tasks: int
    trials: int
    spread: float
    missing: float
    effect: str
    rate: float = 0.6
    drop: float = 0.2

    @property
    def truth(self) -> float:
        """Mean difference of the population of tasks."""
        return -self.drop * self.rate if self.effect == REAL else 0.0


def draw(design: Design, pairs: int, random: np.random.Generator) -> tuple[Any, Any]:
    """Return outcomes of A and B: arrays (pair, task, trial) of 0, 1 and NaN."""
    first = _chances(design, pairs, random)
    second = {NONE: first, REAL: first * (1 - design.drop)}.get(design.effect)
    if second is None:
        signs = random.choice([-1.0, 1.0], first.shape)
        second = first + signs * 0.6 * np.minimum(first, 1 - first)
    found = []
    for chance in (first, second):
        one = random.binomial(1, chance[..., None], (*chance.shape, design.trials)).astype(float)
        one[random.random(one.shape) < design.missing] = np.nan
        found.append(one)
    return found[0], found[1]


def _chances(design: Design, pairs: int, random: np.random.Generator) -> Any:
    shape = (pairs, design.tasks)
    if not design.spread:
        return np.full(shape, design.rate)
    weight = design.rate * (1 - design.rate) / design.spread**2 - 1
    return random.beta(design.rate * weight, (1 - design.rate) * weight, shape)


def means(outcomes: Any) -> Any:
    """Return the mean of the trials that are there; NaN without any."""
    known = ~np.isnan(outcomes)
    number = known.sum(axis=-1)
    return np.where(number > 0, np.nansum(outcomes, axis=-1) / np.maximum(number, 1), np.nan)
