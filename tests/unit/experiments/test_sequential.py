"""Looks after each batch claim too much at no time: the bounds against published ones and drawn processes, the interval by hand."""

from __future__ import annotations

import math
from statistics import mean, stdev

import numpy as np
import pytest
from scipy.stats import norm, t

from tau2_logging.statistics.sequential import normal_bounds, spent, stopped_interval, stopped_p

FIFTHS = (0.2, 0.4, 0.6, 0.8, 1.0)
VALUES = [1.0, 0.0, 0.5, 1.0, 0.0, 1.0, 0.5, 0.0, 1.0, 0.5, -0.5, 1.0]


def test_a_single_look_at_the_end_is_the_ordinary_test() -> None:
    assert normal_bounds((1.0,), 0.05) == pytest.approx((norm.isf(spent(1.0, 0.05) / 2),))


def test_the_first_bound_spends_what_is_allowed_and_bounds_fall() -> None:
    bounds = normal_bounds(FIFTHS)
    assert 2 * norm.sf(bounds[0]) == pytest.approx(spent(0.2, 0.05))
    assert list(bounds) == sorted(bounds, reverse=True)


def test_a_process_without_an_effect_leaves_the_bounds_as_often_as_the_level_says() -> None:
    """400,000 drawn processes: after each look the share that has left is what may have been spent (standard error 0.03 %)."""
    steps = np.random.default_rng(1).normal(scale=math.sqrt(0.2), size=(400_000, 5))
    left = np.abs(np.cumsum(steps, axis=1)) / np.sqrt(FIFTHS) >= np.array(normal_bounds(FIFTHS))
    shares = np.maximum.accumulate(left, axis=1).mean(axis=0)
    assert shares == pytest.approx([spent(fraction, 0.05) for fraction in FIFTHS], abs=0.0012)


def test_the_interval_of_a_look_is_the_mean_and_its_bound() -> None:
    found = stopped_interval([*VALUES, math.nan], FIFTHS[:2], step=0.5)
    bound = t.isf(norm.sf(normal_bounds(FIFTHS)[1]), len(VALUES) - 1)
    floor = (sum((value - mean(VALUES)) ** 2 for value in VALUES) + 0.5**2) / (len(VALUES) + 1)
    reach = bound * math.sqrt(max(stdev(VALUES) ** 2, floor) / len(VALUES))
    assert (found.low, found.high, found.tasks) == pytest.approx((mean(VALUES) - reach, min(1.0, mean(VALUES) + reach), 12))
    assert math.isnan(stopped_interval([1.0] * 4, (0.1,), 1.0).low)


def test_the_p_is_the_level_at_which_the_interval_just_leaves_0_out() -> None:
    p = stopped_p(VALUES, FIFTHS[:3], 0.5)
    assert stopped_interval(VALUES, FIFTHS[:3], 0.5, p * 1.01).low > 0 > stopped_interval(VALUES, FIFTHS[:3], 0.5, p * 0.99).low
    assert stopped_p([0.0] * 12, FIFTHS[:3], 1.0) == 1
    assert math.isnan(stopped_p([1.0], FIFTHS[:3], 1.0))
