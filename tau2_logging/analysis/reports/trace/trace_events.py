"""`trace.json`: the trace in the Trace Event Format, for chrome://tracing and what else reads JSON. Ten times the size of Perfetto's own
format, and made a slice at a time: for runs that are not very large.
"""

from __future__ import annotations

import itertools
import json
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from tau2_logging.analysis.reports.pictures.palette import ROLE_LABELS
from tau2_logging.analysis.reports.text.plain import plain
from tau2_logging.analysis.reports.trace.packets import CALL_DETAILS, OUTCOME, STEP_DETAILS
from tau2_logging.analysis.tables.columns import numbers
from tau2_logging.analysis.tables.lanes import Placed, in_flight, nest
from tau2_logging.analysis.timeline.queries import causes, label
from tau2_logging.analysis.timeline.slices import RANKS, TOLERANCE_US
from tau2_logging.analysis.timeline.timeline import Timeline
from tau2_logging.events.roles import ROLE_NAMES

MOST_SLICES = 100_000
"""Steps and calls beyond which there is no such file: it would have some 40 MB, and few viewers would open it."""

_BATCH = 1000
"""Events that are encoded at once: the encoder is made again for each piece of JSON."""

Event = dict[str, Any]
Head = tuple[str, str, Event]


def write_events(path: Path, timeline: Timeline, about: dict[str, Any]) -> None:
    """Write the file; `about` says what the trace is of."""
    with path.open("w", encoding="utf-8") as file:
        file.write('{"displayTimeUnit":"ms","traceEvents":[\n')
        separator, events = "", trace_events(timeline)
        while batch := list(itertools.islice(events, _BATCH)):
            file.write(separator + json.dumps(batch, separators=(",", ":"))[1:-1])
            separator = ",\n"
        other = {**about, "simulations_without_calls": timeline.unread, "resumed_at_ms": list(timeline.breaks)}
        file.write(f'\n],"otherData":{json.dumps(plain(other))}}}\n')


def trace_events(timeline: Timeline) -> Iterator[Event]:
    """Yield every event of the trace: names, slices by lane, arrows, counters, and a mark where a resumed run joins."""
    timeline = replace(timeline, calls=timeline.detailed(timeline.calls))
    domains = {domain: pid for pid, domain in enumerate(dict.fromkeys(map(str, timeline.rows["domain"])), 1)}
    for domain, pid in domains.items():
        yield _named("process_name", pid, 0, f"tau2 {domain}" if domain != "None" else "tau2")
    yield from _simulations(timeline, domains)
    yield from _counters(timeline, domains)
    for moment in timeline.breaks:
        yield {"ph": "i", "s": "g", "name": "resumed", "ts": _us(moment), "pid": 1, "tid": 0}


def _us(ms: float) -> int:
    return round(float(ms) * 1000)


def _named(what: str, pid: int, tid: int, name: str) -> Event:
    return {"ph": "M", "name": what, "pid": pid, "tid": tid, "args": {"name": name}}


def _simulations(timeline: Timeline, domains: dict[str, int]) -> Iterator[Event]:
    """Yield the lanes of each simulation in order of start. `tid`s are given in that order, which is also how viewers sort them."""
    steps, calls = _Slices(timeline.steps, _step_heads, len(timeline.rows)), _Slices(timeline.calls, _call_heads, len(timeline.rows))
    pairs = _pairs_by_row(timeline)
    tid, arrows = 1, 0
    row: Any
    for row in timeline.rows.itertuples():
        own_steps = steps.take(row.row)
        pid, inner = domains[str(row.domain)], [*own_steps, *calls.take(row.row)]
        arguments, links = _present(row, OUTCOME), pairs.get(row.row, [])
        whole = (_us(row.start_ms), _us(row.end_ms), 0)
        heads = [(f"task {label(row, False)}", "simulation", arguments), *(head for head, _ in inner)]
        placed = nest([whole, *(span for _, span in inner)], TOLERANCE_US)
        lanes = placed[-1].lane + 1
        yield from _lane_names(lanes, heads[0][0], pid, tid)
        for slice_ in placed:
            title, category, details = heads[slice_.index]
            place = {"ts": slice_.start, "dur": slice_.end - slice_.start, "pid": pid, "tid": tid + slice_.lane}
            yield {"ph": "X", "name": title, "cat": category, **place, "args": details}
        offset = 1 + len(own_steps) - calls.places[row.row].start
        for arrow in _arrows(placed, [(a + offset, b + offset) for a, b in links], pid, tid, arrows):
            arrows += arrow["ph"] == "s"
            yield arrow
        tid += lanes


def _lane_names(lanes: int, name: str, pid: int, tid: int) -> Iterator[Event]:
    for lane in range(lanes):
        yield _named("thread_name", pid, tid + lane, name + (f" (parallel {lane})" if lane else ""))
        yield {"ph": "M", "name": "thread_sort_index", "pid": pid, "tid": tid + lane, "args": {"sort_index": tid + lane}}


