"""`cost_table.md`, and `summary.md`: the run on one page, fit for a pull request or to hand to a language model."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from tau2_logging.analysis.reports import deep_files
from tau2_logging.analysis.reports.report_failures import Attempts
from tau2_logging.analysis.reports.report_options import output_file
from tau2_logging.analysis.reports.text.finding_lines import findings_as_markdown
from tau2_logging.analysis.reports.text.markdown_table import as_markdown, escape
from tau2_logging.analysis.reports.text.sections.cost_sections import cost_sections
from tau2_logging.analysis.reports.text.sections.deep_sections import brief_sections
from tau2_logging.analysis.reports.text.sections.groups import all_sections
from tau2_logging.analysis.reports.text.sections.section import names
from tau2_logging.analysis.reports.text.what_if_lines import what_if_as_markdown

if TYPE_CHECKING:
    from tau2_logging.analysis.reports.report_options import ReportOptions
    from tau2_logging.analysis.run_log import RunLog

NAME = "markdown"
FILES = ("cost_table.md", "summary.md", deep_files.MARKDOWN_FILE)


def write(log: RunLog, output_dir: Path, options: ReportOptions) -> list[Path]:
    """Write the files."""
    attempts = Attempts()
    attempts.make(FILES[0], _write_costs, log, output_dir, options)
    attempts.make(FILES[1], _write_summary, log, output_dir, options)
    if options.deep is not None:
        attempts.make(FILES[2], deep_files.write_markdown, options.deep, output_dir, options.title)
    return attempts.written()


def _write_costs(log: RunLog, output_dir: Path, options: ReportOptions) -> list[Path]:
    path = output_file(output_dir, FILES[0])
    path.write_text("\n".join(as_markdown(section) for section in cost_sections(log, options)), encoding="utf-8")
    return [path]


def _write_summary(log: RunLog, output_dir: Path, options: ReportOptions) -> list[Path]:
    path = output_file(output_dir, FILES[1])
    parts = list(filter(None, [findings_as_markdown(log, options)]))
    parts += [as_markdown(section) for section in all_sections(log, options) if section.key]
    if options.deep is not None:
        parts += [as_markdown(section) for section in brief_sections(options.deep.tables)]
    parts += list(what_if_as_markdown(options.what_if))
    path.write_text(f"# {escape(options.title or _title(log))}\n\n" + "\n".join(parts), encoding="utf-8")
    return [path]


def _title(log: RunLog) -> str:
    return f"{names(log.domains) if log.domains else 'tau2'}: {log.run_id or 'all runs'}"
