"""The run as report.html embeds it: columns of whole numbers (microseconds, nanodollars) and codes into one list of strings.

Columns without a value are left out. The calls and steps of at most MOST_CALLS calls' worth of simulations are embedded, those of
the simulations one is most likely to open first; the report says which are not.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np
import pandas as pd

from tau2_logging.analysis.tables.columns import column, numbers
from tau2_logging.analysis.tables.lanes import mean_in_flight
from tau2_logging.analysis.tables.outcomes import STATUSES
from tau2_logging.analysis.timeline.queries import ended_badly, slots, waits_by_row
from tau2_logging.analysis.timeline.timeline import EXCLUSIVE_ROLES, LANES, Timeline
from tau2_logging.events.kinds import COUNTERS
from tau2_logging.events.roles import TOKEN_FIELDS

MOST_CALLS = 100_000
"""About 9 MB of the page; browsers open it in a second or two."""

MOST_SIMULATIONS = 20_000
"""Rows of the simulations' table."""

_FLOW_BINS = 500
_TEXTS = ("run", "domain", "task", "status", "termination", "stop_token", "error_type", "error_message")
_COUNTS = ("trial", "attempt", *COUNTERS, *TOKEN_FIELDS)
_CALL_COUNTS = ("step", "attempt", *TOKEN_FIELDS, "line")
_CALL_TIMES = ("queue_ms", "ttft_ms", "decode_ms", "server_queue_ms", "server_prefill_ms", "server_decode_ms")
_CALL_TEXTS = ("model", "call_type", "requestor", "finish_reason", "error_type", "error_message")

Columns = dict[str, Any]


class Strings:
    """One list of strings and their codes."""

    def __init__(self) -> None:
        self.texts: list[str] = []
        self._codes: dict[str, int] = {}

    def code(self, text: object) -> int | None:
        """Return the code of a text; None if there is none."""
        if text is None or text is pd.NA or text != text:
            return None
        text = str(text)
        if text not in self._codes:
            self._codes[text] = len(self.texts)
            self.texts.append(text)
        return self._codes[text]

    def column(self, values: Any) -> list[int | None]:
        """Return the codes of a column."""
        places, different = pd.factorize(np.asarray(values, dtype=object))
        codes = [*(self.code(value) for value in different), None]
        return [codes[place] for place in places.tolist()]


def whole(values: Any, scale: float = 1.0) -> list[int | None]:
    """Return numbers times a scale as whole numbers, None if they are absent."""
    scaled = np.round(np.asarray(values, float) * scale)
    known = np.isfinite(scaled)
    if known.all():
        found: list[int | None] = scaled.astype(np.int64).tolist()
        return found
    return [int(value) if ok else None for value, ok in zip(np.where(known, scaled, 0), known, strict=False)]


def run_data(timeline: Timeline, first: Iterable[str] = (), most_calls: int = MOST_CALLS) -> Columns:
    """Return everything that the pages draw of the timeline: sims, calls, steps, strings, flow, breaks, end, lanes, and how much was left
    out.

    `first`: tasks whose calls are embedded before those of others.
    """
    strings = Strings()
    rows = timeline.rows.iloc[:MOST_SIMULATIONS]
    detail = detailed(timeline, rows, set(first), most_calls)
    calls = timeline.detailed(timeline.calls[timeline.calls["row"].isin(detail)])
    steps = timeline.steps[timeline.steps["row"].isin(detail)]
    sims = _simulations(_with_waits(rows, timeline), strings)
    sims["detail"] = [int(row in detail) for row in rows["row"]]
    sims["first"], sims["first_step"] = _offsets(calls, len(rows)), _offsets(steps, len(rows))
    sims["file"] = strings.column(timeline.calls.drop_duplicates("row").set_index("row")["file"].reindex(rows["row"]))
    starts = rows["start_ms"]
    data = {"sims": sims, "calls": _calls(calls, starts, strings), "steps": _steps(steps, starts, strings), "flow": flow(timeline)}
    return {
        **data, "strings": strings.texts, "lanes": list(LANES), "end": round(timeline.end_ms * 1000), "breaks": list(timeline.breaks),
        "bad": [strings.code(status) for status in STATUSES], "without_detail": len(rows) - len(detail), "most_calls": most_calls,
        "without_row": len(timeline.rows) - len(rows),
    }  # fmt: skip


def detailed(timeline: Timeline, rows: pd.DataFrame, first: set[str], most: int) -> set[int]:
    """Return rows whose calls are embedded: the tasks that were asked for, what ended badly or earned no reward, the slowest, then the
    rest."""
    rows = rows[rows["read"]]
    sizes = timeline.calls["row"].value_counts().reindex(rows["row"], fill_value=0)
    asked = rows["task"].astype(str).isin(first).to_numpy()
    bad = ended_badly(rows)
    length = (rows["end_ms"] - rows["start_ms"]).to_numpy()
    order = np.lexsort((-length, ~bad, ~asked))
    fits = np.cumsum(sizes.to_numpy()[order]) <= most
    return {int(row) for row in rows["row"].to_numpy()[order][fits]}


