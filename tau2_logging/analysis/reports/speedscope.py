"""`speedscope.json` for https://www.speedscope.app: the run as flame graphs. Times are whole microseconds.

The first profile adds up the run: domain, role, then model or tool, as wide as they took. The others are the simulations, one profile
a lane, as they went; in a lane any two slices are nested or disjoint (`lanes.nest`), which is what the format asks for.
"""

from __future__ import annotations

import itertools
import json
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from tau2_logging.analysis.reports.pictures.palette import ROLE_LABELS
from tau2_logging.analysis.reports.report_options import ReportOptions, output_file
from tau2_logging.analysis.tables.lanes import Placed, nest
from tau2_logging.analysis.timeline.build import timeline_of
from tau2_logging.analysis.timeline.queries import label
from tau2_logging.analysis.timeline.timeline import Timeline

if TYPE_CHECKING:
    from tau2_logging.analysis.run_log import RunLog

NAME = "speedscope"
FILES = ("speedscope.json",)
SCHEMA = "https://www.speedscope.app/file-format-schema.json"
MOST_PROFILES = 2000
"""Simulations that would pass that are left out: the viewer lists all profiles in one menu."""

_TOLERANCE_US = 5
_RANKS = {"expert": 3, "judge": 3}

Profile = dict[str, Any]


def write(log: RunLog, output_dir: Path, options: ReportOptions) -> list[Path]:
    """Writes `speedscope.json`, nothing if the log has no simulation."""
    timeline = timeline_of(log)
    if timeline.rows.empty:
        return []
    path = output_file(output_dir, FILES[0])
    path.write_text(json.dumps(speedscope_file(timeline, options.title or log.run_id or "all runs")), encoding="utf-8")
    return [path]


def speedscope_file(timeline: Timeline, name: str) -> dict[str, Any]:
    """Return the file as an object: `$schema`, `shared.frames`, `profiles`, `name`, `exporter`, `activeProfileIndex`."""
    frames = _Frames()
    profiles = [_sum_of(timeline, frames)]
    several, drawn = timeline.rows["domain"].nunique() > 1, 0
    for row in timeline.rows.itertuples():
        if len(profiles) > MOST_PROFILES:
            break
        profiles += _lanes(timeline, row, several, frames)
        drawn += 1
    left_out = len(timeline.rows) - drawn
    said = f"{name} ({left_out} simulations left out)" if left_out else name
    shared = {"frames": [{"name": text} for text in frames.numbers]}
    return {"$schema": SCHEMA, "shared": shared, "profiles": profiles, "name": said, "exporter": "tau2-logging", "activeProfileIndex": 0}


class _Frames:
    """Each name once, by number."""

    def __init__(self) -> None:
        self.numbers: dict[str, int] = {}

    def __call__(self, name: str) -> int:
        return self.numbers.setdefault(name, len(self.numbers))


def _us(ms: float) -> int:
    return round(float(ms) * 1000)


def _sum_of(timeline: Timeline, frames: _Frames) -> Profile:
    """Return what the calls took together. Pauses and what never came back are no calls."""
    calls = timeline.calls[~timeline.calls["lane"].isin(("retry", "waiting"))]
    domains = timeline.rows["domain"].astype(str)
    calls = calls.assign(domain=calls["row"].map(domains))
    sums = calls.groupby(["domain", "lane", "name"], sort=False, dropna=False)["own_ms"].sum().sort_values(ascending=False)
    samples, weights = [], []
    for (domain, lane, name), total_ms in sums.items():
        samples.append([frames(f"tau2 {domain}"), frames(ROLE_LABELS[lane]), frames(f"{ROLE_LABELS[lane]}: {name}")])
        weights.append(_us(total_ms))
    common = {"type": "sampled", "name": "all simulations, summed", "unit": "microseconds", "startValue": 0, "endValue": sum(weights)}
    return {**common, "samples": samples, "weights": weights}


def _lanes(timeline: Timeline, row: Any, several: bool, frames: _Frames) -> Iterator[Profile]:
    """Yield the profiles of one simulation."""
    steps, calls = timeline.steps_of(row.row), timeline.calls_of(row.row)
    titles = [
        f"task {label(row, several)}",
        *(f"step ({role})" for role in steps["from_role"]),
        *(f"{ROLE_LABELS[lane]}: {name}" for lane, name in zip(calls["lane"], calls["name"], strict=True)),
    ]
    ranks = [0, *np.ones(len(steps), int).tolist(), *(_RANKS.get(lane, 2) for lane in calls["lane"])]
    starts = [row.start_ms, *steps["start_ms"], *calls["start_ms"]]
    ends = [row.end_ms, *steps["end_ms"], *calls["end_ms"]]
    placed = nest([(_us(a), _us(b), rank) for a, b, rank in zip(starts, ends, ranks, strict=True)], _TOLERANCE_US)
    numbered = [frames(title) for title in titles]
    for lane, slices in itertools.groupby(placed, key=lambda slice_: slice_.lane):
        yield _evented(titles[0] + (f" (parallel {lane})" if lane else ""), list(slices), numbered)


def _evented(name: str, slices: list[Placed], frame_of: list[int]) -> Profile:
    """Return the slices of one lane, outer before inner, as frames that open and close in balance."""
    events: list[dict[str, Any]] = []
    open_: list[Placed] = []

    def close_until(moment: float) -> None:
        while open_ and open_[-1].end <= moment:
            done = open_.pop()
            events.append({"type": "C", "frame": frame_of[done.index], "at": done.end})

    for slice_ in slices:
        close_until(slice_.start)
        events.append({"type": "O", "frame": frame_of[slice_.index], "at": slice_.start})
        open_.append(slice_)
    close_until(float("inf"))
    common = {"type": "evented", "name": name, "unit": "microseconds"}
    return {**common, "startValue": slices[0].start, "endValue": max(slice_.end for slice_ in slices), "events": events}
