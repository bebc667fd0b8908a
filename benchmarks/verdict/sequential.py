"""Stopping when settled: false stops at any look, and how many simulations are saved against a fixed plan of the same power."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from benchmarks.verdict.drawn_runs import MIXED, NONE, REAL, Design, draw, means
from benchmarks.verdict.fixed import sign_flip
from tau2_logging.analysis.verdict.pair_verdict import LEVEL
from tau2_logging.statistics.mean_difference import share_interval, variance_of
from tau2_logging.statistics.sequential import t_bound

BATCH = 10
_CASES = tuple(
    Design(tasks, trials, spread, 0.0, effect, drop=drop)
    for tasks in (50, 114) for trials in (1, 4) for spread in (0.2, 0.4)
    for effect, drop in ((NONE, 0.0), (MIXED, 0.0), (REAL, 0.1), (REAL, 0.2), (REAL, 0.35))
)  # fmt: skip


def measure(design: Design, pairs: int) -> dict[str, Any]:
    """Return the figures of a design with a look after every batch. `stopped`: share of plans that were settled at any look; `held`: share
    of plans whose intervals held the truth at every look; `used_tasks`: mean number of tasks that were run; `fixed_tasks`: how many a
    fixed plan needs to find as much.
    """
    random = np.random.default_rng(
        [7, design.tasks, design.trials, round(100 * design.spread), round(100 * design.drop), len(design.effect)]
    )
    first, second = draw(design, pairs, random)
    differences = means(second) - means(first)
    looks = [*range(BATCH, design.tasks, BATCH), design.tasks]
    stopped, held, used = np.zeros(pairs, bool), np.ones(pairs, bool), np.full(pairs, design.tasks)
    for number, known in enumerate(looks, 1):
        seen = differences[:, :known]
        mean, fractions = seen.mean(axis=1), [look / design.tasks for look in looks[:number]]
        reach = t_bound(known, fractions) * np.sqrt(variance_of(seen, np.full(pairs, 1 / design.trials)) / known)
        settled = np.abs(mean) > reach
        held &= np.abs(mean - design.truth) <= reach + 1e-12
        used[settled & ~stopped] = known
        stopped |= settled
    found = {"tasks": design.tasks, "trials": design.trials, "spread": design.spread, "effect": design.effect, "truth": design.truth}
    figures = {"stopped": float(stopped.mean()), "held": float(held.mean()), "used_tasks": float(used.mean())}
    fixed = _fixed_tasks(design, figures["stopped"], random) if design.effect == REAL else None
    return {**found, **figures, "fixed_tasks": fixed}


def _fixed_tasks(design: Design, power: float, random: np.random.Generator, pairs: int = 2000) -> int:
    """Return the fewest tasks with which the verdict on a finished run finds the effect as often."""
    first, second = draw(replace(design, tasks=2 * design.tasks), pairs, random)
    differences = means(second) - means(first)
    low, high = 5, 2 * design.tasks
    while low < high:
        middle = (low + high) // 2
        some = differences[:, :middle]
        below, above = share_interval(some, np.full(pairs, 1 / design.trials))
        found = float((((below > 0) | (above < 0)) & (sign_flip(some, random) < LEVEL)).mean())
        low, high = (low, middle) if found >= power else (middle + 1, high)
    return low


def run(pairs: int) -> list[dict[str, Any]]:
    """Measure every case and print a table."""
    rows = [measure(design, pairs) for design in _CASES]
    print("\n".join(table(rows)))
    return rows


def table(rows: Sequence[dict[str, Any]]) -> list[str]:
    """Return the figures as Markdown."""
    head = "| tasks | trials | spread | effect, points | settled | truth held at all looks | tasks used | a fixed plan needs | saved |"
    lines = [head, "|---:|---:|---:|---:|---:|---:|---:|---:|---:|"]
    for row in rows:
        effect = f"{100 * row['truth']:.0f}" if row["effect"] == REAL else "0, tasks differ" if row["effect"] == MIXED else "0"
        saved = "" if row["fixed_tasks"] is None else f"{100 * (1 - row['used_tasks'] / row['fixed_tasks']):.0f} %"
        shares = (f"{100 * row['stopped']:.1f} %", f"{100 * row['held']:.1f} %")
        counts = (f"{row['used_tasks']:.0f}", row["fixed_tasks"] or "", saved)
        cells = (row["tasks"], row["trials"], row["spread"], effect, *shares, *counts)
        lines.append(f"| {' | '.join(map(str, cells))} |")
    return lines