def _offsets(frame: pd.DataFrame, rows: int) -> list[int]:
    return [int(place) for place in np.searchsorted(frame["row"].to_numpy(), np.arange(rows + 1))]


def _kept(columns: Columns) -> Columns:
    """Return the columns that have a value; if most are absent, as the places and the values of the others."""
    kept: Columns = {}
    for name, values in columns.items():
        if None not in values:
            kept.update({name: values} if values else {})
            continue
        places = [place for place, value in enumerate(values) if value is not None]
        if places:
            sparse = len(places) * 2 < len(values)
            kept[name] = {"at": places, "is": [values[place] for place in places]} if sparse else values
    return kept


def _with_waits(rows: pd.DataFrame, timeline: Timeline) -> pd.DataFrame:
    """Return the rows with `retry_wait_ms`, as in the time budget: the log's exclusive times have it in other_ms and evaluation_ms."""
    before, within = (waits.reindex(rows["row"]).to_numpy() for waits in waits_by_row(timeline))
    if not (before + within).any():
        return rows.assign(retry_wait_ms=np.nan)
    other, evaluation = numbers(rows, "other_ms") - before, numbers(rows, "evaluation_ms") - within
    return rows.assign(retry_wait_ms=before + within, other_ms=np.maximum(other, 0.0), evaluation_ms=np.maximum(evaluation, 0.0))


def _simulations(rows: pd.DataFrame, strings: Strings) -> Columns:
    columns: Columns = {name: strings.column(column(rows, name)) for name in _TEXTS}
    columns.update({name: whole(numbers(rows, name)) for name in _COUNTS})
    columns.update({name: whole(numbers(rows, name), 1000) for name in (*EXCLUSIVE_ROLES, "retry_wait_ms")})
    columns.update({name: whole(numbers(rows, name), 1e9) for name in ("cost_usd", "agent_cost_usd")})
    reward = numbers(rows, "reward")
    columns["reward"] = [float(value) if np.isfinite(value) else None for value in reward]
    always: Columns = {
        "n": len(rows), "domain": columns["domain"], "slot": [int(slot) for slot in slots(rows)], "start": whole(rows["start_ms"], 1000),
        "end": whole(rows["end_ms"], 1000), "counted": [int(value) for value in rows["counted"]],
    }  # fmt: skip
    return {**_kept(columns), **always}


def _calls(calls: pd.DataFrame, starts: pd.Series, strings: Strings) -> Columns:
    columns: Columns = {name: whole(numbers(calls, name)) for name in _CALL_COUNTS}
    columns.update({name: whole(numbers(calls, name), 1000) for name in _CALL_TIMES})
    columns.update({name: strings.column(column(calls, name)) for name in _CALL_TEXTS})
    columns["cost_usd"] = whole(numbers(calls, "cost_usd"), 1e9)
    length, own = whole(calls["end_ms"] - calls["start_ms"], 1000), whole(calls["own_ms"], 1000)
    columns["own"] = [mine if mine != full else None for mine, full in zip(own, length, strict=False)]
    always: Columns = {
        "lane": [LANES.index(lane) for lane in calls["lane"]], "name": strings.column(calls["name"]), "length": length,
        "start": whole(calls["start_ms"].to_numpy() - starts.reindex(calls["row"]).to_numpy(), 1000),
        "error": [int(value) for value in calls["error"]],
    }  # fmt: skip
    return {**_kept(columns), **always}


def _steps(steps: pd.DataFrame, starts: pd.Series, strings: Strings) -> Columns:
    columns: Columns = {name: strings.column(column(steps, name)) for name in ("from_role", "to_role")}
    columns["step"] = whole(numbers(steps, "step"))
    start = whole(steps["start_ms"].to_numpy() - starts.reindex(steps["row"]).to_numpy(), 1000)
    return {**_kept(columns), "start": start, "length": whole(steps["end_ms"] - steps["start_ms"], 1000)}


def flow(timeline: Timeline) -> Columns:
    """Return the mean number of calls in flight by role, and of simulations, in equal parts of the run."""
    edges = np.linspace(0, max(timeline.end_ms, 1e-3), _FLOW_BINS + 1)
    roles = {}
    for lane in timeline.lanes:
        if lane not in ("retry", "waiting"):
            roles[lane] = _levels(*timeline.spans_of(lane), edges)
    return {"roles": roles, "simulations": _levels(timeline.rows["start_ms"], timeline.rows["end_ms"], edges)}


def _levels(starts: Any, ends: Any, edges: Any) -> list[float]:
    return [round(float(level), 3) for level in mean_in_flight(starts, ends, edges)]
