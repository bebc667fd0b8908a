"""Placing intervals into lanes and rows."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tau2_logging.analysis.tables.lanes import Placed, in_flight, mean_in_flight, nest, pack

SLICES = st.lists(
    st.tuples(st.integers(0, 60), st.integers(0, 25), st.integers(0, 3)).map(lambda s: (s[0], s[0] + s[1], s[2])), max_size=40
)
INTERVALS = st.lists(st.tuples(st.integers(0, 60), st.integers(0, 25)).map(lambda s: (s[0], s[0] + s[1])), max_size=40)


def nested_or_disjoint(a: Placed, b: Placed) -> bool:
    apart = a.end <= b.start or b.end <= a.start
    return apart or (a.start <= b.start and b.end <= a.end) or (b.start <= a.start and a.end <= b.end)


@given(SLICES, st.integers(0, 4))
def test_any_two_slices_of_a_lane_are_nested_or_disjoint_whatever_was_given(slices: list[tuple[int, int, int]], tolerance: int) -> None:
    placed = nest(slices, tolerance)
    for lane in {one.lane for one in placed}:
        mine = [one for one in placed if one.lane == lane]
        assert all(nested_or_disjoint(a, b) for i, a in enumerate(mine) for b in mine[i + 1 :])


@given(SLICES, st.integers(0, 4))
def test_every_slice_is_placed_once_and_no_end_of_it_moves_further_than_the_tolerance(
    slices: list[tuple[int, int, int]], tolerance: int
) -> None:
    placed = nest(slices, tolerance)
    assert sorted(one.index for one in placed) == list(range(len(slices)))
    for one in placed:
        start, end, _ = slices[one.index]
        assert 0 <= one.start - start <= tolerance
        assert abs(one.end - end) <= tolerance


@given(SLICES)
def test_a_slice_lies_only_on_one_of_a_lower_rank(slices: list[tuple[int, int, int]]) -> None:
    placed = nest(slices)
    for inner in placed:
        for outer in placed:
            overlap = inner.lane == outer.lane and outer.start < inner.end and inner.start < outer.end
            if overlap and inner.index != outer.index:
                assert slices[inner.index][2] != slices[outer.index][2]


def test_a_call_that_sticks_out_of_its_step_by_rounding_stays_in_its_lane() -> None:
    placed = nest([(0, 100, 0), (0, 50, 1), (10, 52, 2), (51, 100, 1)], tolerance=2)
    assert {one.lane for one in placed} == {0}
    assert {one.index: one.end for one in placed}[2] == 50


def test_two_calls_at_the_same_time_get_lanes_of_their_own_though_one_is_inside_the_other() -> None:
    assert sorted(one.lane for one in nest([(0, 100, 0), (10, 90, 2), (20, 30, 2)])) == [0, 0, 1]


@given(INTERVALS)
def test_packed_rows_hold_no_two_intervals_at_once_and_are_as_many_as_were_ever_open(spans: list[tuple[int, int]]) -> None:
    rows = pack([start for start, _ in spans], [end for _, end in spans])
    for i, (start, end) in enumerate(spans):
        for j in range(i):
            if rows[i] == rows[j]:
                assert end <= spans[j][0] or spans[j][1] <= start
    most = max((sum(s <= at < e or s == e == at for s, e in spans) for at in range(86)), default=0)
    assert max(rows, default=-1) + 1 <= max(most, 1 if spans else 0)


@given(INTERVALS.filter(bool))
def test_the_number_in_flight_is_the_number_of_intervals_that_are_open(spans: list[tuple[int, int]]) -> None:
    moments, counts = in_flight(*zip(*spans, strict=False))
    for moment, count in zip(moments, counts, strict=False):
        assert count == sum(start <= moment < end for start, end in spans)
    assert counts[-1] == 0


@given(INTERVALS.filter(bool))
def test_the_mean_in_flight_over_all_bins_times_their_width_is_the_sum_of_the_lengths(spans: list[tuple[int, int]]) -> None:
    edges = np.linspace(0, 100, 37)
    mean = mean_in_flight(*zip(*spans, strict=False), edges)
    assert float(np.sum(mean * np.diff(edges))) == pytest.approx(sum(end - start for start, end in spans), abs=1e-6)
