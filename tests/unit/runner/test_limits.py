"""What a person allows a run to use is kept, exactly."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tau2_logging.errors import UserError
from tau2_logging.logger import FakeClock
from tau2_logging.runner.model_calls.limits import Budget, RateLimit, RateLimits, rate_limit
from tau2_logging.sinks.totals import LiveTotals


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("60", RateLimit(None, 60, None)), ("60/1000", RateLimit(None, 60, 1000)), ("/1000", RateLimit(None, None, 1000)),
        ("gpt-4.1=60/1000", RateLimit("gpt-4.1", 60, 1000)), ("openai/a=b=60", RateLimit("openai/a=b", 60, None)),
    ],
)  # fmt: skip
def test_a_limit_is_read(text: str, expected: RateLimit) -> None:
    """For each model or for one, either number left out."""
    assert rate_limit(text) == expected


@pytest.mark.parametrize("text", ["", "/", "many", "0", "60/0", "-3", "gpt=", "1/2/3", "1.5"])
def test_a_limit_that_is_none_is_refused_with_its_value(text: str) -> None:
    """In one line that says how to write it."""
    with pytest.raises(UserError, match="RPM/TPM") as refused:
        rate_limit(text)
    assert repr(text) in str(refused.value)


@given(st.lists(st.tuples(st.floats(0, 30), st.integers(1, 80)), min_size=1, max_size=60), st.integers(1, 6), st.integers(100, 300))
def test_no_minute_holds_more_than_it_may(calls: list[tuple[float, int]], requests: int, tokens: int) -> None:
    """Whenever calls come and whatever they use: in no 60 seconds do more begin than the limit, and their tokens pass it by less than
    what the next call uses more than was guessed."""
    clock = FakeClock()
    limits = RateLimits([RateLimit(None, requests, tokens)], clock)
    begun: list[tuple[float, int]] = []
    for later_s, used in calls:
        clock.advance(later_s * 1000)
        clock.advance(limits.reserve("m") * 1000)
        begun.append((clock.now_ns() / 1e9, used))
        limits.record_usage("m", used)
    for at_s, _ in begun:
        minute = [use for other_s, use in begun if at_s - 60 + 1e-3 < other_s <= at_s]
        assert len(minute) <= requests
        assert sum(minute) <= tokens + 80


def test_calls_at_once_get_places_one_after_the_other() -> None:
    """The first ones at once, the others when the oldest is a minute old; another model has places of its own."""
    limits = RateLimits([RateLimit(None, 2, None), RateLimit("free", 1000, None)], FakeClock())
    assert [limits.reserve("m") for _ in range(5)] == [0.0, 0.0, 60.0, 60.0, 120.0]
    assert [limits.reserve("n"), limits.reserve("free")] == [0.0, 0.0]
    assert RateLimits([RateLimit("m", 1, None)]).reserve("other") == 0.0


def totals(cost: float | None, tokens: int, spent: float | None = None) -> LiveTotals:
    """Of a run that has used as much; `spent` of it by calls of known price."""
    found = LiveTotals({"mock": 1})
    found.domains["mock"].cost_usd = cost
    found.domains["mock"].spent_usd = (cost or 0.0) if spent is None else spent
    found.domains["mock"].input_tokens = tokens
    return found


def test_a_budget_is_reached_and_says_by_how_much() -> None:
    """Money or tokens, whichever comes first. A call of unknown cost reaches nothing, and does not keep the others from it."""
    budget = Budget(max_cost=1.5, max_tokens=1000)
    assert budget.reached(totals(1.0, 10)) is None
    assert budget.reached(totals(1.75, 10)) == ("max_cost", "--max-cost 1.5 is reached (spent $1.75)")
    assert budget.reached(totals(1.0, 1000)) == ("max_tokens_total", "--max-tokens-total 1000 is reached (used 1000)")
    assert budget.reached(totals(None, 10)) is None
    assert budget.reached(totals(None, 10, 1.75)) == ("max_cost", "--max-cost 1.5 is reached (spent at least $1.75)")
    assert Budget().reached(totals(9e9, 10**12)) is None
