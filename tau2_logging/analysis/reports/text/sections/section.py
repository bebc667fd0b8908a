"""A table as text: its heading, rows of cells, and how a value is shown in a cell."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from tau2_logging.units import ABSENT, is_unknown

if TYPE_CHECKING:
    import pandas as pd

Show = Callable[[Any], str]
_CELL = 120
MOST_ROWS = 50
"""Of a table on the terminal and in Markdown: a log may hold thousands of models, functions or domains."""
_MOST_NAMES = 12


@dataclass(frozen=True)
class Section:
    """A table with a title. `rows`: text cells; `numbers`: which columns are numbers (set to the right)."""

    title: str
    columns: list[str]
    rows: list[list[str]]
    numbers: frozenset[str] = frozenset()
    note: str = ""
    key: bool = field(default=False)
    """One of the few that a summary holds."""


def mean(value: Any) -> str:
    """Return six significant digits, as awk prints."""
    return ABSENT if is_unknown(value) else f"{value:.6g}"


def text(value: Any) -> str:
    """Return anything else, on one line."""
    return ABSENT if is_unknown(value) else " ".join(str(value).split())


def long_text(value: Any) -> str:
    """Return text cut to what a cell holds."""
    shown = text(value)
    return shown if len(shown) <= _CELL else shown[: _CELL - 1] + "…"


def names(found: Sequence[str]) -> str:
    """Return the first of them, and how many more there are."""
    more = f" and {len(found) - _MOST_NAMES:,} more" if len(found) > _MOST_NAMES else ""
    return ", ".join(map(str, found[:_MOST_NAMES])) + more if found else ABSENT


def section(
    title: str, table: pd.DataFrame, shows: dict[str, tuple[str, Show]], note: str = "", key: bool = False, top: int = MOST_ROWS
) -> Section:
    """Return a section of some columns of a table: `shows` gives each its heading and how it is shown. `top`: rows at most."""
    shows = {column: show for column, show in shows.items() if column in table}
    shown = table.head(top)
    rows = [
        [show(value) for value, (_, show) in zip(row, shows.values(), strict=True)]
        for row in shown[list(shows)].itertuples(index=False, name=None)
    ]
    if len(shown) < len(table):
        note = " ".join(filter(None, [note, f"{len(table) - len(shown):,} more are in the files."]))
    numbers = frozenset(heading for heading, show in shows.values() if show not in (text, long_text, clock, yes_or_no))
    return Section(title, [heading for heading, _ in shows.values()], rows, numbers, note, key)


def clock(value: Any) -> str:
    """Return a time to the millisecond."""
    return text(value)[:23]


def yes_or_no(value: Any) -> str:
    """Return `yes` for what is true."""
    return "yes" if value else "no"
