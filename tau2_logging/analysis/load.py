"""From files to a log: which files are meant, which of their runs."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path

from tau2_logging.analysis.reader.file_reader import FileReader
from tau2_logging.analysis.reader.sources import STDIN, is_plain
from tau2_logging.analysis.run_log import RunLog
from tau2_logging.analysis.store.column_cache import ColumnCache, FilesRead
from tau2_logging.analysis.store.event_store import LIMIT_BYTES, EventStore
from tau2_logging.analysis.store.file_counts import FileCounts, Rejected
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
    cache = ColumnCache(files, all(map(is_plain, files)))
    found = cache.load()
    if found is None:
        found = _read(files, limit_bytes, cache)
        cache.save(found)
    return RunLog(found.store, files, found.counts, found.refused, choose_runs(found.store, run))


def _read(files: Sequence[str], limit_bytes: int, cache: ColumnCache) -> FilesRead:
    """Return the content of files, parsed."""
    store = EventStore(limit_bytes)
    refused: list[Rejected] = []
    opened = [FileReader(store, name, number, refused) for number, name in enumerate(files)]
    counts = [file.read(also) for file, also in zip(opened, cache.takers, strict=True)]
    if not any(reading.events for reading in counts):
        raise UserError(nothing_found(counts))
    store.close()
    return FilesRead(store, counts, refused)


def as_paths(paths: str | Path | Iterable[str | Path]) -> list[str]:
    """Return one path or several as a list of texts; raises UserError if a file is missing or cannot be read."""
    names = [str(paths)] if isinstance(paths, (str, Path)) else [str(path) for path in paths]
    if not names:
        raise UserError("no log file given; name one, or a folder with --log-dir")
    for name in names:
        check_file(name)
    return list(dict.fromkeys(names))


def check_file(name: str) -> None:
    """Raises UserError unless the file is there and readable."""
    path = Path(name)
    if name == STDIN:
        return
    if path.is_dir():
        raise UserError(f"{name} is a folder; use --log-dir {name}, or name the files in it")
    if not path.exists():
        raise UserError(f"no log file {name}{_nearby(path)}")
    try:
        path.open("rb").close()
    except OSError as error:
        raise UserError(f"cannot read {name}: {error.strerror}") from error


def _nearby(path: Path) -> str:
    if not path.parent.is_dir():
        return f"; the folder {path.parent} does not exist"
    names = sorted(entry.name for entry in path.parent.iterdir() if ".log" in entry.name)[:5]
    return f"; in {path.parent} there are {', '.join(names)}" if names else f"; there is no log in {path.parent}"


def find_logs(folder: str | Path, pattern: str) -> list[str]:
    """Return the logs of a folder, sorted by name; raises UserError if there is none."""
    folder = Path(folder)
    if not folder.is_dir():
        raise UserError(f"no folder {folder}; give the folder the run wrote its logs to")
    found = sorted(str(path) for path in folder.glob(pattern) if path.is_file())
    if not found:
        raise UserError(f"no file in {folder} matches {pattern!r}; choose another folder or --log-glob")
    return found


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
