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
from tau2_logging.analysis.reports.html import page
from tau2_logging.analysis.reports.text.answer import MOST_READ
from tau2_logging.analysis.reports.text.finding_lines import saving_text, shown_findings
from tau2_logging.errors import UserError
from tau2_logging.view.runs_folder import Run

_REST = 20.0
"""Pause between two makings of findings, in lengths of the last one."""


@dataclass(frozen=True)
class _Made:
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
        self._clock = clock

    def close(self) -> None:
        """Remove what was made."""
        self._folder.cleanup()

    def report(self, run: Run) -> Path:
        """Return report.html of a run. Raises UserError if its log cannot be read."""
        return self._page((run.name,), (run,), lambda: (_read(run), ReportOptions()))

    def comparison(self, run: Run, other: Run) -> Path:
        """Return report.html of a run with another one beside it. Raises UserError if a log cannot be read."""
        return self._page((run.name, other.name), (run, other), lambda: (_read(run), ReportOptions(compare=_read(other))))

    def _page(self, key: tuple[str, ...], runs: Sequence[Run], make: Callable[[], tuple[RunLog, ReportOptions]]) -> Path:
        sizes = tuple(size for run in runs for size in _sizes(run))
        known = self._pages.get(key)
        if known is not None and known[0] == sizes:
            return known[1]
        log, options = make()
        deep = LogAnalyzer.of_log(log) if _may_read_beside(runs[0]) and len(log.simulations) <= MOST_READ else None
        options = ReportOptions(compare=options.compare, deep=deep, command=f"python -m tau2_logging view {runs[0].logs[0].parent}")
        folder = Path(self._folder.name) / str(len(self._pages) if known is None else known[1].parent.name)
        [made, *_] = page.write(log, folder, options)
        self._pages[key] = (sizes, made)
        return made

    def findings(self, run: Run) -> dict[str, Any]:
        """Return the findings of a run so far, and when they were made."""
        sizes, known, now = _sizes(run), self._findings.get(run.name), self._clock()
        if known is not None and (known.sizes == sizes or now - known.at_s < _REST * known.took_s):
            return known.found
        found = {"at": time.strftime("%H:%M:%S"), "findings": _findings(run)}
        self._findings[run.name] = _Made(sizes, self._clock(), self._clock() - now, found)
        return found


def _may_read_beside(run: Run) -> bool:
    """Whether the run's folder is there, and no file in it is a link that leads elsewhere."""
    return run.folder is not None and not any(path.is_symlink() for path in run.folder.iterdir())


def _findings(run: Run) -> list[dict[str, str]]:
    found = shown_findings(_read(run), ReportOptions())
    return [{"sentence": one.sentence, "advice": one.advice, "saves": saving_text(one)} for one in found]


def _read(run: Run) -> RunLog:
    if not run.logs:
        raise UserError(f"the log of run {run.name} holds no event yet")
    return load_log(list(run.logs), run.name)


def _sizes(run: Run) -> tuple[int, ...]:
    return tuple(path.stat().st_size for path in run.logs if path.exists())
