"""`events.parquet`: one row an event, typed columns."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from tau2_logging.analysis.reports.report_options import output_file
from tau2_logging.analysis.reports.table_files import write_events_parquet

if TYPE_CHECKING:
    from tau2_logging.analysis.reports.report_options import ReportOptions
    from tau2_logging.analysis.run_log import RunLog

NAME = "parquet"
FILES = ("events.parquet",)


def write(log: RunLog, output_dir: Path, options: ReportOptions) -> list[Path]:
    """Write the file."""
    path = output_file(output_dir, FILES[0])
    write_events_parquet(log, path)
    return [path]
