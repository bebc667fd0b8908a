"""Pages that take a reading of the whole log: the report of a run, two runs compared, the findings so far.

A page is kept until the log has grown. The findings of a run that is still going are made again only after twenty times as long as the
last making took, so that following a large log takes 5 % of a core at most.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from tau2_logging.analysis import ReportOptions, RunLog, load_log
from tau2_logging.analysis.deep import LogAnalyzer
from tau2_logging.analysis.findings.ranked import MOST_SHOWN, findings_of
from tau2_logging.analysis.follow import GrowingLog
from tau2_logging.analysis.reports.compared.compare_page import page_text
from tau2_logging.analysis.reports.html import page
from tau2_logging.analysis.reports.report_options import output_file
from tau2_logging.analysis.reports.text.answer import MOST_READ
from tau2_logging.analysis.reports.text.finding_lines import saving_text
from tau2_logging.analysis.verdict.compare_sides import compare_sides
from tau2_logging.analysis.verdict.read_sides import check_same_logs, two_sides
from tau2_logging.errors import UserError
from tau2_logging.view.runs_folder import RUNNING, Run

_REST = 20.0
"""Pause between two makings of findings, in lengths of the last one."""


_AT_THE_END = ("not_scored", "straggler", "idle_workers")
"""Findings that a run which is still going gives no reason for: what is in flight has not ended yet."""


@dataclass(frozen=True)
class _Made:
    status: str
    sizes: tuple[int, ...]
    at_s: float
    took_s: float
    found: dict[str, Any]


class ReportPages:
    """Makes pages and keeps them in a temporary folder, which `close` removes. Calls must not overlap."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._folder = TemporaryDirectory(prefix="tau2-view-")
        self._pages: dict[tuple[str, ...], tuple[tuple[int, ...], Path]] = {}
        self._findings: dict[str, _Made] = {}
        self._growing: tuple[str, GrowingLog] | None = None
        self._clock = clock

    def close(self) -> None:
        """Remove what was made."""
        self._folder.cleanup()

    def report(self, run: Run) -> Path:
        """Return report.html of a run. Raises UserError if its log cannot be read."""
        return self._page((run.name,), (run,), lambda: (self._read(run), ReportOptions()))

    def comparison(self, run: Run, other: Run) -> Path:
        """Return report.html of a run with another one beside it. Raises UserError if a log cannot be read, or their data differ."""

        def read() -> tuple[RunLog, ReportOptions]:
            log, beside = read_run(run), read_run(other)
            check_same_logs(log, beside)
            return log, ReportOptions(compare=beside)

        return self._page((run.name, other.name), (run, other), read)

    def verdict(self, run: Run, other: Run) -> Path:
        """Return compare.html: is the run better than the other one? Raises UserError if a log cannot be read or a run has arms."""

        def write(folder: Path) -> Path:
            sides = two_sides(read_run(other), read_run(run))
            if not sides:
                raise UserError("a run with arms is more than two runs; compare its arms with: tau2-logging compare LOG")
            content = all(may_read_beside(one) for one in (run, other))
            path = output_file(folder, "compare.html")
            path.write_text(page_text(compare_sides(sides), content=content), encoding="utf-8")
            return path

        return self._kept(("verdict", run.name, other.name), (run, other), write)

    def _page(self, key: tuple[str, ...], runs: Sequence[Run], make: Callable[[], tuple[RunLog, ReportOptions]]) -> Path:
        def write(folder: Path) -> Path:
            log, options = make()
            beside = all(may_read_beside(run) for run in runs)
            deep = LogAnalyzer.of_log(log) if beside and runs[0].folder is not None and len(log.simulations) <= MOST_READ else None
            command = f"tau2-logging view {runs[0].logs[0].parent}"
            [made, *_] = page.write(log, folder, ReportOptions(compare=options.compare, deep=deep, command=command, content=beside))
            return made

        return self._kept(key, runs, write)

    def _kept(self, key: tuple[str, ...], runs: Sequence[Run], write: Callable[[Path], Path]) -> Path:
        """Return the page of a key, written again if a log has grown."""
        sizes = tuple(size for run in runs for size in _sizes(run))
        known = self._pages.get(key)
        if known is None or known[0] != sizes:
            folder = Path(self._folder.name) / str(len(self._pages) if known is None else known[1].parent.name)
            self._pages[key] = (sizes, write(folder))
        return self._pages[key][1]

    def _read(self, run: Run) -> RunLog:
        """Return the log of a run; of one that goes on, what was read of it before is kept, for the run that was asked for last."""
        if run.status != RUNNING or not run.logs:
            return read_run(run)
        if self._growing is None or self._growing[0] != run.name:
            self._growing = run.name, GrowingLog(run.name)
        return self._growing[1].read(run.logs)

    def findings(self, run: Run) -> dict[str, Any]:
        """Return the findings of a run so far, and when they were made."""
        sizes, known, now = _sizes(run), self._findings.get(run.name), self._clock()
        if known is not None and known.status == run.status and (known.sizes == sizes or now - known.at_s < _REST * known.took_s):
            return known.found
        found = {"at": time.strftime("%H:%M:%S"), "findings": _findings(run, self._read(run))}
        made_s = self._clock()
        self._findings[run.name] = _Made(run.status, sizes, made_s, made_s - now, found)
        return found


def may_read_beside(run: Run) -> bool:
    """Return whether `runs/<run>` beside the log is a folder of this one without a link in it, or is not there. A log names its runs as
    it likes: the name might be a path."""
    if run.folder is not None:
        return not any(path.is_symlink() for path in run.folder.iterdir())
    return "/" not in run.name and not any((path.parent / "runs" / run.name).exists() for path in run.logs)


def _findings(run: Run, log: RunLog) -> list[dict[str, str]]:
    found = [one for one in findings_of(log) if run.status != RUNNING or one.key not in _AT_THE_END][:MOST_SHOWN]
    return [{"sentence": one.sentence, "advice": one.advice, "saves": saving_text(one)} for one in found]


def read_run(run: Run) -> RunLog:
    """Return the log of a run. Raises UserError if it holds nothing yet."""
    if not run.logs:
        raise UserError(f"the log of run {run.name} holds no event yet")
    return load_log(list(run.logs), run.name)


def _sizes(run: Run) -> tuple[int, ...]:
    return tuple(path.stat().st_size for path in run.logs if path.exists())
