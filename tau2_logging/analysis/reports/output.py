"""The output folder: whose results are in it, and where those of another run go."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, cast

from tau2_logging.analysis.reports import rejected
from tau2_logging.analysis.reports.report_failures import Attempts
from tau2_logging.analysis.reports.report_options import output_file
from tau2_logging.analysis.reports.text.names import safe_name
from tau2_logging.deferred import deferred
from tau2_logging.errors import UserError

if TYPE_CHECKING:
    from tau2_logging.analysis.deep import LogAnalyzer
    from tau2_logging.analysis.reports import Report, deep_alone
    from tau2_logging.analysis.reports.report_options import ReportOptions
    from tau2_logging.analysis.run_log import RunLog
else:
    deep_alone = deferred("tau2_logging.analysis.reports.deep_alone")

MARKER = "analysis.json"
"""Says which run the files in the folder are of."""


def write_reports(log: RunLog, output_dir: Path, reports: Iterable[Report], options: ReportOptions) -> Attempts:
    """Write every report and the marker; a report that fails does not stop the others. Reports without files leave the folder as it is.

    If the folder holds another run's files, they go into a folder of their own in it (see `claim`). Raises UserError, before anything is
    written, if that cannot be written.
    """
    reports = list(reports)
    if log.rejected or any(report.FILES for report in reports):
        reports.append(cast("Report", rejected))
        output_dir = claim(identity(log), output_dir, (pattern for report in reports for pattern in report.FILES), options)
    attempts = Attempts(output_dir)
    for report in reports:
        attempts.make(report.NAME, report.write, log, output_dir, options)
    mark(identity(log), log.files, options, attempts)
    return attempts


def write_deep_reports(deep: LogAnalyzer, output_dir: Path, formats: Sequence[str], options: ReportOptions) -> Attempts:
    """Return the same for an analysis of results files without a log; of several runs, each run's own files are in `output_dir/<run>/`
    too.

    The terminal shows the tables of all runs only: they are keyed by run, and those of each run would repeat them.
    """
    deep_alone.check_formats(formats)
    owner = ", ".join(deep.runs)
    if files := [name for name in formats if deep_alone.FILES[name]]:
        output_dir = claim(owner, output_dir, (pattern for name in files for pattern in deep_alone.FILES[name]), options)
    attempts = Attempts(output_dir)
    for name in formats:
        attempts.make(name, deep_alone.write, deep, output_dir, name, options)
    for run in deep.runs if files and len(deep.runs) > 1 else ():
        attempts.make(f"run {run}", _deep_alone, deep.of_run(run), output_dir / safe_name(run), files, options)
    mark(owner, deep.recorded.sources, options, attempts)
    return attempts


def _deep_alone(deep: LogAnalyzer, output_dir: Path, formats: Sequence[str], options: ReportOptions) -> list[Path]:
    return write_deep_reports(deep, output_dir, formats, options).written()


def mark(owner: str, sources: Iterable[str], options: ReportOptions, attempts: Attempts) -> None:
    """Say in the folder whose files it holds, if any were written; that counts as one of them."""
    output_dir = attempts.folder
    if output_dir is None or not attempts.paths:
        return
    marker = {
        "run": owner,
        "log_files": list(sources),
        "command": options.command,
        "files": sorted(str(path.relative_to(output_dir)) for path in attempts.paths),
        "failed": [vars(failure) for failure in attempts.failures],
    }
    path = output_file(output_dir, MARKER)
    path.write_text(json.dumps(marker, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
    attempts.paths.append(path)


def identity(log: RunLog) -> str:
    """Return what tells one analysis from another: the run, or the runs, or the files of a log without runs."""
    return (
        log.run_id
        or ", ".join(one.run_id or "without a name" for one in log.by_run if log.runs)
        or ", ".join(Path(name).name for name in log.files)
    )


def claim(identity: str, output_dir: Path, patterns: Iterable[str], options: ReportOptions) -> Path:
    """Return the folder to write to: the one that was named, or, if another run's files are in it and `options.force` is not set, a
    folder in it that is called after this run. Raises UserError if it cannot be written, or if that folder, too, is another's.
    """
    _check_writable(output_dir)
    patterns = list(patterns)
    if options.force or _is_free(identity, output_dir, patterns):
        return output_dir
    own = output_dir / safe_name(identity)
    _check_writable(own)
    if not _is_free(identity, own, patterns):
        raise UserError(f"{output_dir} and {own} hold files of other runs; choose another --output_dir, or overwrite them with --force")
    return own


def _check_writable(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
        probe = folder / ".write_test"
        probe.touch()
        probe.unlink()
    except OSError as error:
        raise UserError(f"cannot write to {folder}: {error.strerror}; choose another --output_dir") from error


def _is_free(identity: str, folder: Path, patterns: Iterable[str]) -> bool:
    """Return whether no file in it that fits a pattern is of another run."""
    return not any(True for pattern in patterns for _ in folder.glob(pattern)) or _owner(folder / MARKER) == identity


def _owner(marker: Path) -> str | None:
    try:
        return str(json.loads(marker.read_text(encoding="utf-8"))["run"])
    except (OSError, ValueError, KeyError, TypeError):
        return None
