"""The exclusive times of a simulation add up to its duration, whatever nests and overlaps."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from tau2_logging.logger import FakeClock
from tau2_logging.logger.ledger import CATEGORIES, OTHER, Ledger

MS = st.integers(0, 10_000).map(lambda tenths: tenths / 10)
MOVES = st.lists(st.tuples(st.sampled_from(("enter", "leave", "look")), st.sampled_from(CATEGORIES), MS), max_size=40)


def play(moves: list[tuple[str, str, float]]) -> tuple[Ledger, dict[str, float], float]:
    """The ledger after the moves, time by category as a plain simulation of the rule has it, time in all."""
    clock = FakeClock()
    ledger = Ledger(clock)
    open_, expected, total = dict.fromkeys(CATEGORIES, 0), dict.fromkeys((*CATEGORIES, OTHER), 0.0), 0.0
    for move, category, ms in moves:
        clock.advance(ms)
        total += ms
        running = next((name for name in CATEGORIES if open_[name]), OTHER)
        expected[running] += ms
        if move == "enter":
            open_[category] += 1
            ledger.enter(category)
        elif move == "leave" and open_[category]:
            open_[category] -= 1
            ledger.leave(category)
        else:
            ledger.milliseconds()
    return ledger, expected, total


@given(MOVES)
def test_the_times_add_up_to_the_duration(moves: list[tuple[str, str, float]]) -> None:
    """No moment is counted twice or not at all."""
    ledger, _, total = play(moves)
    spent, since_opened = ledger.milliseconds()
    assert abs(sum(spent.values()) - since_opened) < 1e-6
    assert abs(since_opened - total) < 1e-6 * (len(moves) + 1)


@given(MOVES)
def test_each_moment_counts_for_the_innermost_thing_at_work(moves: list[tuple[str, str, float]]) -> None:
    """Of several that are open the first of CATEGORIES runs; `other` runs when none is open."""
    ledger, expected, _ = play(moves)
    spent, _ = ledger.milliseconds()
    assert all(abs(spent[name] - ms) < 1e-3 for name, ms in expected.items())
