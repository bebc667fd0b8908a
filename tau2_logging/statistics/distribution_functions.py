"""The distributions that intervals and tests need; the one place that knows scipy."""

from __future__ import annotations

from typing import Any


def t_quantile(probability: float, degrees: float) -> float:
    """Return the value that Student's t with this many degrees of freedom stays below with that probability."""
    from scipy.special import stdtrit

    return float(stdtrit(degrees, probability))


def t_two_sided(statistic: float, degrees: float) -> float:
    """Return how probable a t at least as far from 0 is."""
    from scipy.special import stdtr

    return float(2 * stdtr(degrees, -abs(statistic)))


def normal_quantile(probability: float) -> float:
    """Return the value that a standard normal variable stays below with that probability."""
    from scipy.special import ndtri

    return float(ndtri(probability))


def chi_square_above(statistic: float, degrees: float) -> float:
    """Return how probable a chi-square at least as large is."""
    from scipy.special import chdtrc

    return float(chdtrc(degrees, statistic))


def beta_greater(first: tuple[float, float], second: tuple[float, float], points: int = 2000) -> float:
    """Return how probable it is that the second of two chances is the greater one, from (successes, failures) of each and Jeffreys' prior.

    The integral of P(first < x) over the second's distribution, by its quantiles in the middle of `points` equal parts.
    """
    import numpy as np
    from scipy.special import betainc, betaincinv

    middles = (np.arange(points) + 0.5) / points
    chances = betaincinv(second[0] + 0.5, second[1] + 0.5, middles)
    return float(betainc(first[0] + 0.5, first[1] + 0.5, chances).mean())


def normal_below(value: Any) -> Any:
    """Return how probable a standard normal variable is to be below a value, or below each of an array."""
    from scipy.special import ndtr

    return ndtr(value)
