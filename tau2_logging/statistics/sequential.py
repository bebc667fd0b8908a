"""Looking after each batch without claiming too much: a confidence sequence for the mean of paired differences.

The wealth of a bettor who doubts that the mean is m, K(m) = mean over bets λ of Π(1 + λ(xᵢ - m)), is a martingale if m is the mean and the
xᵢ are drawn independently; by Ville's inequality it ever reaches 1/level with a probability of at most the level. The interval of all m
whose wealth is below that therefore holds the mean at every look at once, wherever one stops. Source: Waudby-Smith and Ramdas (2024),
"Estimating means of bounded random variables by betting", J. Royal Statistical Society B 86, section 4. A fixed mixture over bets, not a
plug-in bet, makes the result independent of the order of what has been seen.
"""

from __future__ import annotations

from typing import Any

import numpy as np

LEVEL = 0.05
_BETS = 0.98 * np.geomspace(0.02, 1.0, 24)
"""Shares of the largest bet that cannot lose everything."""

_CANDIDATES = np.linspace(-1.0, 1.0, 801)[1:-1]


def log_wealth(differences: Any, mean: Any = 0.0) -> Any:
    """Return the logarithm of the wealth after each difference (last axis) against a mean; differences are between -1 and 1.

    `mean`: a number, or an array that the result has in front of the differences' axes.
    """
    values, doubted = np.asarray(differences, dtype=float), np.asarray(mean, dtype=float)
    doubted = doubted.reshape((*doubted.shape, *(1,) * values.ndim))
    logs = [np.cumsum(np.log1p(bet / edge * (values - doubted)), axis=-1)
            for edge, sign in ((1 + doubted, 1), (doubted - 1, -1)) for bet in _BETS]  # fmt: skip
    return np.logaddexp.reduce(logs, axis=0) - np.log(len(logs))


def confidence_sequence(differences: Any, level: float = LEVEL) -> tuple[float, float]:
    """Return (low, high) after the differences that there are: valid at every look, wherever one stops."""
    values = np.asarray(differences, dtype=float)
    values = values[~np.isnan(values)]
    if not len(values):
        return -1.0, 1.0
    below = log_wealth(values, _CANDIDATES)[:, -1] < np.log(1 / level)
    kept = _CANDIDATES[below]
    step = float(_CANDIDATES[1] - _CANDIDATES[0])
    return max(-1.0, float(kept.min()) - step), min(1.0, float(kept.max()) + step)


def settled_after(differences: Any, level: float = LEVEL) -> int | None:
    """Return after how many differences a mean of 0 was ruled out for the first time; None if it is not."""
    values = np.asarray(differences, dtype=float)
    values = values[~np.isnan(values)]
    ruled_out = np.flatnonzero(log_wealth(values) >= np.log(1 / level)) if len(values) else np.array([])
    return int(ruled_out[0]) + 1 if len(ruled_out) else None
