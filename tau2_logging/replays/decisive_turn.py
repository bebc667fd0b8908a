"""The turn that decided a conversation, found with few simulations.

A turn decided a lost conversation if the chance of success was good after the turn before, and after it never again. The chance after a
turn is estimated by playing on from there. A mistake that was made good again is no such turn: later, the chance was good once more.

The best chance from a turn on can only fall, so that bisection finds where it falls below half of what it was. A few turns, evenly apart,
are tried first, then the middle of the stretch in which it fell, and so on; with each round the turns that are in question are fewer, and
have twice the simulations. What further simulations change about an earlier turn is followed: the search goes back to it.

Of a conversation that was won the same is done with the chance of failure: which turn saved it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from tau2_logging.statistics.two_shares import SharesApart, shares_apart

FIRST_TIMES, MOST_TIMES = 6, 24
"""Simulations of a turn when it is first tried, and when it is one of the two that are named."""
_STRETCHES = 5
"""Stretches into which the turns that are tried first part the conversation."""
_GOOD = 0.5
"""Share of the best chance from which on a chance is good."""

Ask = Callable[[Mapping[int, int]], Mapping[int, tuple[int, int]]]
"""Plays on after each turn so many times; returns (solved, scored) of these simulations by turn; nothing if there is no money left."""


@dataclass
class ChanceCurve:
    """What is known of the chance of success after each turn that was tried: `solved` of `scored`. `last` is the turn that ends the
    conversation, after which nothing is left to chance: `won` tells how it ended."""

    last: int
    won: bool
    solved: dict[int, int] = field(default_factory=dict)
    scored: dict[int, int] = field(default_factory=dict)

    def add(self, found: Mapping[int, tuple[int, int]]) -> None:
        """Count more simulations."""
        for turn, (solved, scored) in found.items():
            self.solved[turn] = self.solved.get(turn, 0) + solved
            self.scored[turn] = self.scored.get(turn, 0) + scored

    def tried(self) -> list[int]:
        """Return the turns of which there is a result, in order."""
        return sorted(turn for turn, scored in self.scored.items() if scored)

    def against(self, turn: int) -> tuple[int, int]:
        """Return (simulations that ended otherwise than the conversation did, simulations) after a turn."""
        if turn == self.last:
            return 0, max(self.scored.values(), default=FIRST_TIMES)
        solved, scored = self.solved[turn], self.scored[turn]
        return (scored - solved if self.won else solved), scored

    def is_open(self, turn: int, best: float) -> bool:
        """Return whether the other end was still well possible after a turn, as seen from the best such chance."""
        hits, of = self.against(turn)
        return hits >= _GOOD * best * of and hits > 0

    def best(self) -> float:
        """Return the best chance of the other end, each with one more simulation of either end, so that a few lucky ones do not count for
        more than many."""
        return max(((hits + 1) / (of + 2) for hits, of in map(self.against, self.tried())), default=0.0)


@dataclass(frozen=True)
class Decision:
    """`turn` decided, if the chance `before` it (solved, scored) and that `after` it lie apart; `sure` if their interval says so.

    `turn` is None if the chance of the other end was never good: then `remark` says so, as it does for a search that its budget ended.
    """

    turn: int | None
    before: tuple[int, int] = (0, 0)
    after: tuple[int, int] = (0, 0)
    apart: SharesApart | None = None
    simulations: int = 0
    complete: bool = True
    remark: str = ""

    @property
    def sure(self) -> bool:
        """Whether chance does not explain it."""
        return self.apart is not None and self.apart.is_sure


def find_decisive_turn(curve: ChanceCurve, first: int, budget: int, ask: Ask) -> Decision:
    """Search between turn `first`, after which the conversation can be played on, and its end; at most `budget` simulations are asked for.

    `curve` takes what is found on the way.
    """
    used = 0
    wanted = dict.fromkeys(first_turns(first, curve.last), FIRST_TIMES)
    while wanted:
        wanted = _within(wanted, budget - used)
        if not wanted:
            return _decision(curve, used, complete=False)
        found = ask(wanted)
        if not found:
            return _decision(curve, used, complete=False)
        curve.add(found)
        used += sum(wanted.values())
        wanted = next_turns(curve)
    return _decision(curve, used, complete=True)


def first_turns(first: int, last: int) -> list[int]:
    """Return the turns that are tried first: evenly apart, none but the last itself if there is only that."""
    parts = min(_STRETCHES, last - first)
    return sorted({first + round(number * (last - first) / parts) for number in range(parts)}) if parts > 0 else []


def next_turns(curve: ChanceCurve) -> dict[int, int]:
    """Return how often to play on from which turns next; nothing when it is settled."""
    low, high = stretch(curve)
    if low is None:
        return _more(curve, curve.tried()[:1])
    if high - low > 1:
        return {(low + high) // 2: FIRST_TIMES}
    return _more(curve, [turn for turn in (low, high) if turn != curve.last])


def stretch(curve: ChanceCurve) -> tuple[int | None, int]:
    """Return the last turn after which the other end was well possible, and the next one that was tried; None if there was none."""
    tried = curve.tried()
    best = curve.best()
    open_ = [turn for turn in tried if curve.is_open(turn, best)]
    if not open_:
        return None, tried[0] if tried else curve.last
    return open_[-1], next((turn for turn in tried if turn > open_[-1]), curve.last)


def _more(curve: ChanceCurve, turns: list[int]) -> dict[int, int]:
    """Return twice the simulations of each, until they have enough; a turn whose simulations have no reward is not asked for ever."""
    return {turn: min(curve.scored[turn], MOST_TIMES - curve.scored[turn]) for turn in turns if 0 < curve.scored[turn] < MOST_TIMES}


def _within(wanted: Mapping[int, int], left: int) -> dict[int, int]:
    """Return what the rest of the budget allows: the same of each turn less, and no turn left out."""
    if sum(wanted.values()) <= left:
        return dict(wanted)
    each = left // len(wanted)
    return {turn: min(times, each) for turn, times in wanted.items()} if each else {}


def _decision(curve: ChanceCurve, used: int, complete: bool) -> Decision:
    remark = "" if complete else "the search ended with its budget (--budget, --max-cost)"
    low, high = stretch(curve)
    if low is None:
        what = "lost" if curve.won else "saved"
        return Decision(
            None, simulations=used, complete=complete, remark=remark or f"it could hardly be {what} from any turn that was tried"
        )
    before, after = _solved(curve, low), _solved(curve, high)
    return Decision(high, before, after, shares_apart(before, after), used, complete, remark)


def _solved(curve: ChanceCurve, turn: int) -> tuple[int, int]:
    hits, of = curve.against(turn)
    return (of - hits if curve.won else hits), of
