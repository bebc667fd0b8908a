"""McNemar's exact test, for one trial a task: only tasks that one arm solved and the other did not say anything."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np


@dataclass(frozen=True)
class Discordance:
    """`lost`: tasks the reference solved and the arm did not; `won`: the other way round; `p` of both being equally likely."""

    lost: int
    won: int
    tasks: int
    p: float


def mcnemar_exact(reference: Sequence[float] | Any, arm: Sequence[float] | Any) -> Discordance:
    """Of two columns of 0 and 1, task by task; tasks with NaN in either are left out. The p is the exact binomial one."""
    from statsmodels.stats.contingency_tables import mcnemar

    first, second = np.asarray(reference, dtype=float), np.asarray(arm, dtype=float)
    both = ~(np.isnan(first) | np.isnan(second))
    first, second = first[both] > 0.5, second[both] > 0.5
    lost, won = int((first & ~second).sum()), int((~first & second).sum())
    table = [[int((first & second).sum()), lost], [won, int((~first & ~second).sum())]]
    p = float(mcnemar(table, exact=True).pvalue) if lost + won else 1.0
    return Discordance(lost, won, int(both.sum()), min(1.0, p))
