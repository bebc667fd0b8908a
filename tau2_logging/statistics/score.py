"""The outcome of simulations in one line, with its denominator: a mean reward without it hides every simulation that has none."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field

SOLVED_WITHIN = 1e-6
"""A reward this close to 1 is a success, as tau2 says."""

_ENDED = {"error": "ended in error", "timeout": "timed out", "unfinished": "never ended", "ok": "had no reward", "unknown": "had no reward"}


def is_solved(reward: float) -> bool:
    """Return whether a reward is 1, as tau2 says it."""
    return abs(reward - 1) <= SOLVED_WITHIN


@dataclass(frozen=True)
class Score:
    """`simulations` in all; `scored` of them have a reward, which add up to `total`; `solved` reached 1; `unscored` counts the others by
    the status they ended with.
    """

    simulations: int
    scored: int
    solved: int
    total: float
    unscored: Counter[str] = field(default_factory=Counter)

    @property
    def mean(self) -> float | None:
        """Mean reward of those that have one."""
        return self.total / self.scored if self.scored else None

    @property
    def mean_if_failed(self) -> float | None:
        """What the mean would be if every simulation without a reward had failed."""
        return self.total / self.simulations if self.simulations else None

    @property
    def headline(self) -> str:
        """`1.000 of 2 scored; 14 of 16 ended in error (0.125 if those fail)`."""
        if not self.simulations:
            return "no simulation"
        head = f"none of {self.simulations:,} scored" if self.mean is None else f"{self.mean:.3f} of {self.scored:,} scored"
        if self.scored == self.simulations:
            return head
        ends: Counter[str] = Counter()
        for status, number in self.unscored.items():
            ends[_ENDED.get(status, f"ended in {status}")] += number
        parts = ", ".join(f"{number:,} of {self.simulations:,} {how}" for how, number in ends.most_common())
        return f"{head}; {parts} ({self.mean_if_failed:.3f} if those fail)"

    def as_json(self) -> dict[str, object]:
        """Return the figures by name, for files that programs read."""
        return {
            "headline": self.headline, "simulations": self.simulations, "scored": self.scored, "solved": self.solved,
            "not_scored": dict(self.unscored), "mean_reward": self.mean, "mean_reward_if_unscored_failed": self.mean_if_failed,
        }  # fmt: skip


def score_of(outcomes: Iterable[tuple[float | None, str]]) -> Score:
    """Return the score of simulations, each a reward (None or NaN: none) and the status it ended with."""
    pairs = [(None if reward is None or reward != reward else float(reward), str(status)) for reward, status in outcomes]
    rewards = [reward for reward, _ in pairs if reward is not None]
    unscored = Counter(status for reward, status in pairs if reward is None)
    solved = sum(map(is_solved, rewards))
    return Score(len(pairs), len(rewards), solved, sum(rewards), unscored)
