"""Make a table fit a width: columns go by priority, and a table that is still too wide becomes blocks of `name: value`.

A number or an identifier is never broken: prose alone is.
"""

from __future__ import annotations

from dataclasses import replace

from tau2_logging.analysis.reports.text.sections.section import Section
from tau2_logging.units import plural

FIRST_TO_GO = (
    "std", "min", "p90", "p99", "untimed", "max", "timed", "share", "x median", "file", "attempts", "tasks", "of simulations", "p50",
    "ITL mean", "out tok/s", "TPOT p50", "reasoning", "cached", "known", "samples", "preemptions", "prefill ms, all",
    "decode ms, all", "source", "told by",
)  # fmt: skip
"""Headings in the order in which they are left out, before the last of the other numbers. What tells rows apart stays."""

LEAST_COLUMNS = 3
_PROSE = 24
"""A column of texts of several words may be as narrow as this: it breaks between words."""
_BETWEEN, _EDGES = 3, 1


def fitted(section: Section, width: int) -> Section:
    """Return the section with as many of its columns as fit `width`, or as blocks if fewer than LEAST_COLUMNS do."""
    if not any(section.columns):
        return section
    kept = list(range(len(section.columns)))
    for at in _least_needed_first(section):
        if _width(section, kept) <= width or len(kept) <= LEAST_COLUMNS:
            break
        kept.remove(at)
    if _width(section, kept) > width:
        return _blocks(section)
    left_out = len(section.columns) - len(kept)
    note = f"{plural(left_out, 'more column')} on a wider terminal and in the files. {section.note}".rstrip() if left_out else section.note
    rows = [[row[at] for at in kept] for row in section.rows]
    return replace(section, columns=[section.columns[at] for at in kept], rows=rows, note=note)


def _least_needed_first(section: Section) -> list[int]:
    """Return columns in the order of leaving: texts that are the same in every row, numbers by FIRST_TO_GO, the other numbers from the
    last."""
    columns = range(len(section.columns))
    same = [at for at in columns if len(section.rows) > 1 and len({row[at] for row in section.rows}) == 1]
    texts = [at for at in columns if section.columns[at] not in section.numbers]
    listed = [section.columns.index(name) for name in FIRST_TO_GO if name in section.columns]
    others = [at for at in reversed(columns) if at not in texts and at not in listed]
    return list(dict.fromkeys([*(at for at in same if at in texts), *listed, *others]))


def is_prose(section: Section, at: int) -> bool:
    """Return whether a column holds texts that may break between words."""
    return section.columns[at] not in section.numbers and any(len(row[at]) > _PROSE and " " in row[at] for row in section.rows)


def _width(section: Section, kept: list[int]) -> int:
    return sum(_column(section, at) for at in kept) + _BETWEEN * len(kept) + _EDGES


def _column(section: Section, at: int) -> int:
    cells = [section.columns[at], *(row[at] for row in section.rows)]
    if is_prose(section, at):
        return max(_PROSE, *(len(word) for cell in cells for word in cell.split() or [""]))
    return max(map(len, cells))


def _blocks(section: Section) -> Section:
    """Return one line for each value, a blank line between rows."""
    rows = []
    for row in section.rows:
        rows += [[f"{name}:" if name else "", cell] for name, cell in zip(section.columns, row, strict=True) if cell != "-"]
        rows.append(["", ""])
    return Section(section.title, ["", ""], rows[:-1], note=section.note, key=section.key)
