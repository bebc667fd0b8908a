"""Calls made again: identical calls, and loops, where a simulation goes round and round."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Sequence
from typing import Any

import pandas as pd

from tau2_logging.analysis.deep.rate_table import rate_table
from tau2_logging.analysis.deep.reading.merge import key_of
from tau2_logging.analysis.deep.reading.recorded import RUN_KEY, Recorded, Row, frame, records

LONGEST_PERIOD = 4
TIMES = 3
"""A sequence of calls that comes so many times in a row is a loop."""

LOOP_COLUMNS = (
    *RUN_KEY,
    "requestor",
    "tools",
    "period",
    "times",
    "first_call",
    "calls",
    "of_calls",
    "failed",
    "last_error",
    "termination",
    "reward",
)


def identity(row: Row) -> str:
    """Return what identical calls have in common: tool and arguments, whatever their order."""
    return f"{row['tool']} {json.dumps(row['arguments'], sort_keys=True, default=str)}"


def longest_loop(calls: Sequence[Any]) -> tuple[int, int, int]:
    """Return (period, times, first): the stretch that a repeated sequence of at most LONGEST_PERIOD calls covers most of; (0, 0, 0)
    without one.

    Of equal stretches the shorter period: A A A A is a loop of 1, four times.
    """
    best = (0, 0, 0, 0)
    for period in range(1, LONGEST_PERIOD + 1):
        length = start = 0
        for at in range(period, len(calls) + 1):
            if at < len(calls) and calls[at] == calls[at - period]:
                start, length = (at - period, period + 1) if not length else (start, length + 1)
                continue
            times = length // period
            best = max(best, (times * period, -period, times, -start)) if times >= TIMES else best
            length = 0
    covered, period, times, start = best
    return (-period, times, -start) if covered else (0, 0, 0)


def loops(recorded: Recorded) -> pd.DataFrame:
    """Return simulations in which a sequence of up to 4 identical calls came at least 3 times in a row: RUN_KEY, requestor, the tools of
    one round, period, times, the number of the first call in it, calls in it, of how many, failed ones, the last error in it, how the
    simulation ended.

    Calls whose arguments are not known are not compared.
    """
    known = records(
        recorded.calls.loc[recorded.calls["arguments"].notna(), [*RUN_KEY, "requestor", "tool", "arguments", "error", "error_text"]]
    )
    ended = {key_of(row): {name: row[name] for name in ("termination", "reward")} for row in records(recorded.simulations)}
    sides: defaultdict[tuple[Any, ...], list[Row]] = defaultdict(list)
    for row in known:
        sides[key_of(row) + (row["requestor"],)].append(row)
    rows = []
    for key, calls in sides.items():
        period, times, first = longest_loop([identity(row) for row in calls])
        if times:
            round_ = calls[first : first + period * times]
            failed = [row["error_text"] for row in round_ if row["error"] is True]
            tools = " > ".join(row["tool"] for row in round_[:period])
            rows.append({
                **dict(zip([*RUN_KEY, "requestor"], key, strict=True)), "tools": tools, "period": period, "times": times,
                "first_call": first + 1, "calls": len(round_), "of_calls": len(calls), "failed": len(failed),
                "last_error": failed[-1] if failed else None, **ended.get(key[:4], {}),
            })  # fmt: skip
    return frame(rows, LOOP_COLUMNS).sort_values(["calls"], ascending=False, kind="stable", ignore_index=True)


def marked_repeats(recorded: Recorded) -> pd.DataFrame:
    """Return the calls whose arguments are known, with `repeated` (the same call was made before in the simulation), `after_error` (and
    its last time failed) and `after_change` (and a successful write came in between; None if it is not known which tools write).
    """
    calls = recorded.calls[recorded.calls["arguments"].notna()]
    marks = {}
    before: dict[tuple[Any, ...], Row] = {}
    writes: defaultdict[tuple[Any, ...], list[int]] = defaultdict(list)
    for at, row in zip(calls.index, records(calls), strict=True):
        key = key_of(row)
        call = (*key, row["requestor"], identity(row))
        marks[at] = _mark(before.get(call), writes[key])
        before[call] = row
        if row["tool_type"] == "write" and row["error"] is False:
            writes[key].append(row["position"])
    columns = [[marks[at][n] for at in calls.index] for n in range(3)]
    result = calls.assign(**{name: pd.Series(column, calls.index, dtype=bool) for name, column in zip(_MARKS, columns, strict=True)})
    return result if recorded.tool_types_known else result.assign(after_change=None)


_MARKS = ("repeated", "after_error", "after_change")


def _mark(same: Row | None, writes: list[int]) -> tuple[bool, bool, bool]:
    if same is None:
        return False, False, False
    return True, same["error"] is True, any(at > same["position"] for at in writes)


def repeated_calls(recorded: Recorded) -> pd.DataFrame:
    """Return identical calls made again in one simulation, by tool: repeats, of calls, with interval; how many of them after a failure,
    and how many after a write had changed something (which may make reading again right). Repeats after neither told the agent nothing
    new.
    """
    marked = marked_repeats(recorded)
    table = rate_table(marked, ["domain", "requestor", "tool"], "repeated", "repeat", "repeats")
    if marked.empty:
        return table
    extra = marked.groupby(["domain", "requestor", "tool"], dropna=False).agg(
        after_error=("after_error", lambda v: int(v.eq(True).sum())), after_change=("after_change", _count_known)
    )
    table = table.merge(extra.reset_index(), on=["domain", "requestor", "tool"], how="left")
    return table[table["repeats"] > 0].sort_values("repeats", ascending=False, kind="stable", ignore_index=True)


def _count_known(values: pd.Series[Any]) -> float:
    return float("nan") if values.isna().all() else float(values.eq(True).sum())
