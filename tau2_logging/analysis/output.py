"""The output folder: whose results are in it, and who may overwrite them."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, cast

from tau2_logging.analysis.reports import deep_alone, rejected
from tau2_logging.analysis.reports.attempts import Attempts
from tau2_logging.errors import UserError

if TYPE_CHECKING:
    from tau2_logging.analysis.deep import LogAnalyzer
    from tau2_logging.analysis.options import ReportOptions
    from tau2_logging.analysis.reports import Report
    from tau2_logging.analysis.table import RunLog

MARKER = "analysis.json"
"""Says which run the files in the folder are of."""


def write_reports(log: RunLog, output_dir: Path, reports: Iterable[Report], options: ReportOptions) -> Attempts:
    """Write every report and the marker; a report that fails does not stop the others.

    Raises UserError, before anything is written, if the folder holds another run's files and `options.force` is not set, or if it cannot
    be written.
    """
    reports = list(reports)
    claim(identity(log), output_dir, (pattern for report in reports for pattern in report.FILES), options)
    attempts = Attempts()
    for report in [*reports, cast("Report", rejected)]:
        attempts.make(report.NAME, report.write, log, output_dir, options)
    mark(output_dir, identity(log), log.files, options, attempts)
    return attempts


def write_deep_reports(deep: LogAnalyzer, output_dir: Path, formats: Sequence[str], options: ReportOptions) -> Attempts:
    """The same for an analysis of results files without a log."""
    deep_alone.check_formats(formats)
    owner = ", ".join(deep.runs)
    claim(owner, output_dir, (pattern for name in formats for pattern in deep_alone.FILES[name]), options)
    attempts = Attempts()
    for name in formats:
        attempts.make(name, deep_alone.write, deep, output_dir, name, options)
    mark(output_dir, owner, deep.recorded.sources, options, attempts)
    return attempts


def mark(output_dir: Path, owner: str, sources: Iterable[str], options: ReportOptions, attempts: Attempts) -> None:
    """Say in the folder whose files it holds."""
    marker = {
        "run": owner,
        "log_files": list(sources),
        "command": options.command,
        "files": sorted(str(path.relative_to(output_dir)) for path in attempts.paths),
        "failed": [vars(failure) for failure in attempts.failures],
    }
    (output_dir / MARKER).write_text(json.dumps(marker, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")


def identity(log: RunLog) -> str:
    """What tells one analysis from another: the run, or the runs, or the files of a log without runs."""
    return (
        log.run_id
        or ", ".join(one.run_id or "without a name" for one in log.by_run if log.runs)
        or ", ".join(Path(name).name for name in log.files)
    )


def claim(identity: str, output_dir: Path, patterns: Iterable[str], options: ReportOptions) -> None:
    """Make sure that the folder may be written: no file that fits a pattern is of another run."""
    try:
        output_dir.mkdir(parents=True, exist_ok=True)
        probe = output_dir / ".write_test"
        probe.touch()
        probe.unlink()
    except OSError as error:
        raise UserError(f"cannot write to {output_dir}: {error.strerror}; choose another --output_dir") from error
    if options.force:
        return
    found = [path for pattern in patterns for path in output_dir.glob(pattern)]
    if not found:
        return
    owner = _owner(output_dir / MARKER)
    if owner != identity:
        whose = f"run {owner}" if owner else "something else"
        raise UserError(
            f"{output_dir} holds files of {whose} ({found[0].name}{', ...' if len(found) > 1 else ''}), this is {identity}; "
            "choose another --output_dir, or overwrite them with --force"
        )


def _owner(marker: Path) -> str | None:
    try:
        return str(json.loads(marker.read_text(encoding="utf-8"))["run"])
    except (OSError, ValueError, KeyError, TypeError):
        return None
