"""The output folder: whose results are in it, and who may overwrite them."""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

from tau2_logging.errors import UserError

if TYPE_CHECKING:
    from tau2_logging.analysis.options import ReportOptions
    from tau2_logging.analysis.reports import Report
    from tau2_logging.analysis.table import RunLog

MARKER = "analysis.json"
"""Says which run the files in the folder are of."""


def write_reports(log: RunLog, output_dir: Path, reports: Iterable[Report], options: ReportOptions) -> list[Path]:
    """Write every report and the marker. Raises UserError, before anything is written, where the folder holds another run's files and
    `options.force` is not set, or where it cannot be written.
    """
    from tau2_logging.analysis.reports import rejected

    reports = list(reports)
    claim(log, output_dir, reports, options)
    paths = [path for report in reports for path in report.write(log, output_dir, options)]
    paths += rejected.write(log, output_dir, options)
    marker = {"run": identity(log), "log_files": log.files, "command": options.command, "files": sorted(path.name for path in paths)}
    (output_dir / MARKER).write_text(json.dumps(marker, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
    return paths


def identity(log: RunLog) -> str:
    """What tells one analysis from another: the run, or the runs, or the files of a log without runs."""
    return log.run_id or ", ".join(log.runs) or ", ".join(Path(name).name for name in log.files)


def claim(log: RunLog, output_dir: Path, reports: Iterable[Report], options: ReportOptions) -> None:
    """Make sure that the folder may be written."""
    try:
        output_dir.mkdir(parents=True, exist_ok=True)
        probe = output_dir / ".write_test"
        probe.touch()
        probe.unlink()
    except OSError as error:
        raise UserError(f"cannot write to {output_dir}: {error.strerror}; choose another --output_dir") from error
    if options.force:
        return
    found = [path for report in reports for pattern in report.FILES for path in output_dir.glob(pattern)]
    if not found:
        return
    owner = _owner(output_dir / MARKER)
    if owner != identity(log):
        whose = f"run {owner}" if owner else "something else"
        raise UserError(
            f"{output_dir} holds files of {whose} ({found[0].name}{', ...' if len(found) > 1 else ''}), this is {identity(log)}; "
            "choose another --output_dir, or overwrite them with --force"
        )


def _owner(marker: Path) -> str | None:
    try:
        return str(json.loads(marker.read_text(encoding="utf-8"))["run"])
    except (OSError, ValueError, KeyError, TypeError):
        return None
