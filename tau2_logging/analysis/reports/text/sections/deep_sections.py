"""The tables of the deep analysis as text, for the terminal and for Markdown."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Any

import pandas as pd

from tau2_logging.analysis.reports.html.table_data import kind_of, label_of
from tau2_logging.analysis.reports.text.sections.section import Section, Show, long_text, section
from tau2_logging.units import ABSENT, count, is_unknown, milliseconds, money, number, share

if TYPE_CHECKING:
    from tau2_logging.analysis.deep.table_kinds import DeepTable


def _p(value: Any) -> str:
    """Return a p value: below 0.001 its size says nothing more."""
    return ABSENT if is_unknown(value) else "<0.001" if value < 0.001 else f"{value:.3f}"


_SHOWS: dict[str, Show] = {"ms": milliseconds, "usd": money, "share": share, "int": count, "number": number, "p": _p}


def brief_sections(tables: Iterable[DeepTable], top: int = 12) -> Iterator[Section]:
    """Yield the tables that a summary holds, their first rows."""
    for table in tables:
        if table.kind.brief:
            yield as_section(table, top)


def as_section(table: DeepTable, top: int) -> Section:
    """Return a table of at most `top` rows, without columns that say nothing."""
    frame = _shown(table.frame)
    shows = {str(name): (_heading(str(name)), _show(str(name), frame[name])) for name in frame}
    return section(table.kind.title, frame, shows, table.kind.note, key=table.kind.brief, top=top)


def _shown(frame: pd.DataFrame) -> pd.DataFrame:
    """Without columns that are empty, and the run if there is one only; an interval as one column."""
    frame = frame[[name for name in frame if frame[name].notna().any() and not (name == "run" and frame[name].nunique() < 2)]]
    for name in [str(name) for name in frame if f"{name}_low" in frame and kind_of(str(name), frame[name]) == "share"]:
        pairs = zip(frame[f"{name}_low"], frame[f"{name}_high"], strict=True)
        place = frame.columns.get_loc(f"{name}_low")
        frame = frame.drop(columns=[f"{name}_low", f"{name}_high"])
        frame.insert(
            place, f"95 % of {label_of(name)}", [None if is_unknown(low) else f"{share(low)} .. {share(high)}" for low, high in pairs]
        )
    return frame


def _heading(name: str) -> str:
    """Return the report's heading; times say their unit, since they are shown without."""
    label = label_of(name)
    return f"{label} ms" if name.endswith("_ms") and not label.endswith("ms") else label


def _show(name: str, values: pd.Series) -> Show:
    return _SHOWS.get(kind_of(name, values), long_text)
