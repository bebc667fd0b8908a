"""`cost_table.md`, and `summary.md`: the run on one page, fit for a pull request or to hand to a language model."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from tau2_logging.analysis.options import output_file
from tau2_logging.analysis.sections import Section, all_sections, cost_sections

if TYPE_CHECKING:
    from tau2_logging.analysis.options import ReportOptions
    from tau2_logging.analysis.table import RunLog

NAME = "markdown"
FILES = ("cost_table.md", "summary.md")
_ESCAPED = str.maketrans({letter: f"\\{letter}" for letter in "\\`*_{}[]<>#|~"})


def write(log: RunLog, output_dir: Path, options: ReportOptions) -> list[Path]:
    """Write both files."""
    costs, summary = (output_file(output_dir, name) for name in FILES)
    costs.write_text("\n".join(as_markdown(section) for section in cost_sections(log, options)), encoding="utf-8")
    parts = [as_markdown(section) for section in all_sections(log, options) if section.key]
    summary.write_text(f"# {_escape(options.title or _title(log))}\n\n" + "\n".join(parts), encoding="utf-8")
    return [costs, summary]


def _title(log: RunLog) -> str:
    return f"{', '.join(log.domains) or 'tau2'}: {log.run_id or 'all runs'}"


def as_markdown(section: Section) -> str:
    """A section as a GitHub table. What comes from a log is escaped."""
    heads = [_escape(heading) for heading in section.columns]
    rules = ["---:" if heading in section.numbers else "---" for heading in section.columns]
    lines = [_row(heads), _row(rules), *(_row([_escape(value) for value in row]) for row in section.rows)]
    note = f"\n{_escape(section.note)}\n" if section.note else ""
    return f"## {_escape(section.title)}\n\n" + "\n".join(lines) + "\n" + note


def _row(cells: list[str]) -> str:
    return "| " + " | ".join(cells) + " |"


def _escape(value: str) -> str:
    return " ".join(value.split()).translate(_ESCAPED)
