"""Two shares beside each other."""

from __future__ import annotations

import math

import pytest
from scipy.stats import fisher_exact

from tau2_logging.statistics.two_shares import share_interval, shares_apart


def test_the_interval_of_a_difference_is_newcombes() -> None:
    """His example (1998, table II): 56 of 70 against 48 of 80 is 0.2, from 0.0524 to 0.3339."""
    apart = shares_apart((48, 80), (56, 70))
    assert apart.difference == pytest.approx(0.2)
    assert (apart.low, apart.high) == (pytest.approx(0.0524, abs=1e-4), pytest.approx(0.3339, abs=1e-4))
    assert apart.is_sure


@pytest.mark.parametrize("tables", [((1, 8), (7, 8)), ((0, 6), (6, 6)), ((3, 24), (4, 9)), ((5, 5), (5, 5))])
def test_p_is_fishers(tables: tuple[tuple[int, int], tuple[int, int]]) -> None:
    (a, n), (b, m) = tables
    assert shares_apart(*tables).p == pytest.approx(fisher_exact([[a, n - a], [b, m - b]]).pvalue)


def test_fewer_than_five_give_no_interval() -> None:
    apart = shares_apart((4, 4), (0, 9))
    assert apart.remark
    assert not apart.is_sure
    assert all(math.isnan(end) for end in share_interval(2, 4))
