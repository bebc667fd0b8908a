"""The sign-flip permutation test of a mean difference of 0.

Source: Fisher (1935), The Design of Experiments, section 21: without an effect, either sign of a task's difference was as likely.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

RESAMPLES = 9999
EXACT_TASKS = 13
"""Up to this many tasks that differ, all 2^n signs are tried; with more, RESAMPLES drawn ones, the observed one counted with them."""


def sign_flip_p(values: Sequence[float] | Any, seed: int = 0, resamples: int = RESAMPLES) -> float:
    """Return the two-sided p of a mean difference at least as far from 0. Tasks without a difference have no sign to flip; NaN for no
    task at all."""
    numbers = np.asarray(values, dtype=float)
    numbers = numbers[~np.isnan(numbers)]
    if len(numbers) == 0:
        return float("nan")
    moved = numbers[np.abs(numbers) > 1e-12]
    if len(moved) < 2:
        return 1.0  # either sign of a single difference is as far from 0
    return _tested(moved, seed, None if len(moved) <= EXACT_TASKS else resamples)


def _tested(moved: Any, seed: int, resamples: int | None) -> float:
    """Return all sign patterns for `resamples` None, else drawn ones. What scipy.stats.permutation_test gives, without its loop in
    Python."""
    size = len(moved)
    if resamples is None:
        flipped = (np.arange(2**size)[:, None] >> np.arange(size)) & 1
    else:
        flipped = np.random.default_rng(seed).integers(0, 2, (resamples, size), dtype=np.int8)
    sums = np.abs((1 - 2 * flipped.astype(float)) @ moved)
    as_far = int((sums >= abs(float(moved.sum())) - 1e-9).sum())  # equal sums of shares must compare as equal
    return as_far / len(sums) if resamples is None else (as_far + 1) / (resamples + 1)
