"""Pictures of distributions: histograms side by side, cumulative curves, first token and decoding, token lengths.

Every function takes the table of calls that `distributions.calls_with_roles` makes, and draws the roles in it into a
figure; None if the log has nothing to draw.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd

from tau2_logging.analysis.reports.pictures import figure as pic
from tau2_logging.analysis.reports.pictures.axis import count_steps, decades, on_axis, time_steps
from tau2_logging.analysis.reports.pictures.distributions import (
    SMALLEST_MS,
    bin_edges,
    binned,
    by_role,
    percentile_marks,
)
from tau2_logging.analysis.reports.pictures.palette import ROLE_LABELS, colors
from tau2_logging.analysis.tables.columns import numbers
from tau2_logging.events.roles import MODEL_ROLES, ROLE_NAMES
from tau2_logging.units import duration, short_count

_MOST_POINTS = 4000
_FEW = 600


def histograms(calls: pd.DataFrame, title: str) -> Any:
    """Return `latency_histograms.png`: a panel for each role that made calls."""
    roles = [role for role in ROLE_NAMES if (calls["role"] == role).any()]
    panels = [(ROLE_LABELS[role], [(role, calls.loc[calls["role"] == role, "ms"].to_numpy())], "ms") for role in roles]
    return _panels(panels, title, "duration of every call, failed ones included; dashed: percentiles")


def first_token(calls: pd.DataFrame, title: str) -> Any:
    """Return `ttft_decode.png`: time to first token, decoding, time per output token, queue; None if the log has none of them."""
    wanted = (
        ("time to first token (TTFT)", "ttft_ms"), ("decoding: first token to last", "decode_ms"),
        ("time per output token (TPOT)", "tpot_ms"), ("queue in this process", "queue_ms"),
    )  # fmt: skip
    panels = [(name, by_role(calls, field), "ms") for name, field in wanted]
    panels = [panel for panel in panels if panel[1]]
    return _panels(panels, title, "model calls, by role; dashed: percentiles over all roles shown") if panels else None


def token_lengths(calls: pd.DataFrame, title: str) -> Any:
    """Return `token_lengths.png`: tokens in and out, input by step (how the context grows), duration by output; None without tokens."""
    panels = [
        (name, by_role(calls, field), "tokens") for name, field in (("input tokens", "input_tokens"), ("output tokens", "output_tokens"))
    ]
    if not all(panel[1] for panel in panels):
        return None
    figure, axes = _grid(4, title, "model calls, by role")
    for one, (name, series, unit) in zip(axes, panels, strict=False):
        _panel(one, name, series, unit)
    _scatter(axes[2], calls, "step", "input_tokens", "context: input tokens by step")
    _scatter(axes[3], calls, "output_tokens", "ms", "duration by output tokens")
    _key(figure, [role for _, series, _ in panels for role, _ in series])
    return figure


def _panels(panels: Sequence[tuple[str, list[tuple[str, Any]], str]], title: str, subtitle: str) -> Any:
    figure, axes = _grid(len(panels), title, subtitle)
    for one, (name, series, unit) in zip(axes, panels, strict=False):
        _panel(one, name, series, unit)
    if any(len(series) > 1 for _, series, _ in panels):
        _key(figure, [role for _, series, _ in panels for role, _ in series])
    return figure


def _grid(count: int, title: str, subtitle: str) -> tuple[Any, list[Any]]:
    """So many panels, up to three in a row."""
    across = max(1, min(count, 2 if count == 4 else 3))
    down = max(1, -(-count // across))
    width, height = max(7.5, 4.9 * across), 1.2 + 3.3 * down
    figure = pic.new_figure(width, height, title, subtitle)
    axes = []
    for number in range(count):
        column, row = number % across, number // across
        left, bottom = (column * width / across + 0.62) / width, (height - 1.2 - (row + 1) * 3.3 + 0.75) / height
        axes.append(figure.add_axes((left, bottom, (width / across - 0.85) / width, 2.45 / height)))
    return figure, axes


def _key(figure: Any, roles: Sequence[str]) -> None:
    unique = [role for role in ROLE_NAMES if role in roles]
    pic.legend(
        figure,
        [(ROLE_LABELS[role], colors("light")[role]) for role in unique],
        loc="upper left",
        bbox_to_anchor=(0.0, 1 - 0.62 / figure.get_figheight()),
    )


def _panel(axes: Any, name: str, series: list[tuple[str, Any]], unit: str) -> None:
    """One histogram: filled for one role, outlines for several; percentiles of all of it."""
    every = np.concatenate([values for _, values in series])
    edges, log = bin_edges(every, unit)
    highest = 0
    for role, values in series:
        counts = binned(values, edges)
        filled = len(series) == 1
        highest = max(highest, *counts)
        paint = {"facecolor" if filled else "edgecolor": colors("light")[role]}
        pic.stairs(axes, counts, edges, fill=filled, linewidth=0 if filled else 1.6, alpha=0.85 if filled else 1, **paint)
    pic.style_axes(axes, f"{name}   n={len(every):,}", ylabel="calls", grid="y")
    axes.set_xlim(edges[0], edges[-1])
    axes.set_ylim(0, highest * 1.05 * 1.5)
    pic.ticks(axes.yaxis, count_steps(axes.get_ylim()[1]), short_count)
    value_axis(axes, axes.xaxis, edges[0], edges[-1], log, unit)
    _percentiles(axes, every, log, edges, unit)


def value_axis(axes: Any, axis: Any, low: float, high: float, log: bool, unit: str) -> None:
    """Limits, ticks and texts of an axis of ms or tokens."""
    if log:
        (axes.set_xscale if axis is axes.xaxis else axes.set_yscale)("log")
        limits = (low, high)
        places = [place for place in decades(low, high) if low <= place <= high] or _linear(low, high, unit)
        text = duration if unit == "ms" else short_count
        pic.ticks(axis, _thinned(places), text)
        (axes.set_xlim if axis is axes.xaxis else axes.set_ylim)(*limits)
    else:
        pic.ticks(axis, _linear(low, high, unit), on_axis(high) if unit == "ms" else short_count)


def _linear(low: float, high: float, unit: str) -> list[float]:
    return time_steps(low, high, 5) if unit == "ms" else [place for place in count_steps(high) if place >= low]


def _thinned(places: list[float]) -> list[float]:
    return places[:: max(1, -(-len(places) // 7))]


def _percentiles(axes: Any, values: Any, log: bool, edges: Any, unit: str) -> None:
    """Dashed lines, each with its label on a line of its own, so that labels never overprint."""
    text = duration if unit == "ms" else short_count
    marks = percentile_marks(values)
    if text(marks[0][1]) == text(marks[-1][1]):
        marks = [("p50 to p99", marks[0][1])]
    for number, (name, value) in enumerate(marks):
        value = float(np.clip(value, edges[0], edges[-1]))
        at = np.log(value / edges[0]) / np.log(edges[-1] / edges[0]) if log else (value - edges[0]) / (edges[-1] - edges[0])
        height = 0.955 - 0.075 * number
        axes.axvline(value, ymax=height, color=pic.INK, linewidth=1, linestyle=(0, (4, 3)), zorder=4)
        left = at > 0.6
        words = f"{name} {text(value)}"
        style: dict[str, Any] = {"va": "center", "ha": "right" if left else "left", "transform": axes.transAxes, "zorder": 5}
        box = {"facecolor": "#ffffffd9", "linewidth": 0, "pad": 0.8}
        pic.write(axes, at + (-0.012 if left else 0.012), height - 0.01, words, size=8, bbox=box, **style)


def _scatter(axes: Any, calls: pd.DataFrame, x: str, y: str, name: str) -> None:
    """A dot a call; of very many, evenly spaced ones, and it says so."""
    shown, every = 0, (numbers(calls, x), numbers(calls, y))
    places, heights = [], []
    for role in MODEL_ROLES:
        mine = (calls["role"] == role).to_numpy()
        xs, ys = every[0][mine], every[1][mine]
        known = np.isfinite(xs) & np.isfinite(ys)
        xs, ys = xs[known], ys[known]
        step = max(1, -(-len(xs) // _MOST_POINTS))
        axes.plot(
            xs[::step],
            ys[::step],
            ".",
            color=colors("light")[role],
            markersize=3.5 if len(calls) > _FEW else 6,
            alpha=0.55,
            markeredgewidth=0,
        )
        places.append(xs)
        heights.append(ys)
        shown += len(xs[::step])
    total = sum(map(len, places))
    note = "" if shown == total else f"   {shown:,} of {total:,} dots"
    pic.style_axes(axes, name + note, xlabel="step" if x == "step" else "output tokens", grid="both")
    if not total:
        return
    top = max(float(h.max()) for h in heights if len(h)) * 1.05 + 1e-6
    right = max(float(p.max()) for p in places if len(p)) * 1.03 + 1e-6
    axes.set_xlim(0, right)
    axes.set_ylim(0, top)
    value_axis(axes, axes.yaxis, 0, top, False, "ms" if y == "ms" else "tokens")
    pic.ticks(axes.xaxis, count_steps(right), short_count)


def cumulative(calls: pd.DataFrame, title: str) -> Any:
    """Return `latency_cdf.png`: the share of calls that took no longer; and, for the tail, the share that took longer, both axes
    logarithmic."""
    figure, axes = _grid(2, title, "every call, failed ones included")
    low, high = max(SMALLEST_MS, float(calls["ms"].min())), max(float(calls["ms"].max()), 2 * SMALLEST_MS)
    smallest, used = 0.1, []
    for role in ROLE_NAMES:
        values = np.sort(calls.loc[calls["role"] == role, "ms"].to_numpy())
        if not len(values):
            continue
        used.append(role)
        smallest = min(smallest, 1 / len(values))
        at = np.unique(np.linspace(0, len(values) - 1, min(len(values), 2000)).astype(int))
        points, color = np.maximum(values[at], low), colors("light")[role]
        axes[0].step([low, *points], [0, *((at + 1) / len(values))], where="post", color=color, linewidth=1.8)
        axes[1].step([low, *points], [1, *(1 - at / len(values))], where="pre", color=color, linewidth=1.8)
    pic.style_axes(axes[0], "share of calls that took at most this long", grid="both")
    pic.style_axes(axes[1], "share of calls that took at least this long", grid="both")
    for one in axes:
        value_axis(one, one.xaxis, low * 0.9, high * 1.1, True, "ms")
    axes[0].set_ylim(0, 1.01)
    pic.ticks(axes[0].yaxis, (0, 0.25, 0.5, 0.75, 0.9, 1), lambda share: f"{share:.0%}")
    axes[1].set_yscale("log")
    axes[1].set_ylim(smallest * 0.8, 1.1)
    pic.ticks(axes[1].yaxis, [10.0**-e for e in range(8) if 10.0**-e >= smallest * 0.8], lambda share: f"{100 * share:g}%")
    _key(figure, used)
    return figure
