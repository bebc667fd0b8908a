"""The picture of one voice simulation: who spoke when, what both said at once, and the tool calls; in audio time."""

from __future__ import annotations

from typing import Any

from tau2_logging.analysis.reports.pictures import figure as pic
from tau2_logging.analysis.reports.pictures.axis import on_axis, time_steps
from tau2_logging.analysis.reports.pictures.gantt import gantt
from tau2_logging.analysis.reports.pictures.palette import colors
from tau2_logging.analysis.tables.voice.speech_lanes import both_at_once
from tau2_logging.analysis.timeline.queries import label
from tau2_logging.analysis.timeline.timeline import Timeline
from tau2_logging.units import duration, share

_WIDTH = 14.0
_LEFT, _RIGHT = 0.06, 0.88
_INCH_A_ROW = 0.5
_BOTH = "#c01c28"

Spans = list[tuple[float, float]]


def task_picture(timeline: Timeline, row: int, lanes: dict[str, Any] | None) -> Any:
    """Return the drawing of one row of the timeline: of a voice simulation its `speech_lanes`, else the Gantt picture."""
    if lanes is None:
        return gantt(timeline, row)
    return _speech_picture(lanes, f"Task {label(timeline.rows.loc[row], timeline.rows['domain'].nunique() > 1)}")


def _speech_picture(lanes: dict[str, Any], title: str) -> Any:
    speech, tools, audio = lanes["speech"], lanes["tools"], max(float(lanes["audio"]), 1e-3)
    names = ["user", "agent", "both", *(["tools"] if tools else [])]
    height = 1.75 + _INCH_A_ROW * len(names)
    figure = pic.new_figure(_WIDTH, height, title, f"{duration(audio)} of audio time, which is what a caller hears")
    axes = figure.add_axes((_LEFT, 0.62 / height, _RIGHT - _LEFT, (height - 1.42) / height))
    pic.style_axes(axes, xlabel="audio time since the conversation began", grid="x")
    axes.set_xlim(-0.004 * audio, audio * 1.004)
    axes.set_ylim(len(names), 0)
    for row, side in enumerate(("user", "agent")):
        mine = [one for one in speech if one[0] == side]
        _bars(axes, row, [_span(one[2:4]) for one in mine if one[1] == "turn"], colors("light")[side])
        _bars(axes, row, [_span(one[2:4]) for one in mine if one[1] != "turn"], colors("light")[side], "////")
        _sum(axes, row, f"{len(mine)} \u00d7, {share(sum(one[3] for one in mine) / audio)}")
    both = both_at_once(speech)
    _bars(axes, 2, both, _BOTH)
    _sum(axes, 2, share(sum(end - start for start, end in both) / audio))
    if tools:
        _bars(axes, 3, [_span(one[1:3]) for one in tools], colors("light")["tool"])
        axes.plot(
            [one[1] + one[2] / 2 for one in tools if one[3]], [3.08] * sum(bool(one[3]) for one in tools), "x", color=_BOTH, markersize=5
        )
        _sum(axes, 3, f"{len(tools)} \u00d7" + (f", {failed} failed" if (failed := sum(bool(one[3]) for one in tools)) else ""))
    pic.row_labels(axes, [row + 0.5 for row in range(len(names))], names, size=9)
    pic.ticks(axes.xaxis, time_steps(0, audio, 10), on_axis(audio))
    pic.write(
        figure,
        0.013,
        0.012,
        "striped: begun while the other side spoke" + ("   \u00b7   red cross: the call failed" if any(one[3] for one in tools) else ""),
        size=8,
        color=pic.FAINT,
        va="bottom",
    )
    return figure


def _span(start_and_length: Any) -> tuple[float, float]:
    start, length = start_and_length
    return float(start), float(start + length)


def _bars(axes: Any, row: int, spans: Spans, color: str, hatch: str | None = None) -> None:
    shapes = [(start, end, row + 0.16, row + 0.84) for start, end in spans]
    pic.bars(axes, shapes, color, hatch=hatch, edgecolors="white" if hatch else "none", zorder=2)


def _sum(axes: Any, row: int, text: str) -> None:
    pic.write(axes, 1.008, row + 0.5, text, size=8, va="center", transform=axes.get_yaxis_transform())
