"""The Gantt picture of one simulation: a lane each for agent model, expert, tools, user, judge and evaluation."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from tau2_logging.analysis.reports.pictures import figure as pic
from tau2_logging.analysis.reports.pictures.axis import on_axis, time_steps
from tau2_logging.analysis.reports.pictures.palette import ROLE_LABELS, colors
from tau2_logging.analysis.tables.lanes import pack
from tau2_logging.analysis.timeline.queries import label
from tau2_logging.analysis.timeline.timeline import LANES, Timeline
from tau2_logging.events.roles import OF_DOCUMENTS, ROLE_NAMES
from tau2_logging.units import duration

_WIDTH = 14.0
_LEFT, _RIGHT = 0.115, 0.87
_INCH_A_ROW = 0.42
_MOST_ROWS = 12
_LETTER_INCH = 0.068
_THINNEST = 0.0018
_LONG_STEP = 0.004
_SEAM = 0.0006
"""Left free at the end of a bar, so that calls that follow each other at once can be distinguished."""


def gantt(timeline: Timeline, row: int) -> Any:
    """Return the drawing of one row of the timeline."""
    simulation = timeline.rows.loc[row]
    calls, steps = timeline.calls_of(row), timeline.steps_of(row)
    start, end = float(simulation["start_ms"]), float(simulation["end_ms"])
    span = max(end - start, 1e-3)
    lanes = [lane for lane in LANES if (lane in ROLE_NAMES and lane not in OF_DOCUMENTS) or (calls["lane"] == lane).any()]
    places, total = _places(calls, lanes)
    height = 1.75 + _INCH_A_ROW * total
    figure = pic.new_figure(_WIDTH, height, _title(simulation, timeline), _subtitle(simulation))
    axes = figure.add_axes((_LEFT, 0.62 / height, _RIGHT - _LEFT, (height - 1.62) / height))
    pic.style_axes(axes, xlabel="time since the simulation started", grid="")
    axes.set_xlim(-0.004 * span, span * 1.004)
    axes.set_ylim(total, 0)
    _steps(axes, steps, start, span)
    for lane in lanes:
        _lane(axes, calls[calls["lane"] == lane], lane, places[lane], start, span)
    middles = [places[lane][0] + places[lane][1] / 2 for lane in lanes]
    pic.row_labels(axes, middles, [ROLE_LABELS[lane] for lane in lanes], size=9)
    pic.ticks(axes.xaxis, time_steps(0, span, 10), on_axis(span))
    _note(figure, calls)
    return figure


def _title(simulation: pd.Series, timeline: Timeline) -> str:
    return f"Task {label(simulation, timeline.rows['domain'].nunique() > 1)}"


def _subtitle(simulation: pd.Series) -> str:
    parts = [f"status {simulation['status']}"]
    if pd.notna(simulation["reward"]):
        parts.append(f"reward {float(simulation['reward']):g}")
    if isinstance(simulation["termination"], str):
        parts.append(simulation["termination"])
    parts.append(duration(float(simulation["end_ms"] - simulation["start_ms"])))
    if isinstance(simulation["error_type"], str):
        parts.append(simulation["error_type"])
    return "   ·   ".join(parts)


def _places(calls: pd.DataFrame, lanes: list[str]) -> tuple[dict[str, tuple[int, int]], int]:
    """Return first row and number of rows of each lane; a lane with parallel calls has several, at most _MOST_ROWS."""
    places, top = {}, 0
    for lane in lanes:
        mine = calls[calls["lane"] == lane]
        rows = min(_MOST_ROWS, max([0, *pack(mine["start_ms"], mine["end_ms"])]) + 1)
        places[lane] = (top, rows)
        top += rows
    return places, top


def _steps(axes: Any, steps: pd.DataFrame, start: float, span: float) -> None:
    """Every other of the longer steps shaded, with the steps' numbers above if there is room for them."""
    inches = _WIDTH * (_RIGHT - _LEFT)
    shaded = steps[steps["end_ms"] - steps["start_ms"] > span * _LONG_STEP].iloc[::2]
    for began, ended in zip(shaded["start_ms"] - start, shaded["end_ms"] - start, strict=False):
        axes.axvspan(began, ended, color="#f4f6f8", linewidth=0, zorder=0)
    free = -np.inf
    for step, began, ended in zip(steps["step"], steps["start_ms"] - start, steps["end_ms"] - start, strict=False):
        text = str(step)
        middle, half = (began + ended) / 2 / span * inches, len(text) * _LETTER_INCH / 2 + 0.03
        if pd.isna(step) or middle - half < free:
            continue
        free = middle + half
        pic.write(axes, (began + ended) / 2, -0.06, text, size=7, color=pic.FAINT, ha="center", va="bottom", clip_on=False)
    if len(steps):
        pic.write(axes, -0.006, -0.06, "step", size=7, color=pic.FAINT, ha="right", va="bottom", transform=_at_left(axes))


