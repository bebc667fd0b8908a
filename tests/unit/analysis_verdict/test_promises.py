"""What the verdict promises, on drawn pairs of runs whose truth is known; `python -m benchmarks.verdict` has every cell of the design."""

from __future__ import annotations

import math

import pytest

from benchmarks.verdict import fixed, sequential
from benchmarks.verdict.drawn_runs import MIXED, NONE, REAL, Design

PAIRS = 1000
CHANCE = 3 * math.sqrt(0.05 * 0.95 / PAIRS)
"""Three standard errors of a share of 5 %."""


@pytest.mark.parametrize("effect", [NONE, MIXED, REAL])
@pytest.mark.parametrize(
    ("tasks", "trials", "spread", "missing"), [(5, 4, 0.0, 0.0), (15, 1, 0.2, 0.2), (50, 4, 0.4, 0.0), (114, 1, 0.4, 0.1)]
)
def test_intervals_hold_the_truth_and_chance_is_not_claimed(tasks: int, trials: int, spread: float, missing: float, effect: str) -> None:
    found = fixed.measure(Design(tasks, trials, spread, missing, effect), PAIRS)
    assert found["covered"] >= 0.95 - CHANCE
    if effect == REAL:
        assert found["claims"] <= found["as_scored"] <= found["t_test"] + CHANCE
    else:
        assert found["claims"] <= found["as_scored"] <= 0.05 + CHANCE


@pytest.mark.parametrize("effect", [NONE, MIXED])
def test_a_plan_with_looks_stops_in_vain_no_more_often_than_one_without(effect: str) -> None:
    found = sequential.measure(Design(50, 4, 0.2, 0.0, effect, drop=0.0), PAIRS)
    assert found["stopped"] <= 0.05 + CHANCE
    assert found["held"] >= 0.95 - CHANCE
