"""A table of text as GitHub's Markdown."""

from __future__ import annotations

from tau2_logging.analysis.reports.text.sections.section import Section

_ESCAPED = str.maketrans({letter: f"\\{letter}" for letter in "\\`*_{}[]<>#|~"})


def as_markdown(section: Section, level: int = 2) -> str:
    """Return a section as a GitHub table under a heading of that level. What comes from a log is escaped."""
    heads = [escape(heading) for heading in section.columns]
    rules = ["---:" if heading in section.numbers else "---" for heading in section.columns]
    lines = [_row(heads), _row(rules), *(_row([escape(value) for value in row]) for row in section.rows)]
    note = f"\n{escape(section.note)}\n" if section.note else ""
    return f"{'#' * level} {escape(section.title)}\n\n" + "\n".join(lines) + "\n" + note


def _row(cells: list[str]) -> str:
    return "| " + " | ".join(cells) + " |"


def escape(value: str) -> str:
    """Return text on one line that Markdown shows as it is."""
    return " ".join(value.split()).translate(_ESCAPED)
