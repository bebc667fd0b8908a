"""`trace.pftrace.gz` for https://ui.perfetto.dev: Perfetto's own format, compressed, about an eighth of the log's size.

A process is a domain, a lane ("thread") is a simulation, times are whole microseconds since the run started. In a lane any two slices
are nested or disjoint, whatever the log says (`timeline.slices`); calls that ran in parallel get lanes of their own. Counters show calls in
flight by role, tokens and money so far; arrows lead from a call to the one that it caused.
"""

from __future__ import annotations

import gzip
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from tau2_logging.analysis.measures.run_totals import totals_of
from tau2_logging.analysis.reports.pictures.palette import ROLE_LABELS
from tau2_logging.analysis.reports.report_options import ReportOptions, output_file
from tau2_logging.analysis.reports.trace.packets import Tables, Tracks, interned, marker, slice_packets, track, values_packets
from tau2_logging.analysis.reports.trace.trace_events import MOST_SLICES as MOST_AS_JSON
from tau2_logging.analysis.reports.trace.trace_events import write_events
from tau2_logging.analysis.tables.columns import numbers
from tau2_logging.analysis.tables.lanes import in_flight
from tau2_logging.analysis.timeline.build import timeline_of
from tau2_logging.analysis.timeline.queries import chosen, labels
from tau2_logging.analysis.timeline.slices import Slices, microseconds, placed_slices
from tau2_logging.analysis.timeline.timeline import Timeline
from tau2_logging.events.roles import ROLE_NAMES

if TYPE_CHECKING:
    from tau2_logging.analysis.run_log import RunLog

NAME = "trace"
FILES = ("trace.pftrace.gz", "trace.json")

MOST_SLICES = 1_000_000
"""Beyond so many slices simulations are drawn without their calls, and the file says how many; viewers grow slow before that."""

MOST_POINTS = 20_000
"""Of a sum that grows with each call so many points are kept, evenly spread, and the last."""

_LEVEL = 2
"""Of compression: 3 takes a fifth more time for a hundredth of the size."""


def write(log: RunLog, output_dir: Path, options: ReportOptions) -> list[Path]:
    """Write the trace, of the tasks that `--tasks` names or of all, and the whole one as JSON too if that is not too large; nothing if the
    log has no simulation."""
    timeline = timeline_of(log)
    if timeline.rows.empty:
        return []
    path = output_file(output_dir, FILES[0])
    totals = totals_of(log, options.prices).as_json()
    with path.open("wb") as file, gzip.GzipFile("", "wb", _LEVEL, file, mtime=0) as packed:
        for piece in trace_packets(timeline, {"run": log.run_id or "all", **_plain(totals)}, options.tasks):
            packed.write(piece)
    if options.tasks or len(timeline.calls) + len(timeline.steps) > MOST_AS_JSON:
        return [path]
    as_json = output_file(output_dir, FILES[1])
    write_events(as_json, timeline, {"run": log.run_id or "all", "totals": totals})
    return [path, as_json]


def _plain(totals: dict[str, object]) -> dict[str, object]:
    """Return the totals that are one figure each; those of each status as `status ok`."""
    statuses = totals["statuses"] if isinstance(totals["statuses"], dict) else {}
    flat = {**totals, **{f"status {name}": number for name, number in statuses.items()}}
    return {name: value for name, value in flat.items() if isinstance(value, (int, float, str))}


def trace_packets(
    timeline: Timeline, about: dict[str, object], tasks: Sequence[str] = (), most_slices: int = MOST_SLICES
) -> Iterator[bytes]:
    """Yield every packet of the trace: names, lanes, slices with their arrows, counters, a mark where a resumed run joins."""
    timeline = replace(timeline, calls=timeline.detailed(timeline.calls))
    rows = chosen(timeline, tasks) if tasks else timeline.rows["row"].tolist()
    whole, heads = _affordable(timeline, rows, most_slices)
    left_out = timeline.calls.loc[timeline.calls["row"].isin(heads), "row"].value_counts()
    slices = placed_slices(timeline, whole, heads)
    tables = Tables(timeline, left_out)
    tracks = Tracks({str(name): pid for pid, name in enumerate(dict.fromkeys(map(str, timeline.rows["domain"])), 1)})
    yield interned(tables)
    yield from (
        track(tracks.process(domain), name=f"tau2 {domain}" if domain != "None" else "tau2", pid=pid) for domain, pid in tracks.pids.items()
    )
    lanes = _lanes(timeline, slices, tracks)
    yield from lanes.described
    before = min(0, int(slices.start.min(initial=0)))
    said = {**about, "calls_left_out": int(left_out.sum()), "simulations_without_calls": timeline.unread}
    yield marker("run", -before, next(iter(tracks.pids.values())), said)
    yield from slice_packets(slices, tables, lanes.of_slice, before)
    yield from _counters(timeline, set(rows), tracks, before)
    for moment in timeline.breaks:
        yield marker("resumed", int(microseconds(moment)) - before, 1, {})


