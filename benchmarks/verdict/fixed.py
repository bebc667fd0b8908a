"""False claims, coverage and power of a comparison of two finished runs, over every cell of a design."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from typing import Any

import numpy as np
from scipy.special import stdtr

from benchmarks.verdict.drawn_runs import MIXED, NONE, REAL, Design, draw, means
from tau2_logging.analysis.verdict.pair_verdict import LEVEL
from tau2_logging.statistics.mean_difference import LEAST_TASKS, share_interval

_SIGNS, _EXACT_TASKS = 1999, 10


def designs() -> list[Design]:
    """Return every cell: 5 to 114 tasks, 1 to 8 trials, spread 0 to .4, up to 20 % without a score, without and with an effect."""
    grid = itertools.product((5, 10, 15, 30, 50, 114), (1, 2, 4, 8), (0.0, 0.2, 0.4), (0.0, 0.1, 0.2), (NONE, REAL, MIXED))
    return [Design(*cell) for cell in grid]


def measure(design: Design, pairs: int) -> dict[str, Any]:
    """Draw pairs of runs of a cell and decide on each as `PairVerdict.outcome` does: `claims` with both ends of what has no score,
    `as_scored` without; `covered` is the share of intervals that hold the truth, `t_test` that of pairs of which the paired t-test
    claims a difference."""
    random = np.random.default_rng(
        [design.tasks, design.trials, round(100 * design.spread), round(100 * design.missing), len(design.effect)]
    )
    first, second = draw(design, pairs, random)
    found = means(second) - means(first)
    enough = (~np.isnan(found)).sum(axis=1) >= LEAST_TASKS
    first, second, found = first[enough], second[enough], found[enough]
    low, high = share_interval(found, _step(first, second))
    signs = np.sign(low) * (np.sign(low) == np.sign(high)) * (sign_flip(found, random) < LEVEL)
    claimed = signs != 0
    holds = np.ones_like(claimed)
    for end in (0.0, 1.0) if design.missing else ():
        at_end = means(np.nan_to_num(second, nan=end)) - means(np.nan_to_num(first, nan=end))
        below, above = share_interval(at_end, 1 / design.trials)
        holds &= np.where(signs > 0, below > 0, above < 0)
    covered = (low <= design.truth + 1e-12) & (high >= design.truth - 1e-12)
    shares = {"covered": covered, "claims": claimed & holds, "as_scored": claimed, "t_test": t_test(found) < LEVEL}
    return {**asdict(design), "pairs": len(found), **{name: float(np.mean(values)) for name, values in shares.items()}}


def _step(first: Any, second: Any) -> Any:
    """Return what `success.step_of` does, of each pair."""
    least = np.minimum(*((~np.isnan(side)).sum(axis=-1) for side in (first, second))).astype(float)
    return 1 / np.nanmean(np.where(least > 0, least, np.nan), axis=-1)


def sign_flip(differences: Any, random: np.random.Generator) -> Any:
    """Return the p of each pair, as `sign_flip_p` does: all signs for few tasks, else drawn ones, here the same for all pairs."""
    values = np.nan_to_num(differences)
    size = values.shape[1]
    exact = size <= _EXACT_TASKS
    signs = 1.0 - 2 * ((np.arange(2**size)[:, None] >> np.arange(size)) & 1) if exact else random.choice([-1.0, 1.0], (_SIGNS, size))
    as_far = (np.abs(values @ signs.T) >= np.abs(values.sum(axis=1))[:, None] - 1e-9).sum(axis=1)
    return as_far / len(signs) if exact else (as_far + 1) / (len(signs) + 1)


def t_test(differences: Any) -> Any:
    """Return the p of the paired t-test of each pair."""
    n = (~np.isnan(differences)).sum(axis=1)
    mean, deviation = np.nanmean(differences, axis=1), np.nanstd(differences, axis=1, ddof=1)
    with np.errstate(invalid="ignore", divide="ignore"):
        t = np.where(deviation > 0, mean / deviation * np.sqrt(n), np.where(mean == 0, 0.0, np.inf))
    return 2 * stdtr(n - 1, -np.abs(t))


def run(pairs: int) -> list[dict[str, Any]]:
    """Measure every cell and print what the figures come to."""
    rows = [measure(design, pairs) for design in designs()]
    print("\n".join(summary(rows)))
    return rows


def summary(rows: Sequence[dict[str, Any]]) -> Iterator[str]:
    """Yield a table by tasks: false claims and coverage over all cells of so many tasks, power over those with an effect."""
    yield "| tasks | false claims, most (mean) | as scored, most | t-test, most | coverage, least to most | power | as scored | t-test |"
    yield "|---:|---:|---:|---:|---:|---:|---:|---:|"
    for tasks in dict.fromkeys(row["tasks"] for row in rows):
        mine = [row for row in rows if row["tasks"] == tasks]
        null, real = ([row for row in mine if (row["effect"] == REAL) is found] for found in (False, True))
        most = {name: max(row[name] for row in null) for name in ("claims", "as_scored", "t_test")}
        power = {name: float(np.mean([row[name] for row in real])) for name in most}
        mean = float(np.mean([row["claims"] for row in null]))
        held = [row["covered"] for row in mine]
        cells = [
            f"{tasks}",
            f"{_(most['claims'])} ({_(mean)})",
            _(most["as_scored"]),
            _(most["t_test"]),
            f"{_(min(held))} to {_(max(held))}",
        ]
        yield f"| {' | '.join([*cells, *map(_, power.values())])} |"


def _(share: float) -> str:
    return f"{100 * share:.1f} %"
