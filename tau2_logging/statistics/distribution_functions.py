"""The distributions that intervals and tests need; the one place that knows scipy."""

from __future__ import annotations


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
