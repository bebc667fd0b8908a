"""Sides of a comparison, made by hand."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from tau2_logging.analysis.verdict.compare_sides import compare_sides
from tau2_logging.analysis.verdict.pair_verdict import PairVerdict
from tau2_logging.analysis.verdict.sides import ComparedRun

MEASURED = (
    "cost_usd", "input_tokens", "output_tokens", "agent_calls", "failed_agent_calls", "tool_calls", "failed_tool_calls", "wall_s",
    "model_s",
)  # fmt: skip


def side(
    label: str, outcomes: Mapping[str, Sequence[float | None]] | Mapping[str, list[float]], domain: str = "retail", **more: Any
) -> ComparedRun:
    """A run with these outcomes of each task's trials (None: no score); every simulation costs `cost`, and takes `wall` seconds."""
    cost, wall, settings = more.pop("cost", 1.0), more.pop("wall", 10.0), more.pop("settings", {"agent": label})
    rows = [
        {"domain": domain, "task": task, "trial": trial, "outcome": np.nan if value is None else value, "model_failure": False,
         "status": "error" if value is None else "ok", "log": 0, "key": (label, domain, task, str(trial)),
         **dict.fromkeys(MEASURED, 7.0), "cost_usd": cost * (1 + 0.01 * number),
         "wall_s": wall * (1 + 0.01 * number)}
        for number, (task, trials) in enumerate(outcomes.items()) for trial, value in enumerate(trials)
    ]  # fmt: skip
    return ComparedRun(label, f"{label}.json", label, settings, more.pop("texts", {}), pd.DataFrame(rows))


def tasks(*shares: Sequence[float | None]) -> dict[str, Sequence[float | None]]:
    """Outcomes of tasks t0, t1, ..."""
    return {f"t{number}": list(trials) for number, trials in enumerate(shares)}


def verdict(a: ComparedRun, b: ComparedRun) -> PairVerdict:
    """The only pair of two sides in one domain."""
    (pair,) = compare_sides([a, b]).pairs
    return pair
