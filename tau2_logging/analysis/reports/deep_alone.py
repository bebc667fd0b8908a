"""The reports of a deep analysis that has no log: which formats there are, and how they are written."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

from tau2_logging.analysis.reports import console, deep_files
from tau2_logging.analysis.reports.html import page
from tau2_logging.analysis.reports.html.deep import report_data_without_log
from tau2_logging.analysis.reports.report_options import output_file
from tau2_logging.errors import UserError

if TYPE_CHECKING:
    from tau2_logging.analysis.deep import LogAnalyzer
    from tau2_logging.analysis.reports.report_options import ReportOptions

FILES: dict[str, tuple[str, ...]] = {
    "console": (),
    "csv": (deep_files.CSV_FILES,),
    "json": (deep_files.JSON_FILE,),
    "markdown": (deep_files.MARKDOWN_FILE,),
    "html": page.FILES,
}
"""The formats, and what each may write."""


def check_formats(names: Iterable[str]) -> None:
    """Raises UserError for a format that needs a log."""
    if missing := [name for name in names if name not in FILES]:
        raise UserError(f"--format {missing[0]} needs a log; of results files there are {', '.join(FILES)}")


def write(deep: LogAnalyzer, output_dir: Path, name: str, options: ReportOptions) -> list[Path]:
    """Write one format."""
    if name == "console":
        console.write_record(deep, options)
        return []
    if name == "csv":
        return deep_files.write_csv(deep, output_dir)
    if name == "json":
        return deep_files.write_json(deep, output_dir)
    if name == "markdown":
        return deep_files.write_markdown(deep, output_dir, options.title)
    path = output_file(output_dir, page.FILES[0])
    path.write_text(page.page(report_data_without_log(deep, options)), encoding="utf-8")
    return [path]
