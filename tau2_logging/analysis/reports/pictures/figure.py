"""The only module that knows matplotlib: figures without global state, axes in one style, text that cannot break a picture."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any

from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.collections import PolyCollection
from matplotlib.figure import Figure
from matplotlib.font_manager import FontProperties, findfont, get_font
from matplotlib.patches import Patch, StepPatch
from matplotlib.ticker import FixedLocator, FuncFormatter, NullFormatter, NullLocator

INK = "#1d2430"
FAINT = "#6b7685"
GRID = "#e4e7eb"
DPI = 120
FONT = "DejaVu Sans"
"""It ships with matplotlib, so that a picture looks the same everywhere."""


def new_figure(width: float, height: float, title: str, subtitle: str = "") -> Figure:
    """Return a white figure of that size in inches, with a heading that is cut to fit its width."""
    figure = Figure(figsize=(width, height), facecolor="white", layout=None)
    FigureCanvasAgg(figure)
    inch = 1 / height
    letters = width * 72
    write(figure, 0.18 / width, 1 - 0.2 * inch, plain(title, int(letters / 8.2)), size=13, weight="bold", va="top")
    if subtitle:
        write(figure, 0.18 / width, 1 - 0.5 * inch, plain(subtitle, int(letters / 5.4)), size=9, color=FAINT, va="top")
    return figure


def save(figure: Figure, path: Path) -> Path:
    """Writes the PNG."""
    figure.savefig(path, dpi=DPI, format="png", metadata={"Software": None})
    return path


def write(where: Any, x: float, y: float, text: str, size: float = 8.5, color: str = INK, **style: Any) -> Any:
    """Return text that is shown as it is: a `$` starts no formula."""
    return where.text(x, y, text, fontsize=size, color=color, fontfamily=FONT, parse_math=False, **style)


@lru_cache(maxsize=1)
def _known_letters() -> frozenset[int]:
    return frozenset(get_font(findfont(FontProperties(family=FONT))).get_charmap())


def plain(text: str, limit: int = 60) -> str:
    """Return text on one line that the font can draw, the middle left out if it is longer than `limit` characters."""
    known = _known_letters()
    text = "".join(letter if letter.isprintable() and ord(letter) in known else "\ufffd" for letter in text)
    if len(text) <= limit:
        return text
    head = max(1, (limit - 1) * 2 // 3)
    return f"{text[:head]}…{text[len(text) - max(0, limit - 1 - head) :]}"


def style_axes(axes: Any, title: str = "", xlabel: str = "", ylabel: str = "", grid: str = "x") -> None:
    """Thin lines, a grid in the background, small readable labels."""
    axes.set_axisbelow(True)
    if grid:
        axes.grid(True, axis=grid, color=GRID, linewidth=0.8)
    for side in ("top", "right"):
        axes.spines[side].set_visible(False)
    for side in ("left", "bottom"):
        axes.spines[side].set_color("#aab2bd")
    axes.tick_params(labelsize=8, colors=FAINT, labelcolor=INK, length=3)
    if title:
        axes.set_title(title, fontsize=10, color=INK, loc="left", fontfamily=FONT, parse_math=False)
    axes.set_xlabel(xlabel, fontsize=8.5, color=FAINT, fontfamily=FONT)
    axes.set_ylabel(ylabel, fontsize=8.5, color=FAINT, fontfamily=FONT)


def row_labels(axes: Any, positions: Sequence[float], labels: Sequence[str], limit: int = 28, size: float = 8.5) -> None:
    """Names left of the y axis, as they are."""
    axes.set_yticks([])
    where = axes.get_yaxis_transform()
    for position, text in zip(positions, labels, strict=False):
        write(axes, -0.006, position, plain(text, limit), size=size, ha="right", va="center", transform=where)


def bars(axes: Any, spans: Sequence[tuple[float, float, float, float]], color: str, **style: Any) -> None:
    """Rectangles `(start, end, bottom, top)` in data units, fast for any number of them."""
    shapes = [((x0, y0), (x1, y0), (x1, y1), (x0, y1)) for x0, x1, y0, y1 in spans]
    axes.add_collection(PolyCollection(shapes, facecolors=color, linewidths=style.pop("linewidths", 0), **style), autolim=False)


def stairs(axes: Any, levels: Any, edges: Any, baseline: Any = 0, fill: bool = False, **style: Any) -> None:
    """A step for each bin, as `axes.stairs`, but that the axes' limits are the caller's: to find them matplotlib takes a bend at a time."""
    axes.add_artist(StepPatch(levels, edges, baseline=baseline, fill=fill, **style))


def legend(figure: Any, entries: Sequence[tuple[str, str]], **where: Any) -> None:
    """Colored squares with their names; `entries` are (name, color)."""
    handles = [Patch(facecolor=color, edgecolor="#00000022", label=name) for name, color in entries]
    figure.legend(
        handles=handles, fontsize=8, frameon=False, ncols=len(handles), handlelength=1.1, handleheight=1.0, columnspacing=1.4, **where
    )


def ticks(axis: Any, positions: Sequence[float], text: Callable[[float], str]) -> None:
    """Ticks at these positions and nowhere else."""
    axis.set_major_locator(FixedLocator(list(positions)))
    axis.set_minor_locator(NullLocator())
    axis.set_minor_formatter(NullFormatter())
    axis.set_major_formatter(FuncFormatter(lambda value, _position: text(value)))
