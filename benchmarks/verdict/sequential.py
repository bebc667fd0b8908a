"""Stopping when settled: false stops at any look, and how many simulations are saved against a fixed plan of the same power."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from benchmarks.verdict.drawn_runs import MIXED, NONE, REAL, Design, draw, means
from benchmarks.verdict.fixed import sign_flip
from tau2_logging.analysis.verdict.pair_verdict import LEVEL
from tau2_logging.statistics.mean_difference import share_interval
from tau2_logging.statistics.sequential import confidence_sequence, log_wealth

_CASES = tuple(
    Design(tasks, trials, spread, 0.0, effect, drop=drop)
    for tasks in (50, 114) for trials in (1, 4) for spread in (0.2, 0.4)
    for effect, drop in ((NONE, 0.0), (MIXED, 0.0), (REAL, 0.2), (REAL, 0.35), (REAL, 0.5))
)  # fmt: skip
_CHUNK, _COVERED = 200, 100


def measure(design: Design, pairs: int) -> dict[str, Any]:
    """Look after every task. `stopped`: share of plans that were settled before the tasks ran out; `used`: mean share of the tasks that
    was needed, those never settled included; `fixed_tasks`: how many tasks a fixed plan needs to find as much."""
    random = np.random.default_rng([7, design.tasks, design.trials, round(100 * design.spread), round(100 * design.drop)])
    settled, used, held = [], [], []
    for _ in range(pairs // _CHUNK):
        differences = np.subtract(*(means(side) for side in reversed(draw(design, _CHUNK, random))))
        ruled_out = log_wealth(differences) >= np.log(1 / LEVEL)
        stops = ruled_out.any(axis=1)
        settled.append(stops)
        last = np.where(stops, ruled_out.argmax(axis=1) + 1, design.tasks)
        used.append(last)
        held += [_holds(row[:many], design.truth) for row, many in zip(differences[: _COVERED // 10], last, strict=False)]
    power, tasks = float(np.mean(np.concatenate(settled))), float(np.mean(np.concatenate(used)))
    found = {"tasks": design.tasks, "trials": design.trials, "spread": design.spread, "effect": design.effect, "truth": design.truth}
    fixed = _fixed_tasks(design, power, random) if design.effect == REAL else None
    return {**found, "stopped": power, "used_tasks": tasks, "held_when_stopped": float(np.mean(held)), "fixed_tasks": fixed}


def _holds(values: Any, truth: float) -> bool:
    low, high = confidence_sequence(values)
    return low <= truth <= high


def _fixed_tasks(design: Design, power: float, random: np.random.Generator, pairs: int = 2000) -> int:
    """Return the fewest tasks with which the verdict on a finished run finds the effect as often."""
    first, second = draw(replace(design, tasks=4 * design.tasks), pairs, random)
    differences = means(second) - means(first)
    low, high = 5, 4 * design.tasks
    while low < high:
        middle = (low + high) // 2
        some = differences[:, :middle]
        below, above = share_interval(some, 1 / design.trials)
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
    head = (
        "| tasks | trials | spread | effect, points | settled | intervals that hold the truth | tasks used | a fixed plan needs | saved |"
    )
    lines = [head, "|---:|---:|---:|---:|---:|---:|---:|---:|---:|"]
    for row in rows:
        effect = f"{100 * row['truth']:.0f}" if row["effect"] == REAL else "0, tasks differ" if row["effect"] == MIXED else "0"
        saved = "" if row["fixed_tasks"] is None else f"{100 * (1 - row['used_tasks'] / row['fixed_tasks']):.0f} %"
        shares = (f"{100 * row['stopped']:.1f} %", f"{100 * row['held_when_stopped']:.0f} %")
        counts = (f"{row['used_tasks']:.0f}", row["fixed_tasks"] or "", saved)
        cells = (row["tasks"], row["trials"], row["spread"], effect, *shares, *counts)
        lines.append(f"| {' | '.join(map(str, cells))} |")
    return lines
