"""Watching a run: whenever the log has grown what is new is read, until every domain of the run has ended."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from tau2_logging.analysis.load import as_paths, choose_runs, load_log, nothing_found
from tau2_logging.analysis.reader.file_reader import FileReader
from tau2_logging.analysis.reader.sources import BLOCK_BYTES, LONGEST_LINE, is_plain
from tau2_logging.analysis.run_log import RunLog
from tau2_logging.analysis.store.event_store import EventStore
from tau2_logging.analysis.store.file_counts import Rejected
from tau2_logging.errors import UserError

_REMEMBERED = 4096
"""Bytes at both ends of what was read; if they differ, it is another log under the same name."""


@dataclass
class _Growing:
    """A file, and how far it was read: up to the end of a line."""

    reader: FileReader
    path: Path
    position: int = 0
    identity: tuple[int, int] | None = None
    head: bytes = b""
    tail: bytes = b""

    def is_same(self) -> bool:
        """Return whether what was read still stands at the start of the file."""
        with self.path.open("rb") as file:
            status = os.fstat(file.fileno())
            if self.identity not in (None, (status.st_dev, status.st_ino)) or status.st_size < self.position:
                return False
            same_head = file.read(len(self.head)) == self.head
            file.seek(self.position - len(self.tail))
            return same_head and file.read(len(self.tail)) == self.tail

    def take(self) -> None:
        """Read the whole lines that are new."""
        with self.path.open("rb") as file:
            status = os.fstat(file.fileno())
            self.identity = status.st_dev, status.st_ino
            file.seek(self.position)
            for block in self._blocks(file.fileno()):
                self.reader.take(block)
            file.seek(0)
            self.head = file.read(min(self.position, _REMEMBERED))

    def _blocks(self, file: int) -> Iterator[bytes]:
        size = BLOCK_BYTES
        while piece := os.pread(file, size, self.position):
            end = piece.rfind(b"\n") + 1
            if end:
                self.position += end
                self.tail = piece[max(0, end - _REMEMBERED) : end]
                yield piece[:end]
            if len(piece) < size or size > LONGEST_LINE:
                return
            size = BLOCK_BYTES if end else 2 * size


class GrowingLog:
    """The logs of a run that goes on. `read` gives what `load_log` would give of their whole lines, and reads what is new since the last
    time; all of it if a file was replaced or cut, or is compressed.
    """

    def __init__(self, run: str | Sequence[str]) -> None:
        self._run = run
        self._start(())

    def _start(self, names: Iterable[str]) -> None:
        self._store, self._refused = EventStore(), list[Rejected]()
        self._files: list[_Growing] = []
        self._add(names)

    def _add(self, names: Iterable[str]) -> None:
        for name in names:
            reader = FileReader(self._store, name, len(self._files), self._refused)
            self._files.append(_Growing(reader, Path(name)))

    def read(self, paths: Iterable[str | Path]) -> RunLog:
        """Return the log as it is now. Raises UserError if a file is missing, no event is found, or the run is not in the files."""
        names = as_paths(paths)
        if not all(map(is_plain, names)):
            return load_log(names, self._run)
        known = [str(file.path) for file in self._files]
        if known != names[: len(known)] or self._store.placed_by_time or not all(file.is_same() for file in self._files):
            self._start(names)
        else:
            self._add(names[len(known) :])
        for file in self._files:
            file.take()
        readings = [file.reader.counts for file in self._files]
        if not any(reading.events for reading in readings):
            raise UserError(nothing_found(readings))
        self._store.close()
        return RunLog(self._store, names, readings, self._refused, choose_runs(self._store, self._run))

    @property
    def in_a_line(self) -> bool:
        """Whether a file ends without the end of its last line."""
        return any(file.path.stat().st_size > file.position for file in self._files)


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
