"""Two sides in one domain: everything that is compared, and the outcome."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from tau2_logging.analysis.verdict.audited_pair import AuditedPair, audited_pair
from tau2_logging.analysis.verdict.noise import Noise, noise_of
from tau2_logging.analysis.verdict.paired_measures import COST, WALL, measure_rows
from tau2_logging.analysis.verdict.sides import ComparedRun
from tau2_logging.analysis.verdict.success import SuccessDifference, at_the_ends, difference, flip_rows, pass_k_rows
from tau2_logging.analysis.verdict.task_matching import Matching, matched, outcomes_by_task
from tau2_logging.soundness.audited_tasks import Audits
from tau2_logging.statistics.mean_difference import LEAST_TASKS

BETTER, WORSE, UNDECIDED, TOO_FEW = "better", "worse", "undecided", "too_few"
LEVEL = 0.05


@dataclass(frozen=True)
class PairVerdict:
    """B against A in one domain. `p_adjusted` is Holm's over all pairs that are shown, that of `measures` over all rows that are.

    `ends`: the difference if every simulation without a score had failed, and if every one had passed; empty if all have one.
    `per_task`: (task, share of A, share of B) of each compared task. `audited`: what an audit says of the compared tasks, if it has any.
    """

    a: ComparedRun
    b: ComparedRun
    domain: str
    matching: Matching
    success: SuccessDifference
    p_adjusted: float
    rates: tuple[float, float]
    ends: Mapping[str, SuccessDifference]
    pass_k: Sequence[dict[str, Any]]
    measures: Sequence[dict[str, Any]]
    flips: Sequence[dict[str, Any]]
    noise: Noise
    unscored: tuple[int, int]
    per_task: Sequence[tuple[str, float, float]] = field(repr=False)
    audited: AuditedPair | None = None

    @property
    def tasks(self) -> int:
        """Tasks with a score on both sides."""
        return self.success.interval.tasks

    @property
    def outcome(self) -> str:
        """`better` or `worse` if the interval and the adjusted p say so, also at both ends; `too_few` below 5 tasks."""
        found = self.outcome_as_scored
        if found in (BETTER, WORSE) and any(self.outcome_at(end) != found for end in self.ends):
            return UNDECIDED
        return found

    @property
    def outcome_as_scored(self) -> str:
        """The same without regard to simulations that have no score."""
        if self.tasks < LEAST_TASKS:
            return TOO_FEW
        return _outcome(self.success, self.p_adjusted)

    def outcome_at(self, end: str) -> str:
        """Return the outcome if all simulations without a score had ended so."""
        return _outcome(self.ends[end], 0.0)

    @property
    def sample(self) -> str:
        """What must be said if looks at the results decided how many tasks were run; else nothing."""
        looks = self.a.looks or self.b.looks
        return "" if looks is None else looks.sentence

    @property
    def least(self) -> float:
        """The lowest end of the interval, whatever became of simulations without a score; NaN if there is no interval."""
        lows = [self.success.interval.low, *(end.interval.low for end in self.ends.values())]
        return math.nan if self.tasks < LEAST_TASKS else min(low for low in lows if low == low)

    def measure(self, name: str) -> dict[str, Any] | None:
        """Return the row of a measure, None if it is not known of both."""
        return next((row for row in self.measures if row["measure"] == name), None)

    @property
    def cost(self) -> dict[str, Any] | None:
        """The row of the cost of a simulation."""
        return self.measure(COST)

    @property
    def wall(self) -> dict[str, Any] | None:
        """The row of the wall time of a simulation."""
        return self.measure(WALL)

    @property
    def ups_and_downs(self) -> tuple[int, int]:
        """How many tasks B solves more often than A, and less often."""
        return sum(row["difference"] > 0 for row in self.flips), sum(row["difference"] < 0 for row in self.flips)


def _outcome(found: SuccessDifference, p: float) -> str:
    """Both must agree: the interval and the test."""
    if not p < LEVEL:
        return UNDECIDED
    return BETTER if found.interval.low > 0 else WORSE if found.interval.high < 0 else UNDECIDED


def pair_verdict(a: ComparedRun, b: ComparedRun, domain: str, comparisons: int, audits: Audits) -> PairVerdict:
    """Return the comparison; `p_adjusted` and the adjusted p of measures are still those without other comparisons."""
    matching = matched(a, b, domain)
    tasks = matching.both
    one, other = (outcomes_by_task(side, tasks) for side in (a, b))
    both = one["share"].notna() & other["share"].notna()
    one, other = one[both], other[both]
    looks = a.looks or b.looks
    fractions = () if looks is None else looks.fractions
    found = difference(one, other, fractions=fractions)
    missing = tuple(_unscored(side, tasks) for side in (a, b))
    per_task = [(task, float(x), float(y)) for (_, task), x, y in zip(one.index, one["share"], other["share"], strict=True)]
    return PairVerdict(
        a, b, domain, matching, found, found.p, (float(one["share"].mean()), float(other["share"].mean())),
        at_the_ends(a, b, tasks, fractions) if any(missing) else {}, pass_k_rows(one, other, fractions),
        measure_rows(a, b, tasks), flip_rows(one, other),
        noise_of(one, other, comparisons), (missing[0], missing[1]), per_task, audited_pair(a, b, one, other, audits, fractions),
    )  # fmt: skip


def _unscored(side: ComparedRun, tasks: Sequence[Any]) -> int:
    table = outcomes_by_task(side, tasks)
    return int((table["trials"] - table["scored"]).sum())
