"""The picture of a whole run: what was in flight when, the simulations as rows, and how long each took and with what."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from tau2_logging.analysis.measures.run_totals import Totals
from tau2_logging.analysis.reports.pictures import figure as pic
from tau2_logging.analysis.reports.pictures.axis import count_steps, on_axis, time_steps
from tau2_logging.analysis.reports.pictures.palette import ROLE_LABELS, colors
from tau2_logging.analysis.tables.lanes import mean_in_flight
from tau2_logging.analysis.timeline.queries import ended_badly, label, slots, waits_by_row
from tau2_logging.analysis.timeline.timeline import EXCLUSIVE_ROLES, LANES, Timeline
from tau2_logging.events.roles import ROLE_NAMES
from tau2_logging.units import duration, short_count

MOST_NAMED_ROWS = 60
"""Up to so many simulations each has a row with its name; more are packed: a row is then a slot of the pool."""

_MOST_COLUMNS = 300
_PIXELS = 1400
_WIDTH = 15.0
_HEAD = 1.63
_LEFT, _RIGHT = 0.13, 0.985
_NARROW = 60
_SHADES = ("#d5e3f3", "#9cc1e8", "#4a86c8", "#123d75")
_BAD = "#c01c28"


def overview(timeline: Timeline, title: str, totals: Totals) -> Any:
    """Return the drawing of the run, with its totals at the head."""
    rows = timeline.rows
    named = len(rows) <= MOST_NAMED_ROWS
    rows = rows.assign(slot=np.arange(len(rows)) if named else slots(rows))
    lines = int(rows["slot"].max()) + 1 if len(rows) else 1
    tall = max(0.9, min(0.24 * lines, 11.0) if named else min(0.2 * lines, 8.0))
    height = _HEAD + 1.8 + 0.62 + tall + 0.75 + 2.2 + 0.3
    figure = pic.new_figure(_WIDTH, height, title, _subtitle(totals, timeline))
    pic.write(figure, 0.18 / _WIDTH, 1 - 0.68 / height, pic.plain(_costs(totals), 200), size=9, color=pic.FAINT, va="top")
    boxes = _boxes(height, (1.8, tall, 2.2), (_HEAD, 0.62, 0.75))
    end = max(timeline.end_ms, 1e-3)
    _flow(figure.add_axes(boxes[0]), timeline, end)
    axes = figure.add_axes(boxes[1])
    image = np.ones((lines, _PIXELS, 3))
    roles = named or end / _PIXELS * _NARROW < _mean_length(rows)
    if roles:
        _paint_roles(image, timeline, rows, end)
        _row_axis(axes, rows, lines, named, "color: the role with the most time in that moment; red cross: ended in an error or unsolved")
    else:
        _paint_lengths(image, rows, end)
        _row_axis(axes, rows, lines, named, "darker: took longer than half, 90 %, 99 % of all; red: ended in an error or unsolved")
    _show(axes, image, timeline, rows, end, roles)
    _durations(figure.add_axes(boxes[2]), rows, timeline)
    entries = [(ROLE_LABELS[lane], colors("light")[lane]) for lane in (*timeline.lanes, "setup", "other")]
    pic.legend(figure, entries, loc="upper left", bbox_to_anchor=(0.004, 1 - 0.86 / height))
    return figure


def _mean_length(rows: pd.DataFrame) -> float:
    return float((rows["end_ms"] - rows["start_ms"]).mean())


def _boxes(height: float, tall: tuple[float, ...], above: tuple[float, ...]) -> list[tuple[float, float, float, float]]:
    boxes, top = [], height
    for inches, gap in zip(tall, above, strict=False):
        top -= gap + inches
        boxes.append((_LEFT, top / height, _RIGHT - _LEFT, inches / height))
    return boxes


def _subtitle(totals: Totals, timeline: Timeline) -> str:
    parts = [f"simulations {totals.shown['simulations']}", f"mean reward {totals.headline}"]
    if timeline.unread:
        parts.append(f"calls of {timeline.unread:,} of them not read: colors by role are of the others")
    return _joined(parts)


def _costs(totals: Totals) -> str:
    shown, starts = totals.shown, totals.starts or 0
    pauses = f" in {starts} starts, drawn end to end (dashed lines) without the pauses" if starts > 1 else ""
    start_up = f", after {duration(totals.start_up_ms)} of start-up" if totals.start_up_ms else ""
    return _joined([f"wall time {shown['wall time']}{pauses}{start_up}", f"errors {shown['errors']}", f"cost {shown['cost']}"])


def _joined(parts: list[str]) -> str:
    return "   ·   ".join(parts)


def _time_axis(axes: Any, end: float, timeline: Timeline) -> None:
    axes.set_xlim(0, end)
    pic.ticks(axes.xaxis, time_steps(0, end, 12), on_axis(end))
    for moment in timeline.breaks:
        axes.axvline(moment, color=pic.INK, linewidth=1, linestyle=(0, (4, 3)), zorder=5)


def _flow(axes: Any, timeline: Timeline, end: float) -> None:
    """Mean number in flight in each of some hundred bins, stacked by role; simulations as a line."""
    edges = np.linspace(0, end, 400)
    below = np.zeros(len(edges) - 1)
    for lane in ROLE_NAMES:
        if lane in timeline.lanes:
            level = below + mean_in_flight(*timeline.spans_of(lane), edges)
            pic.stairs(axes, level, edges, below, fill=True, facecolor=colors("light")[lane], linewidth=0)
            below = level
    busy = mean_in_flight(timeline.rows["start_ms"], timeline.rows["end_ms"], edges)
    pic.stairs(axes, busy, edges, None, edgecolor=pic.INK, linewidth=1.1)
    pic.style_axes(axes, "In flight: calls by role (areas) and simulations (line)", grid="y")
    top = max(float(busy.max()), float(below.max()), 1) * 1.08
    axes.set_ylim(0, top)
    pic.ticks(axes.yaxis, count_steps(top), short_count)
    _time_axis(axes, end, timeline)


def _paint_roles(image: Any, timeline: Timeline, rows: pd.DataFrame, end: float) -> None:
    """Each pixel in the color of the role that was at work longest in it, light gray if none was, white if one starts."""
    edges, paint = np.linspace(0, end, _PIXELS + 1), colors("light")
    for slot, mine in rows.groupby("slot"):
        image[slot][mean_in_flight(mine["start_ms"], mine["end_ms"], edges) > 0.001] = _rgb(paint["other"])
    share = np.full(image.shape[:2], 0.02)
    row_slot = timeline.calls["row"].map(dict(zip(rows["row"], rows["slot"], strict=False))).to_numpy()
    for lane in timeline.lanes:
        of_call = row_slot[timeline.lane_codes == LANES.index(lane)]
        starts, ends = timeline.spans_of(lane)
        for slot in np.unique(of_call[~np.isnan(of_call)]).astype(int):
            level = mean_in_flight(starts[of_call == slot], ends[of_call == slot], edges)
            wins = level > share[slot]
            image[slot][wins], share[slot][wins] = _rgb(paint[lane]), level[wins]
    for slot, start in zip(rows["slot"], rows["start_ms"], strict=True):
        image[slot, min(int(start / end * _PIXELS), _PIXELS - 1)] = 1.0


def _paint_lengths(image: Any, rows: pd.DataFrame, end: float) -> None:
    """Each simulation as one block, shaded by how long it took among all; a white pixel if one starts."""
    length = (rows["end_ms"] - rows["start_ms"]).to_numpy()
    shade = np.searchsorted(np.percentile(length, (50, 90, 99)), length, side="left")
    first = (rows["start_ms"].to_numpy() / end * _PIXELS).astype(int)
    last = np.ceil(rows["end_ms"].to_numpy() / end * _PIXELS).astype(int)
    for slot, left, right, tone, bad in zip(rows["slot"], first, last, shade, ended_badly(rows), strict=True):
        image[slot, left:right] = _rgb(_BAD if bad else _SHADES[tone])
        if right - left > 3:
            image[slot, left] = 1.0


def _show(axes: Any, image: Any, timeline: Timeline, rows: pd.DataFrame, end: float, crosses: bool) -> None:
    lines = len(image)
    axes.imshow(image, extent=(0, end, lines, 0), aspect="auto", interpolation="nearest")
    for edge in range(1, lines if lines <= 2 * MOST_NAMED_ROWS else 1):
        axes.axhline(edge, color="white", linewidth=1.0)
    bad = rows[ended_badly(rows)]
    if crosses:
        axes.plot(
            bad["end_ms"] + 0.005 * end, bad["slot"] + 0.5, "x", color=_BAD, markersize=5, markeredgewidth=1.6, clip_on=False, zorder=6
        )
    _time_axis(axes, end, timeline)


def _row_axis(axes: Any, rows: pd.DataFrame, lines: int, named: bool, what: str) -> None:
    if named:
        pic.style_axes(axes, f"Simulations in order of start ({what})", grid="")
        several = rows["domain"].nunique() > 1
        pic.row_labels(axes, [n + 0.5 for n in range(len(rows))], [label(row, several) for row in rows.itertuples()], 24, 7.5)
        return
    pic.style_axes(axes, f"{len(rows)} simulations in {lines} rows, as the slots of a pool ({what})", ylabel="slot", grid="")
    pic.ticks(axes.yaxis, count_steps(lines - 1), short_count)


def _rgb(color: str) -> Any:
    return np.array([int(color[i : i + 2], 16) / 255 for i in (1, 3, 5)])


def time_by_kind(rows: pd.DataFrame, timeline: Timeline) -> dict[str, pd.Series]:
    """Return the exclusive time of each row by kind, in the order in which it is drawn.

    `retry` is what a simulation waited while nothing else of it was at work, as in the time budget: the log's exclusive times have it in
    `other` and in `evaluation`.
    """
    spent = {lane: _spent(rows, field, lane, timeline) for field, lane in EXCLUSIVE_ROLES.items()}
    before, within = (waits.reindex(rows.index) for waits in waits_by_row(timeline))
    spent["evaluation"] = (spent["evaluation"] - within).clip(lower=0)
    other = spent.pop("other")
    return {**spent, "retry": before + within, "other": (other - before).clip(lower=0)}


def _spent(rows: pd.DataFrame, field: str, lane: str, timeline: Timeline) -> pd.Series:
    """Return a kind of exclusive time; of a simulation that has no task_end, its calls of that kind added up."""
    mine = timeline.lane_codes == LANES.index(lane) if lane in LANES else np.zeros(len(timeline.calls), bool)
    calls = timeline.calls.loc[mine, ["row", "own_ms"]].groupby("row")["own_ms"].sum()
    known: pd.Series = pd.to_numeric(rows[field], errors="coerce").fillna(rows["row"].map(calls)).fillna(0.0)
    return known


def _durations(axes: Any, rows: pd.DataFrame, timeline: Timeline) -> None:
    """Exclusive time by kind, a column a simulation, the longest first; many are averaged in equal groups."""
    rows = rows.assign(length=rows["end_ms"] - rows["start_ms"]).sort_values("length", ascending=False, kind="stable")
    columns = min(len(rows), _MOST_COLUMNS)
    group = np.arange(len(rows)) * columns // max(len(rows), 1)
    below = np.zeros(columns)
    for lane, spent in time_by_kind(rows, timeline).items():
        mean = spent.groupby(group).mean().to_numpy()
        _columns(axes, below, mean, facecolor=colors("light")[lane])
        below = below + mean
    total = rows["length"].groupby(group).mean().to_numpy()
    gap = np.maximum(total - below, 0)
    _columns(axes, below, gap, facecolor="white", hatch="....", edgecolor="#c4cad2")
    per = len(rows) / max(columns, 1)
    each = "a column each" if per <= 1 else f"a column is the mean of about {per:.0f}"
    pic.style_axes(axes, f"Time by kind, longest simulation first ({each}; dotted: not accounted for)", grid="y")
    axes.set_xlim(0, max(columns, 1))
    top = float(total.max()) if len(total) else 1.0
    axes.set_ylim(0, max(top, 1e-3) * 1.05)
    pic.ticks(axes.yaxis, time_steps(0, top, 5), on_axis(top))
    pic.ticks(axes.xaxis, [], str)


def _columns(axes: Any, below: Any, heights: Any, **style: Any) -> None:
    """Columns on top of others. Many of them touch and are one shape: 2,700 bars take matplotlib a second and a half."""
    if len(heights) > 80:
        pic.stairs(axes, below + heights, np.arange(len(heights) + 1), below, fill=True, linewidth=0, **style)
    else:
        axes.bar(np.arange(len(heights)), heights, bottom=below, width=0.85, align="edge", linewidth=0, **style)
