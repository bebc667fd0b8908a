"""Simulations whose conversation an earlier start of the run has played: what it took then is theirs too."""

from __future__ import annotations

from collections import defaultdict
from typing import Any

import numpy as np
import pandas as pd

from tau2_logging.analysis.tables.columns import as_floats
from tau2_logging.events import EXCLUSIVE_MS
from tau2_logging.events.kinds import COUNTERS
from tau2_logging.events.roles import TOKEN_FIELDS

SUMMED = ("duration_ms", *EXCLUSIVE_MS, *COUNTERS, *TOKEN_FIELDS, "cost_usd", "agent_cost_usd")
"""What task_end says of one start."""


def with_played(table: pd.DataFrame, started: pd.DataFrame, ended: pd.DataFrame, key: list[str]) -> pd.DataFrame:
    """Return simulations in which those that were only evaluated in their last start have the time, calls, tokens and cost of the starts
    before it as well, back to the one that played them; not known if one of these has no end, as it was killed."""
    again = np.array([value is True for value in started["played_before"].tolist()], dtype=bool)
    if not again.any():
        return table
    names = [name for name in SUMMED if name in table]
    before = _before(started.assign(again=again), ended, key, names)
    places = [place for place, row in enumerate(table[key].itertuples(index=False, name=None)) if _text(row) in before]
    more = np.array([before[_text(row)] for row in table[key].iloc[places].itertuples(index=False, name=None)])
    for number, name in enumerate(names):
        values = as_floats(table[name]).copy()
        values[places] += more[:, number]
        table[name] = values
    return table


def _text(key: Any) -> tuple[str, ...]:
    return tuple(map(str, key))


def _before(started: pd.DataFrame, ended: pd.DataFrame, key: list[str], names: list[str]) -> dict[tuple[str, ...], Any]:
    """Return the sums of the starts before the last one, by simulation."""
    starts: dict[tuple[str, ...], list[tuple[int, bool]]] = defaultdict(list)
    for *of, row, again in started[[*key, "row", "again"]].itertuples(index=False, name=None):
        starts[_text(of)].append((row, again))
    wanted = {of: seen for of, seen in starts.items() if seen[-1][1]}
    ends: dict[tuple[str, ...], list[tuple[int, Any]]] = defaultdict(list)
    numbers = np.column_stack([as_floats(ended[name]) for name in names])
    for (*of, row), values in zip(ended[[*key, "row"]].itertuples(index=False, name=None), numbers, strict=True):
        if _text(of) in wanted:
            ends[_text(of)].append((row, values))
    return {of: _sum(seen, ends[of], len(names)) for of, seen in wanted.items()}


def _sum(starts: list[tuple[int, bool]], ends: list[tuple[int, Any]], width: int) -> Any:
    played = next((number for number in reversed(range(len(starts))) if not starts[number][1]), None)
    if played is None:
        return np.full(width, np.nan)
    told = [values for row, values in ends if starts[played][0] < row < starts[-1][0]]
    return np.sum(told, axis=0) if len(told) == len(starts) - 1 - played else np.full(width, np.nan)
