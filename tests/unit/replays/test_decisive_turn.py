"""The search for the turn that decided a conversation, on chances that are known."""

from __future__ import annotations

import random
from collections.abc import Mapping

from tau2_logging.replays.decisive_turn import FIRST_TIMES, MOST_TIMES, ChanceCurve, Decision, find_decisive_turn

CASES = 300


def _played(chances: list[float], draw: random.Random, won: bool = False, budget: int = 120) -> Decision:
    """What the search finds, with simulations that succeed by these chances after each turn."""

    def ask(times: Mapping[int, int]) -> dict[int, tuple[int, int]]:
        return {turn: (sum(draw.random() < chances[turn] for _ in range(number)), number) for turn, number in times.items()}

    return find_decisive_turn(ChanceCurve(len(chances) - 1, won), 1, budget, ask)


def _planted(draw: random.Random, turns: int) -> tuple[int, list[float]]:
    """(decisive turn, chances): good before it and nearly none after it; in half of the cases a mistake earlier, made good again."""
    decisive = draw.randint(3, turns - 1)
    good, bad = draw.choice((0.7, 0.8, 0.9)), draw.choice((0.0, 0.05, 0.1))
    chances = [good] * decisive + [bad] * (turns - decisive) + [0.0]
    if decisive > 5 and draw.random() < 0.5:
        begun = draw.randint(1, decisive - 3)
        for turn in range(begun, min(decisive - 2, begun + 4)):
            chances[turn] = 0.4
    return decisive, chances


def test_the_decisive_turn_is_found_within_one_turn_in_95_of_100_conversations() -> None:
    """Of 9, 20 and 30 turns, with a fifth to a half of the simulations that every turn would take."""
    draw = random.Random(1)
    for turns in (9, 20, 30):
        found, used = 0, 0
        for _ in range(CASES):
            decisive, chances = _planted(draw, turns)
            decision = _played(chances, draw)
            found += decision.turn is not None and abs(decision.turn - decisive) <= 1
            used += decision.simulations
        assert found >= 0.95 * CASES
        assert used / CASES < 0.5 * MOST_TIMES * (turns - 1)


def test_the_turn_that_saved_a_won_conversation_is_found() -> None:
    """The same search, on the chance of failure."""
    chances = [0.2] * 8 + [0.95] * 12 + [1.0]
    decision = _played(chances, random.Random(3), won=True)
    assert decision.turn == 8
    assert decision.sure
    assert decision.before[0] / decision.before[1] < decision.after[0] / decision.after[1]


def test_a_chance_that_never_was_names_no_turn() -> None:
    decision = _played([0.0] * 15, random.Random(2))
    assert decision.turn is None
    assert "hardly" in decision.remark


def test_no_more_simulations_are_asked_for_than_the_budget_has() -> None:
    """And a search that its budget ends says so."""
    for budget in range(1, 90, 7):
        decision = _played([0.8] * 12 + [0.1] * 8 + [0.0], random.Random(budget), budget=budget)
        assert decision.simulations <= budget
        assert decision.complete or "budget" in decision.remark


def test_simulations_without_a_reward_end_the_search_with_the_budget() -> None:
    """They settle nothing, and are not asked for without end."""
    asked = []

    def ask(times: Mapping[int, int]) -> dict[int, tuple[int, int]]:
        asked.append(sum(times.values()))
        return dict.fromkeys(times, (0, 0))

    decision = find_decisive_turn(ChanceCurve(10, False), 1, 60, ask)
    assert decision.turn is None
    assert sum(asked) <= 60


def test_a_search_without_money_left_says_what_it_found() -> None:
    """Nothing is asked for again, and it says that it was ended."""
    asked = []

    def ask(times: Mapping[int, int]) -> dict[int, tuple[int, int]]:
        asked.append(dict(times))
        return {turn: (number if turn < 6 else 0, number) for turn, number in times.items()} if len(asked) == 1 else {}

    decision = find_decisive_turn(ChanceCurve(10, False), 1, 100, ask)
    assert len(asked) == 2
    assert not decision.complete
    assert decision.turn is not None
    assert decision.before == (FIRST_TIMES, FIRST_TIMES)


def test_a_fall_that_few_simulations_show_is_not_called_sure() -> None:
    decision = _played([0.9] * 5 + [0.0] * 3 + [0.0], random.Random(5), budget=5 * FIRST_TIMES)
    assert decision.turn is not None
    weak = _played([0.6] * 5 + [0.5] * 3 + [0.45], random.Random(5), budget=FIRST_TIMES)
    assert not weak.sure
