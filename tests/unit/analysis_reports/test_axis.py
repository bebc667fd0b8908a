"""Round positions on an axis, and their texts."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from tau2_logging.analysis.reports.pictures.axis import count_steps, decades, on_axis, time_steps


@given(st.floats(0, 1e9), st.floats(0.01, 1e9))
def test_the_ticks_of_a_time_axis_lie_inside_it_and_are_not_too_many(low: float, span: float) -> None:
    places = time_steps(low, low + span, 8)
    assert len(places) <= 10
    assert all(low - span * 1e-6 <= place <= low + span * 1.000001 for place in places)


@given(st.floats(0.01, 1e8))
def test_no_two_ticks_of_an_axis_bear_the_same_text(high: float) -> None:
    texts = [on_axis(high)(place) for place in time_steps(0, high, 8)]
    assert len(set(texts)) == len(texts)


@given(st.floats(1e-3, 1e6), st.floats(1.01, 1e9))
def test_a_logarithmic_axis_has_at_least_one_tick_in_it_where_it_spans_more_than_a_factor_of_two_and_a_half(
    low: float, factor: float
) -> None:
    inside = [place for place in decades(low, low * factor) if low <= place <= low * factor]
    assert inside or factor < 2.6


@given(st.floats(0, 1e9))
def test_the_ticks_of_a_count_are_whole_distinct_and_reach_from_zero_to_the_end(high: float) -> None:
    places = count_steps(high)
    assert places[0] == 0
    assert places[-1] <= high * 1.000001 < places[-1] + max(1.0, high)
    assert all(place == int(place) for place in places)
    assert len(set(places)) == len(places) <= 11
