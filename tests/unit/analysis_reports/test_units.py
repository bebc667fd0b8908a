"""Times and counts as a person reads them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tau2_logging.analysis.reports.units import count_steps, decades, human_count, human_ms, human_usd, on_axis, time_steps


@pytest.mark.parametrize(
    ("ms", "text"),
    [
        (0, "0"),
        (0.084, "84 µs"),
        (5, "5 ms"),
        (412.4, "412 ms"),
        (1250, "1.25 s"),
        (90_000, "90 s"),
        (180_000, "3 min"),
        (7_200_000, "2 h"),
        (float("nan"), "\u2013"),
    ],
)
def test_a_time_is_shown_in_the_largest_unit_that_fits(ms: float, text: str) -> None:
    assert human_ms(ms) == text


def test_counts_and_money_keep_three_digits_and_an_unknown_price_is_a_dash_not_zero() -> None:
    assert [human_count(n) for n in (0, 950, 12_345, 4_500_000)] == ["0", "950", "12.3k", "4.5M"]
    assert [human_usd(n) for n in (0.0, 0.00421, 0.5, 12.3, float("nan"))] == ["$0.00", "$0.00421", "$0.50", "$12.30", "\u2013"]


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
