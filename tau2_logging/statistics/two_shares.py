"""Two shares of independent trials: the interval of their difference, and the chance of such a difference if there is none.

Sources: Newcombe (1998), "Interval estimation for the difference between independent proportions", Statistics in Medicine 17, method 10;
Fisher's exact test.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from tau2_logging.statistics.intervals import LEAST_FOR_RATE, wilson

_NORMAL = 1.959963984540054


@dataclass(frozen=True)
class SharesApart:
    """`difference` of the second share minus the first, its interval (95 %), Fisher's two-sided p. NaN if `remark` says why."""

    difference: float
    low: float
    high: float
    p: float
    remark: str = ""

    @property
    def is_sure(self) -> bool:
        """Whether the interval leaves out 0."""
        return self.low > 0 or self.high < 0


def share_interval(hits: int, of: int) -> tuple[float, float]:
    """Return Wilson's interval (95 %) of a share of independent trials; NaN for fewer than 5."""
    if of < LEAST_FOR_RATE:
        return math.nan, math.nan
    return wilson(hits / of, of, _NORMAL)


def shares_apart(first: tuple[int, int], second: tuple[int, int]) -> SharesApart:
    """Return how far apart two shares are, each given as (hits, of)."""
    (a, n), (b, m) = first, second
    if min(n, m) < LEAST_FOR_RATE:
        return SharesApart(math.nan, math.nan, math.nan, math.nan, f"n too small ({min(n, m)} < {LEAST_FOR_RATE})")
    p, q = a / n, b / m
    (low_p, high_p), (low_q, high_q) = wilson(p, n, _NORMAL), wilson(q, m, _NORMAL)
    difference = q - p
    low = difference - math.hypot(q - low_q, high_p - p)
    high = difference + math.hypot(high_q - q, p - low_p)
    return SharesApart(difference, low, high, _fisher(a, n, b, m))


def _fisher(a: int, n: int, b: int, m: int) -> float:
    """Return the chance of a table at most as likely as this one, its margins given."""
    total = math.comb(n + m, a + b)
    ways = [math.comb(n, k) * math.comb(m, a + b - k) for k in range(max(0, a + b - m), min(n, a + b) + 1)]
    seen = math.comb(n, a) * math.comb(m, b)
    return sum(way for way in ways if way <= seen) / total
