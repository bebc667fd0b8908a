"""Watching a run: whenever the log has grown what is new is read, until every domain of the run has ended."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from tau2_logging.analysis.growing import GrowingLog
from tau2_logging.analysis.load import load_log
from tau2_logging.analysis.run_log import RunLog
from tau2_logging.errors import UserError


def follow(
    files: Callable[[], list[str]], run: str | Sequence[str], interval_s: float, sleep: Callable[[float], None] = time.sleep
) -> Iterator[RunLog]:
    """Yield the log, again and again as it grows; the last one is that of the ended run.

    `files` is asked each time, since a domain's log may appear late. A log that is not there or holds no event yet is waited for.
    Each reading takes what is new; that of the ended run, if its last line has no end, takes all, to say so.
    """
    known: dict[str, int] = {}
    growing = GrowingLog(run)
    while True:
        sizes = _sizes(files)
        if sizes != known:
            known = sizes
            try:
                log = growing.read(sizes)
            except UserError:
                sleep(interval_s)
                continue
            if ended(log):
                yield load_log(list(sizes), run) if growing.in_a_line else log
                return
            yield log
        sleep(interval_s)


def _sizes(files: Callable[[], list[str]]) -> dict[str, int]:
    try:
        return {name: Path(name).stat().st_size for name in files() if Path(name).exists()}
    except UserError:
        return {}


def ended(log: RunLog) -> bool:
    """Return whether every domain that started has a run_end after its last run_start."""
    starts, ends = log.run_start, log.run_end
    if not starts:
        return False
    times = [(start.get("time"), ends.get(domain, {}).get("time")) for domain, start in starts.items()]
    return all(end is not None and start is not None and end >= start for start, end in times)  # type: ignore[operator]
