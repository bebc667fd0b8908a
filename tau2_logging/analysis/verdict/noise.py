"""What chance does to a score, from the trials of the runs themselves, and what this design can show."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from tau2_logging.statistics.mean_difference import LEAST_TASKS, variance_of
from tau2_logging.statistics.power import Design, detectable, trials_needed

TARGETS = (0.20, 0.10, 0.05, 0.03, 0.02, 0.01)
_NORMAL = 1.96


@dataclass(frozen=True)
class Noise:
    """Shares of 1; None is unknown. `flipping`: tasks (of those with several trials) of which some trials were solved and some not, for A
    and B; `correlation`: how alike the trials of a task are (intraclass); `rerun`: 95 % of reruns with one trial a task change the score
    by at most this; `detectable`: the least true difference that this design finds with 80 %; `settling`: the largest round difference
    below that, and how many trials a task it takes (None: no number of trials on these tasks).
    """

    tasks: int
    trials: float
    flipping: tuple[float | None, float | None]
    correlation: float | None
    rerun: float | None
    detectable: float | None
    settling: tuple[float, int | None] | None

    def as_json(self) -> dict[str, Any]:
        """Return the figures by name."""
        settling = None if self.settling is None else {"difference": self.settling[0], "trials": self.settling[1]}
        return {
            "tasks": self.tasks, "trials": self.trials, "flipping_a": self.flipping[0], "flipping_b": self.flipping[1],
            "correlation": self.correlation, "rerun": self.rerun, "detectable": self.detectable, "settling": settling,
        }  # fmt: skip


def noise_of(a: pd.DataFrame, b: pd.DataFrame, comparisons: int = 1) -> Noise:
    """Return the noise of two tables of `outcomes_by_task` of the same tasks."""
    both = a["share"].notna() & b["share"].notna()
    a, b = a[both], b[both]
    within = [_within(side) for side in (a, b)]
    known = [value for value in within if value is not None]
    chance = float(np.mean(known)) if known else None
    flipping = (_flipping(a), _flipping(b))
    tasks = len(a)
    if tasks < LEAST_TASKS:
        return Noise(tasks, math.nan, flipping, None, None, None, None)
    rerun = None if chance is None else _NORMAL * math.sqrt(2 * chance / tasks)
    design = _design(a, b, chance, comparisons)
    correlation = None if chance is None else _correlation(a, b, chance)
    least = detectable(design)
    return Noise(tasks, design.trials, flipping, correlation, rerun, least, _settling(design, least))


def _within(side: pd.DataFrame) -> float | None:
    """Return the mean variance of a single trial within its task (unbiased), over tasks with several trials."""
    several = side[side["scored"] > 1]
    if several.empty:
        return None
    return float((several["share"] * (1 - several["share"]) * several["scored"] / (several["scored"] - 1)).mean())


def _flipping(side: pd.DataFrame) -> float | None:
    several = side[side["scored"] > 1]
    return float(several["share"].between(0, 1, inclusive="neither").mean()) if len(several) else None


def _correlation(a: pd.DataFrame, b: pd.DataFrame, chance: float) -> float | None:
    """Return how much of the variance of a single trial lies between tasks; None if every trial ended alike."""
    rate = float((a["share"].mean() + b["share"].mean()) / 2)
    return max(0.0, 1 - chance / (rate * (1 - rate))) if 0 < rate < 1 else None


def _design(a: pd.DataFrame, b: pd.DataFrame, chance: float | None, comparisons: int) -> Design:
    """Return what was run as a design of `statistics.power`, whose tasks differ by as much as these do (with the floor of the interval).

    With one trial a task the noise is not seen by itself: all that the tasks differ by is then taken for it, so that fewer trials may be
    enough than are told, but not more. `rate` and `between` only stand for the variance of a single trial within its task, `chance`.
    """
    trials = max(1, round(float(np.minimum(a["scored"], b["scored"]).mean())))
    seen = variance_of((b["share"] - a["share"]).to_numpy(dtype=float), 1 / trials)
    chance = min(seen * trials / 2, math.inf if chance is None else chance)
    spread = math.sqrt(max(0.0, seen - 2 * chance / trials))
    return Design(len(a), trials, comparisons, rate=0.5, between=1 - 4 * chance, spread=spread)


def _settling(design: Design, least: float) -> tuple[float, int | None] | None:
    target = next((one for one in TARGETS if one < least), None)
    return None if target is None else (target, trials_needed(design, target))