def _at_left(axes: Any) -> Any:
    return axes.get_yaxis_transform()


def _lane(axes: Any, calls: pd.DataFrame, lane: str, place: tuple[int, int], start: float, span: float) -> None:
    top, rows = place
    axes.axhline(top, color=pic.GRID, linewidth=0.8, zorder=0)
    if not len(calls):
        pic.write(axes, 1.008, top + 0.5, "none", size=8, color=pic.FAINT, va="center", transform=axes.get_yaxis_transform())
        return
    row = np.array([min(r, _MOST_ROWS - 1) for r in pack(calls["start_ms"], calls["end_ms"])]) + top
    x0, x1 = calls["start_ms"].to_numpy() - start, calls["end_ms"].to_numpy() - start
    drawn = np.maximum(x1 - span * _SEAM, x0 + span * _THINNEST)
    failed, waits = calls["error"].to_numpy(), lane in ("retry", "waiting")
    color = colors("light")[lane]
    for mask, hatch in ((~failed, "////" if waits else None), (failed, "xxxx")):
        spans = [(a, b, r + 0.14, r + 0.86) for a, b, r in zip(x0[mask], drawn[mask], row[mask], strict=False)]
        pic.bars(axes, spans, color, hatch=hatch, edgecolors="white" if hatch else "none", zorder=2)
    axes.plot((x0 + drawn)[failed] / 2, row[failed] + 0.1, "x", color="#c01c28", markersize=5, markeredgewidth=1.6, zorder=4, clip_on=False)
    _names(axes, calls, x0, drawn, row, span, pic.INK if waits else "white")
    pic.write(axes, 1.008, top + rows / 2, _sums(calls), size=8, va="center", linespacing=1.3, transform=axes.get_yaxis_transform())


def _sums(calls: pd.DataFrame) -> str:
    own, failed = calls["own_ms"], int(calls["error"].sum())
    text = f"{len(calls)} \u00d7 {duration(float(own.median()))} median\n{duration(float(own.sum()))} in all"
    if len(calls) == 1:
        text = f"1 \u00d7 {duration(float(own.iloc[0]))}"
    return text + (f", {failed} failed" if failed else "")


def _names(axes: Any, calls: pd.DataFrame, x0: Any, x1: Any, row: Any, span: float, color: str) -> None:
    """A call's name in its bar, or right of it, if it has room: labels never overprint."""
    inches = _WIDTH * (_RIGHT - _LEFT)
    following = {r: np.sort(x0[row == r]) for r in np.unique(row)}
    for name, failed, a, b, r in zip(calls["name"], calls["error"], x0, x1, row, strict=False):
        inside = int(((b - a) / span * inches - 0.08) / _LETTER_INCH)
        later = following[r][np.searchsorted(following[r], a, side="right") :]
        beside = int((((later[0] if len(later) else span) - b) / span * inches - 0.1) / _LETTER_INCH)
        if inside >= min(6, len(name)):
            box = {"facecolor": "#ffffffcc", "linewidth": 0, "pad": 1.0} if failed or color == pic.INK else None
            ink = pic.INK if box else color
            text = pic.plain(name, inside)
            pic.write(axes, (a + b) / 2, r + 0.5, text, size=7, color=ink, ha="center", va="center", zorder=3, bbox=box)
        elif beside >= min(8, len(name)) and inside < 2:
            pic.write(
                axes, b + 0.04 / inches * span, r + 0.5, pic.plain(name, min(beside, 40)), size=7, color=pic.FAINT, va="center", zorder=3
            )


def _note(figure: Any, calls: pd.DataFrame) -> None:
    notes = ["numbers above: orchestrator steps", "bars are at least 0.2 % wide"]
    if calls["error"].any():
        notes.append("red cross: the call failed")
    if (calls["lane"] == "waiting").any():
        notes.append("waiting: what it waited on when its log ended")
    pic.write(figure, 0.013, 0.012, "   ·   ".join(notes), size=8, color=pic.FAINT, va="bottom")
