"""Tables of text as GitHub's Markdown, and text that Markdown shows as it is."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from tau2_logging.analysis.reports.text.sections.section import Section

_ESCAPED = str.maketrans({letter: f"\\{letter}" for letter in "\\`*_{}[]<>#|~"})


def as_markdown(section: Section, level: int = 2) -> str:
    """Return a section as a GitHub table under a heading of that level. What comes from a log is escaped."""
    numbers = [heading in section.numbers for heading in section.columns]
    lines = table_lines(section.columns, section.rows, numbers)
    note = f"\n{escape(section.note)}\n" if section.note else ""
    return f"{'#' * level} {escape(section.title)}\n\n" + "\n".join(lines) + "\n" + note


def table_lines(head: Sequence[str], rows: Iterable[Sequence[str]], numbers: Sequence[bool]) -> Iterator[str]:
    """Yield the lines of a table whose cells are shown as they are. `numbers`: which columns are set to the right."""
    yield _row(map(escape, head))
    yield _row("---:" if right else "---" for right in numbers)
    yield from (_row(map(escape, row)) for row in rows)


def _row(cells: Iterable[str]) -> str:
    return f"| {' | '.join(cells)} |"


def escape(value: str) -> str:
    """Return text on one line that Markdown shows as it is."""
    return " ".join(value.split()).translate(_ESCAPED)
