"""How far two sides differ in the share of solved trials, the task being the unit, and what simulations without a score could change."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from tau2_logging.analysis.verdict.sides import ComparedRun, Task
from tau2_logging.analysis.verdict.task_matching import outcomes_by_task
from tau2_logging.statistics.distribution_functions import beta_greater
from tau2_logging.statistics.mean_difference import Interval, mean_share_difference
from tau2_logging.statistics.pass_k import pass_hat_k
from tau2_logging.statistics.permutation import sign_flip_p
from tau2_logging.statistics.sequential import stopped_interval, stopped_p

ALL_FAILED, ALL_PASSED = "all_failed", "all_passed"
_ENDS = {ALL_FAILED: 0.0, ALL_PASSED: 1.0}


@dataclass(frozen=True)
class SuccessDifference:
    """B minus A as a share: over `interval.tasks` tasks, with the p of the sign-flip test."""

    interval: Interval
    p: float


def difference(
    a: pd.DataFrame, b: pd.DataFrame, column: str = "share", step: float | None = None, fractions: Sequence[float] = ()
) -> SuccessDifference:
    """Return how far two tables of `outcomes_by_task` differ. `fractions`: of the plan's tasks that were known at
    each look, if looks at the results decided how many were run."""
    values = (b[column] - a[column]).to_numpy(dtype=float)
    step = step_of(a, b) if step is None else step
    if fractions:
        return SuccessDifference(stopped_interval(values, fractions, step), stopped_p(values, fractions, step))
    found = mean_share_difference(values, step)
    return SuccessDifference(found, sign_flip_p(values))


def step_of(a: pd.DataFrame, b: pd.DataFrame) -> float:
    """Return the smallest change of a task's difference: one over the trials that a task has on the side with fewer, on the mean."""
    least = np.minimum(a["scored"].to_numpy(dtype=float), b["scored"].to_numpy(dtype=float))
    least = least[least > 0]
    return float(1 / least.mean()) if len(least) else 1.0


def at_the_ends(a: ComparedRun, b: ComparedRun, tasks: Sequence[Task], fractions: Sequence[float] = ()) -> dict[str, SuccessDifference]:
    """Return the difference if every simulation without a score had failed, and if every one had passed."""
    found = {name: [outcomes_by_task(side, tasks, unscored=value) for side in (a, b)] for name, value in _ENDS.items()}
    return {name: difference(one, other, fractions=fractions) for name, (one, other) in found.items()}


def pass_k_rows(a: pd.DataFrame, b: pd.DataFrame, fractions: Sequence[float] = ()) -> list[dict[str, Any]]:
    """Return pass^k of both and their difference for every k from 2 that at least `LEAST_TASKS` tasks have trials for on both sides."""
    rows = []
    for k in range(2, int(min(a["scored"].max(), b["scored"].max())) + 1 if len(a) else 0):
        one, other = (table.assign(pass_k=[_pass(row, k) for row in table.itertuples()]) for table in (a, b))
        both = one["pass_k"].notna() & other["pass_k"].notna()
        found = difference(one[both], other[both], "pass_k", step_of(a, b), fractions)
        if not np.isnan(found.interval.low):
            means = {"value_a": float(one["pass_k"][both].mean()), "value_b": float(other["pass_k"][both].mean())}
            interval = found.interval
            rows.append({"k": k, "tasks": interval.tasks, **means, "difference": interval.estimate, "low": interval.low,
                         "high": interval.high, "p": found.p})  # fmt: skip
    return rows


def _pass(row: Any, k: int) -> float:
    return pass_hat_k(int(row.solved), int(row.scored), k) if row.scored == row.scored else float("nan")


def flip_rows(a: pd.DataFrame, b: pd.DataFrame) -> list[dict[str, Any]]:
    """Return the tasks whose share of solved trials differs, the surest first: counts of both, and how probable it is that B is really
    better at the task (worse, for a task that went down). That is Jeffreys' prior for each side, and trials alone: 3 of 4 against 1 of 4
    is 91 %, 1 of 1 against 0 of 1 is 87 % of very little.
    """
    rows = []
    for (domain, task), one, other in zip(a.index, a.itertuples(), b.itertuples(), strict=True):
        change = other.share - one.share
        if change != change or abs(change) < 1e-9:
            continue
        up = beta_greater((one.solved, one.scored - one.solved), (other.solved, other.scored - other.solved))
        rows.append({
            "domain": domain, "task": task, "solved_a": int(one.solved), "scored_a": int(one.scored), "solved_b": int(other.solved),
            "scored_b": int(other.scored), "difference": float(change), "sure": up if change > 0 else 1 - up,
        })  # fmt: skip
    return sorted(rows, key=lambda row: (-round(row["sure"], 9), -abs(row["difference"])))
