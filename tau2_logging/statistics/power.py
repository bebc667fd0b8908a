"""What a plan can find out, before any money is spent.

The model: task i succeeds with probability p_i in the reference, these have mean p and vary so that a share rho of the variance of a single
trial, p(1-p), lies between tasks (which pairing takes away). The arm changes p_i by d + e_i, e_i of standard
deviation `spread`. With k trials the difference of a task then has the variance 2·p(1-p)(1-rho)/k + spread², and the mean of n tasks is
tested with Student's t (statsmodels' TTestPower), at the level that Holm's first step leaves: level / comparisons.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import lru_cache

LEVEL, POWER = 0.05, 0.8


@dataclass(frozen=True)
class Design:
    """`rate` is the success expected in the reference, `between` the rho of the module, `spread` how far the effect differs by task."""

    tasks: int
    trials: int
    comparisons: int = 1
    rate: float = 0.7
    between: float = 0.5
    spread: float = 0.0
    level: float = LEVEL
    power: float = POWER

    @property
    def deviation(self) -> float:
        """Standard deviation of a task's difference."""
        return math.sqrt(2 * self.rate * (1 - self.rate) * (1 - self.between) / self.trials + self.spread**2)


def detectable(design: Design) -> float:
    """Return the smallest difference that is found with the design's power; NaN for fewer than 2 tasks."""
    if design.tasks < 2:
        return float("nan")
    return _effect_size(design.tasks, design.level / design.comparisons, design.power) * design.deviation


@lru_cache(maxsize=256)
def _effect_size(tasks: int, level: float, power: float) -> float:
    """Return the smallest mean that is found, in standard deviations. Solving for it takes some 20 ms."""
    from statsmodels.stats.power import TTestPower

    return float(TTestPower().solve_power(nobs=tasks, alpha=level, power=power, alternative="two-sided"))


def power_of(design: Design, difference: float) -> float:
    """Return how probably a true difference is found."""
    from statsmodels.stats.power import TTestPower

    size = abs(difference) / design.deviation
    alpha = design.level / design.comparisons
    return float(TTestPower().power(size, nobs=design.tasks, alpha=alpha, alternative="two-sided"))


def trials_needed(design: Design, difference: float, most: int = 1000) -> int | None:
    """Return the fewest trials with which the design finds a difference; None if even `most` are not enough.

    The variance of a task's difference may be (difference / effect size)²; what is left of it beside `spread`² is for the trials.
    """
    if design.tasks < 2:
        return None
    allowed = (difference / _effect_size(design.tasks, design.level / design.comparisons, design.power)) ** 2 - design.spread**2
    chance = 2 * design.rate * (1 - design.rate) * (1 - design.between)
    if allowed <= 0 or chance / allowed > most:
        return None
    return max(1, math.ceil(chance / allowed - 1e-9))
