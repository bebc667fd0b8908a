"""The primary comparison: each task is its own control.

The difference of a task is the mean of what its trials gave in the arm, less the mean of those in the reference. Trials that are missing
are not there: they lower how well the task is known and count as nothing.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from tau2_logging.statistics.mean_difference import Interval, mean_interval, mean_share_difference
from tau2_logging.statistics.permutation import RESAMPLES, sign_flip_p
from tau2_logging.statistics.sequential import stopped_interval, stopped_p


@dataclass(frozen=True)
class PairedComparison:
    """Mean difference of the tasks (arm less reference) with its 95 % interval, and p of the sign-flip test."""

    interval: Interval
    p: float


def differences(reference: Sequence[float] | Any, arm: Sequence[float] | Any) -> Any:
    """Return task by task, from means by task in the same order; NaN if either is NaN."""
    return np.asarray(arm, dtype=float) - np.asarray(reference, dtype=float)


def compare(
    reference: Sequence[float] | Any,
    arm: Sequence[float] | Any,
    seed: int = 0,
    resamples: int = RESAMPLES,
    step: float | None = None,
    fractions: Sequence[float] = (),
) -> PairedComparison:
    """Return the two columns of means by task, in the same order, compared.

    `step`: the smallest change of a difference, for shares of trials (one over the trials); None for other measures. `fractions`: of the
    plan's tasks that were known at each look, if looks at these shares decided how many were run; interval and p are then valid at
    every look.
    """
    found = differences(reference, arm)
    if fractions and step is not None:
        return PairedComparison(stopped_interval(found, fractions, step), stopped_p(found, fractions, step))
    interval = mean_interval(found) if step is None else mean_share_difference(found, step)
    return PairedComparison(interval, sign_flip_p(found, seed=seed, resamples=resamples))
