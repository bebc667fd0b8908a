"""The reports by name: each is a module with `NAME`, `FILES` (what it may write) and

    write(log: RunLog, output_dir: Path, options: ReportOptions) -> list[Path]

A report is imported when it is asked for, so that a user who wants one table does not wait for a plotting library.
"""

from __future__ import annotations

from collections.abc import Iterable
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Protocol, cast

from tau2_logging.errors import UserError

if TYPE_CHECKING:
    from tau2_logging.analysis.reports.report_options import ReportOptions
    from tau2_logging.analysis.run_log import RunLog

REPORTS: dict[str, str] = {
    "console": "tau2_logging.analysis.reports.console",
    "csv": "tau2_logging.analysis.reports.csv_tables",
    "json": "tau2_logging.analysis.reports.stats_json",
    "markdown": "tau2_logging.analysis.reports.markdown",
    "parquet": "tau2_logging.analysis.reports.parquet",
    "png": "tau2_logging.analysis.reports.pictures.pictures",
    "trace": "tau2_logging.analysis.reports.perfetto",
    "speedscope": "tau2_logging.analysis.reports.speedscope",
    "html": "tau2_logging.analysis.reports.html.page",
}
"""Format, as `--format` names it, and its module."""

LARGE = frozenset(("trace", "speedscope"))
"""Formats for other programs, whose files are as large as the log: of a large log they are made only if they are named."""


class Report(Protocol):
    """The shape of a report module."""

    NAME: str
    FILES: tuple[str, ...]

    def write(self, log: RunLog, output_dir: Path, options: ReportOptions) -> list[Path]:
        """Writes the report's files and returns their paths."""
        ...


def load_report(name: str) -> Report:
    """Return the report of a format. Raises UserError for a name that is not in the table."""
    if name not in REPORTS:
        raise UserError(f"no format {name!r}; choose among {', '.join(REPORTS)}")
    return cast("Report", import_module(REPORTS[name]))


def parse_formats(text: Iterable[str]) -> tuple[str, ...]:
    """Return the formats of `--format a,b c`, in the table's order; `all` for each."""
    names = {name for part in text for name in part.split(",") if name}
    if unknown := sorted(names - REPORTS.keys() - {"all"}):
        raise UserError(f"no format {unknown[0]!r}; choose among {', '.join(REPORTS)}, or all")
    return tuple(name for name in REPORTS if "all" in names or name in names)
