"""Several runs in one analysis: each by itself in a folder of its own, and what they have in common beside one another above."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from tau2_logging.analysis.reports import runs_overview
from tau2_logging.analysis.reports.output import claim, identity, mark, write_reports
from tau2_logging.analysis.reports.report_failures import Attempts
from tau2_logging.analysis.reports.text.names import run_folder

if TYPE_CHECKING:
    from tau2_logging.analysis.reports import Report
    from tau2_logging.analysis.reports.report_options import ReportOptions
    from tau2_logging.analysis.run_log import RunLog

Analysis = tuple["RunLog", "ReportOptions"]


def write_runs(log: RunLog, output_dir: Path, reports: Sequence[Report], options: ReportOptions, gated: Gated) -> Attempts:
    """Write the overview of a log of several runs, then each run's own reports into `output_dir/<run>/`.

    `gated` adds the results of the gates to the options of one run. The folder of a run holds what an analysis of that run alone
    writes. Raises UserError, before anything is written, if the folder cannot be written.
    """
    analyses = [(one, gated(one, _of_run(one, options))) for one in log.by_run]
    patterns = [pattern for report in reports for pattern in report.FILES]
    if log.rejected or patterns:
        output_dir = claim(identity(log), output_dir, [*patterns, *runs_overview.FILES], options)
    attempts = Attempts(output_dir)
    for name in dict.fromkeys(report.NAME for report in reports):
        attempts.make(name, runs_overview.write, log, analyses, output_dir, name, options)
    for one, own in analyses:
        attempts.make(f"run {one.run_id}", _alone, one, output_dir / run_folder(one), reports, own)
    mark(identity(log), log.files, options, attempts)
    return attempts


def _alone(log: RunLog, output_dir: Path, reports: Sequence[Report], options: ReportOptions) -> list[Path]:
    return write_reports(log, output_dir, reports, options).written()


Gated = Callable[["RunLog", "ReportOptions"], "ReportOptions"]


def _of_run(log: RunLog, options: ReportOptions) -> ReportOptions:
    if options.deep is None or log.run_id not in options.deep.runs:
        return replace(options, deep=None)
    return replace(options, deep=options.deep.of_run(log.run_id))
