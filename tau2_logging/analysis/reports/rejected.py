"""`rejected_lines.txt`: the lines that could not be read, with file, number and reason. Written whatever the formats."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from tau2_logging.analysis.reports.report_options import output_file

if TYPE_CHECKING:
    from tau2_logging.analysis.reports.report_options import ReportOptions
    from tau2_logging.analysis.run_log import RunLog

NAME = "rejected"
FILES = ("rejected_lines.txt",)


def write(log: RunLog, output_dir: Path, options: ReportOptions) -> list[Path]:
    """Write the file if there is such a line; remove the one of an earlier analysis if there is none."""
    path = output_file(output_dir, FILES[0])
    if not log.rejected:
        path.unlink(missing_ok=True)
        return []
    with path.open("w", encoding="utf-8", errors="backslashreplace", newline="\n") as file:
        for entry in log.rejected:
            file.write(f"{entry.file}:{entry.line}: {entry.reason}\n    {entry.text!r}\n")
    return [path]