class _Slices:
    """The slices of a table that is sorted by row: for each its head (name, category, arguments) and span (start, end, rank).

    They are made as they are asked for: half a million heads at once take a gigabyte, and longer to be looked at by the garbage collector
    than to be made.
    """

    def __init__(self, frame: pd.DataFrame, heads: Callable[[pd.DataFrame], Iterable[Head]], rows: int) -> None:
        ranks = frame["lane"].map(RANKS).fillna(2).astype(int) if "lane" in frame else [1] * len(frame)
        spans = ((_us(start), _us(end), rank) for start, end, rank in zip(frame["start_ms"], frame["end_ms"], ranks, strict=False))
        self._all = zip(heads(frame), spans, strict=False)
        edges = np.searchsorted(frame["row"].to_numpy(), np.arange(rows + 1))
        self.places = [slice(int(low), int(high)) for low, high in itertools.pairwise(edges)]

    def take(self, row: int) -> list[tuple[Head, tuple[int, int, int]]]:
        """Return those of one row; rows have to be asked for in their order, each once."""
        place = self.places[row]
        return list(itertools.islice(self._all, place.stop - place.start))


def _pairs_by_row(timeline: Timeline) -> dict[int, list[tuple[int, int]]]:
    rows = timeline.calls["row"].to_numpy()
    found: dict[int, list[tuple[int, int]]] = {}
    for cause, effect in zip(*(places.tolist() for places in causes(timeline.calls)), strict=True):
        found.setdefault(int(rows[effect]), []).append((cause, effect))
    return found


def _step_heads(steps: pd.DataFrame) -> Iterator[Head]:
    for step, role, details in zip(steps["step"], steps["from_role"], _details(steps, STEP_DETAILS), strict=True):
        who = "" if pd.isna(role) else f" ({role})"
        yield f"step {step}{who}", "step", details


def _call_heads(calls: pd.DataFrame) -> Iterator[Head]:
    before = {lane: f"{label_}: " for lane, label_ in ROLE_LABELS.items()} | {"tool": "", "evaluation": "", "waiting": "waiting on "}
    columns = (calls[name] for name in ("lane", "name", "error"))
    for lane, name, error, details in zip(*columns, _details(calls, CALL_DETAILS), strict=True):
        yield f"{before[lane]}{name}{' (failed)' if error else ''}", str(lane), details


def _details(table: pd.DataFrame, names: Sequence[str]) -> Iterator[Event]:
    """For each row the fields that have a value, as JSON has them."""
    columns = [table[name].astype(object) for name in names]
    rows = zip(*(column.where(column.notna(), None).tolist() for column in columns), strict=True)
    return ({name: value for name, value in zip(names, row, strict=True) if value is not None} for row in rows)


def _present(row: Any, names: Iterable[str]) -> Event:
    """Return the fields that have a value, as JSON has them."""
    found = {}
    for name in names:
        value = getattr(row, name)
        if value is not None and value is not pd.NA and value == value:
            found[name] = value.item() if isinstance(value, np.generic) else value
    return found


def _arrows(placed: list[Placed], pairs: list[tuple[int, int]], pid: int, tid: int, count: int) -> Iterator[Event]:
    """Yield arrows from the last microsecond of a call to the first of the one that it caused; calls of 0 µs cannot hold one."""
    where = {slice_.index: slice_ for slice_ in placed}
    for cause, effect in pairs:
        start, end = where[cause], where[effect]
        if start.end == start.start or end.end == end.start or start.end - 1 > end.start:
            continue
        common = {"name": "led to", "cat": "flow", "id": count, "pid": pid}
        yield {"ph": "s", **common, "tid": tid + start.lane, "ts": start.end - 1}
        yield {"ph": "f", "bp": "e", **common, "tid": tid + end.lane, "ts": end.start}
        count += 1


_SUMMED = (("tokens so far", "input", "input_tokens"), ("tokens so far", "output", "output_tokens"),
           ("USD so far (known prices)", "usd", "cost_usd"))  # fmt: skip


def _counters(timeline: Timeline, domains: dict[str, int]) -> Iterator[Event]:
    """Yield the counters of each domain. Columns are looked up once: to cut the table for each of 10,000 domains takes minutes."""
    calls = timeline.calls
    lanes, starts, ends = calls["lane"].to_numpy(), calls["start_ms"].to_numpy(float), calls["end_ms"].to_numpy(float)
    until = starts + calls["own_ms"].to_numpy(float)
    summed = [(title, series, numbers(calls, field)) for title, series, field in _SUMMED]
    for pid, mine in _by_domain(timeline, domains):
        for lane in ROLE_NAMES:
            own = mine[lanes[mine] == lane]
            if len(own):
                yield from _counter("calls in flight", ROLE_LABELS[lane], *in_flight(starts[own], until[own]), pid)
        ended = mine[np.argsort(ends[mine], kind="stable")]
        for title, series, values in summed:
            known = ended[np.isfinite(values[ended]) & (values[ended] != 0)]
            if len(known):
                yield from _counter(title, series, ends[known], np.cumsum(values[known]), pid)


def _by_domain(timeline: Timeline, domains: dict[str, int]) -> Iterator[tuple[int, Any]]:
    """Yield the process of each domain that has a call, and the places of its calls."""
    of_row = np.array([domains[str(domain)] for domain in timeline.rows["domain"]], dtype=int)
    of_call = of_row[timeline.calls["row"].to_numpy(int)]
    order = np.argsort(of_call, kind="stable")
    pids, first = np.unique(of_call[order], return_index=True)
    yield from zip(pids.tolist(), np.split(order, first[1:]), strict=True) if len(order) else ()


def _counter(name: str, series: str, moments: Any, values: Any, pid: int) -> Iterator[Event]:
    for moment, value in zip(moments, values, strict=False):
        value = float(value)
        yield {
            "ph": "C",
            "name": name,
            "pid": pid,
            "ts": _us(moment),
            "args": {series: int(value) if value.is_integer() else round(value, 9)},
        }