def _affordable(timeline: Timeline, rows: Sequence[int], most: int) -> tuple[list[int], list[int]]:
    """Return the rows that are drawn whole, in order, until so many slices are used up, and those that are drawn without anything in
    them."""
    inner = sum(table["row"].value_counts().reindex(rows, fill_value=0).to_numpy() for table in (timeline.calls, timeline.steps))
    fits = np.cumsum(inner + 1) <= most
    return [row for row, fit in zip(rows, fits, strict=True) if fit], [row for row, fit in zip(rows, fits, strict=True) if not fit]


class _Lanes:
    """Lanes of the trace: the track of each slice, and the packets that describe them."""

    def __init__(self, of_slice: Any, described: list[bytes]) -> None:
        self.of_slice, self.described = of_slice, described


def _lanes(timeline: Timeline, slices: Slices, tracks: Tracks) -> _Lanes:
    """Return a track for each lane of each simulation, in order of start, which is how viewers sort them."""
    many = int(slices.lane.max(initial=0)) + 1
    keys, of_slice = np.unique(slices.row * many + slices.lane, return_inverse=True)
    rows = timeline.rows
    names = dict(zip(rows["row"], zip((f"task {name}" for name in labels(rows)), map(str, rows["domain"]), strict=True), strict=True))
    first, described = tracks.taken(len(keys)), []
    for number, key in enumerate(keys.tolist()):
        name, domain = names[key // many]
        lane = key % many
        title = name + (f" (parallel {lane})" if lane else "")
        described.append(track(first + number, name=title, pid=tracks.pids[domain], tid=number + 1))
    return _Lanes(of_slice + first, described)


_SUMMED = (("tokens so far: input", "input_tokens"), ("tokens so far: output", "output_tokens"), ("USD so far (known prices)", "cost_usd"))


def _counters(timeline: Timeline, rows: set[int], tracks: Tracks, before: int) -> Iterator[bytes]:
    """Yield the counters of each domain. Columns are looked up once: to cut the table for each of 10,000 domains takes minutes."""
    calls = timeline.calls
    lanes, starts, ends = calls["lane"].to_numpy(), calls["start_ms"].to_numpy(float), calls["end_ms"].to_numpy(float)
    until = starts + calls["own_ms"].to_numpy(float)
    summed = [(title, numbers(calls, field)) for title, field in _SUMMED]
    for domain, mine in _by_domain(timeline, rows, tracks.pids):
        for lane in ROLE_NAMES:
            own = mine[lanes[mine] == lane]
            if len(own):
                moments, levels = in_flight(starts[own], until[own])
                yield from _counter(f"calls in flight: {ROLE_LABELS[lane]}", moments, levels, tracks, domain, before)
        ended = mine[np.argsort(ends[mine], kind="stable")]
        for title, values in summed:
            known = ended[np.isfinite(values[ended]) & (values[ended] != 0)]
            if len(known):
                kept = np.unique(np.linspace(0, len(known) - 1, min(len(known), MOST_POINTS)).astype(int))
                yield from _counter(title, ends[known][kept], np.cumsum(values[known])[kept], tracks, domain, before)


def _counter(name: str, moments: Any, values: Any, tracks: Tracks, domain: str, before: int) -> Iterator[bytes]:
    number = tracks.taken(1)
    yield track(number, name=name, parent=tracks.process(domain), counter=True)
    yield values_packets(number, microseconds(moments) - before, values)


def _by_domain(timeline: Timeline, rows: set[int], pids: dict[str, int]) -> Iterator[tuple[str, Any]]:
    """Yield each domain that has a call, and the places of its calls."""
    of_row = pd.Series([pids[str(domain)] for domain in timeline.rows["domain"]], index=timeline.rows["row"], dtype=int)
    call_rows = timeline.calls["row"]
    of_call = of_row.reindex(call_rows).to_numpy(int)
    order = np.argsort(of_call, kind="stable")
    order = order[call_rows.isin(rows).to_numpy()[order]]
    found, first = np.unique(of_call[order], return_index=True)
    names = {pid: domain for domain, pid in pids.items()}
    for pid, mine in zip(found.tolist(), np.split(order, first[1:]) if len(order) else [], strict=True):
        yield names[pid], mine
