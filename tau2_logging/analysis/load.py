"""FilesRead logs: `load_log`."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path

from tau2_logging.analysis.reader.block_reader import BlockReader
from tau2_logging.analysis.reader.column_cache import ColumnCache, FilesRead
from tau2_logging.analysis.reader.event_store import LIMIT_BYTES, EventStore
from tau2_logging.analysis.reader.file_reader import FileReader
from tau2_logging.analysis.reader.line import FileCounts, Rejected
from tau2_logging.analysis.reader.sources import as_paths
from tau2_logging.analysis.run_log import RunLog
from tau2_logging.errors import UserError

LATEST, ALL, LATEST_OF_EACH = "latest", "all", "latest of each file"


def load_log(paths: str | Path | Iterable[str | Path], run: str | Sequence[str] = LATEST, limit_bytes: int = LIMIT_BYTES) -> RunLog:
    """Return the log of one run, or of several.

    `paths`: one file or several (`.gz`, `.zst`, `-` for standard input), of one run's domains for example. `run`: `latest`, `all`,
    `latest of each file`, the id of a run, or several ids. `limit_bytes`: columns held in memory; what comes beyond is mapped from
    temporary files.
    Raises UserError if a file is missing, no event is found, or the run is not in the files.
    """
    files = as_paths(paths)
    cache = ColumnCache(files)
    found = cache.load()
    if found is None:
        found = _read(files, limit_bytes, cache)
        cache.save(found)
    return RunLog(found.store, files, found.counts, found.refused, choose_runs(found.store, run))


def _read(files: Sequence[str], limit_bytes: int, cache: ColumnCache) -> FilesRead:
    """Return the content of files, parsed."""
    store = EventStore(limit_bytes)
    refused: list[Rejected] = []
    reader = BlockReader()
    opened = [FileReader(store, reader, name, number, refused) for number, name in enumerate(files)]
    counts = [file.read(digest) for file, digest in zip(opened, cache.digests, strict=True)]
    if not any(reading.events for reading in counts):
        raise UserError(nothing_found(counts))
    store.close()
    return FilesRead(store, counts, refused)


def choose_runs(store: EventStore, run: str | Sequence[str]) -> list[str]:
    """Return the ids of the runs that `latest`, `all`, `latest of each file` or ids name; none for all of them. Raises UserError."""
    runs = [name for _, name, _, _ in store.first_events()]
    wanted = [run] if isinstance(run, str) else list(run)
    if ALL in wanted or not runs:
        return []
    chosen: list[str] = []
    for name in wanted:
        if name not in (LATEST, LATEST_OF_EACH, *runs):
            raise UserError(f"no run {name!r} in the log; it holds {', '.join(runs[:10])}")
        chosen += latest_runs(store, name == LATEST_OF_EACH) if name in (LATEST, LATEST_OF_EACH) else [name]
    return list(dict.fromkeys(chosen))


def latest_runs(store: EventStore, of_each_file: bool = False) -> list[str]:
    """Return the run (of each file) whose first event is the latest by the clock on the wall, by the order of reading if clocks agree."""
    latest: dict[int, tuple[int, int, str]] = {}
    for file, run, row, time in store.first_events(of_each_file):
        latest[file] = max(latest.get(file, (time, row, run)), (time, row, run))
    return [run for _, _, run in latest.values()]


def nothing_found(readings: Sequence[FileCounts]) -> str:
    """Return what to say of files without an event."""
    lines = sum(reading.lines for reading in readings)
    names = ", ".join(reading.file for reading in readings[:3])
    return (
        f"no event in {names} ({lines:,} lines read); an event looks like "
        "'[PROFILE] 2026-11-20 17:45:01.123 task=7 thread=139706 type=llm_call duration_ms=412.000 ...'; was the run started with "
        "--log-level PROFILE?"
    )
