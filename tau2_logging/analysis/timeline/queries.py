"""What reports ask of a timeline: names, slots, what led to what, which simulations to show."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd

from tau2_logging.analysis.measures.run_time.waits import split_waits
from tau2_logging.analysis.tables.lanes import pack
from tau2_logging.analysis.tables.outcomes import STATUSES
from tau2_logging.analysis.timeline.timeline import ROUNDING_MS, Timeline


def slots(rows: pd.DataFrame) -> Any:
    """Return the slot of a pool that each row of the timeline could have run in (0, 1, ...), see `lanes.pack`. Clocks are rounded to 1
    µs."""
    return np.array(pack(rows["start_ms"], rows["end_ms"] - 5 * ROUNDING_MS), dtype=int)


def label(row: Any, several_domains: bool = True) -> str:
    """Return `retail 7 trial 1 attempt 2`; trial and attempt only if they are not the first, the domain if there are several."""
    parts = [str(row.domain)] if several_domains and isinstance(row.domain, str) else []
    parts.append(str(row.task))
    if pd.notna(row.trial) and int(row.trial):
        parts.append(f"trial {int(row.trial)}")
    if int(row.attempt) > 1 or not row.counted:
        parts.append(f"attempt {int(row.attempt)}")
    return " ".join(parts)


def labels(rows: pd.DataFrame) -> list[str]:
    """Return `label` of each row, without its domain."""
    return [label(row, False) for row in rows[["task", "trial", "attempt", "counted"]].itertuples()]


def ended_badly(rows: pd.DataFrame) -> Any:
    """Return rows with an error, a timeout, no end, or no full reward, as an array of truths."""
    return (rows["status"].isin(STATUSES) | (pd.to_numeric(rows["reward"], errors="coerce") < 1)).to_numpy(dtype=bool)


def chosen(timeline: Timeline, tasks: Sequence[str] = ()) -> list[int]:
    """Return the rows of the named tasks (`7` or `retail:7`), all trials; by default the slowest, the median and the slowest that
    failed."""
    rows = timeline.rows[timeline.rows["counted"].astype(bool)]
    if tasks:
        names = set(tasks)
        return [int(row.row) for row in rows.itertuples() if str(row.task) in names or f"{row.domain}:{row.task}" in names]
    order = rows.assign(length=rows["end_ms"] - rows["start_ms"]).sort_values("length", kind="stable")["row"].tolist()
    bad = set(rows[ended_badly(rows)]["row"])
    failed = [row for row in reversed(order) if row in bad]
    picks = [order[-1], order[(len(order) - 1) // 2]] if order else []
    picks += [row for row in failed if row not in picks][:1]
    return list(dict.fromkeys(int(row) for row in picks))


def causes(calls: pd.DataFrame) -> tuple[Any, Any]:
    """Return positions in the table of causes and of their effects: which earlier call of the simulation led to a call.

    A tool call was asked for by the last finished model call of its requestor (the agent's, or the user's); a model call reads what
    the last call before it returned. A call that overlaps its predecessor has no cause that the log can name, and gets no arrow.
    """
    chained = np.flatnonzero(~calls["lane"].isin(("retry", "waiting", "evaluation", "judge")).to_numpy())
    mine = calls[["lane", "row", "start_ms", "end_ms"]].iloc[chained]
    lanes, rows, starts, ends = (mine[name].to_numpy() for name in mine)
    by_user = (calls["requestor"].iloc[chained] == "user").to_numpy(bool)
    asked = np.where(by_user, _last_before(lanes == "user"), _last_before(lanes == "agent"))
    before = np.where(lanes == "tool", asked, np.arange(len(mine)) - 1)
    known = (before >= 0) & (rows[before] == rows) & (ends[before] <= starts + ROUNDING_MS)
    return chained[before[known]], chained[known]


def _last_before(wanted: Any) -> Any:
    """Return for each place the last wanted one before it, -1 if there is none."""
    last = np.maximum.accumulate(np.where(wanted, np.arange(len(wanted)), -1))
    return np.concatenate([[-1], last[:-1]])[: len(wanted)]


def waits_by_row(timeline: Timeline) -> tuple[pd.Series, pd.Series]:
    """Return `waits.split_waits` of each row of a timeline: ms waited before and during the evaluation; 0 for a row without a wait."""
    rows = timeline.rows["row"]
    before, within = split_waits(timeline.calls, "row", int(rows.max()) + 1 if len(rows) else 0)
    return tuple(pd.Series(part[rows.to_numpy()], index=rows.index) for part in (before, within))
