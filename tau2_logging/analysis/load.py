"""Reading logs: `load_log`."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path

from tau2_logging.analysis.reader.block_reader import BlockReader
from tau2_logging.analysis.reader.column_types import Cell, is_text, row_number, typed_row
from tau2_logging.analysis.reader.event_store import LIMIT_BYTES, EventStore
from tau2_logging.analysis.reader.line import Line, Rejected
from tau2_logging.analysis.reader.lines import is_whole, not_utf8, read_line, rejected
from tau2_logging.analysis.reader.sources import as_paths, blocks, domain_of, holds_only_events
from tau2_logging.analysis.run_log import RunLog
from tau2_logging.analysis.tables.event_tables import FileCounts
from tau2_logging.errors import UserError

MOST_REJECTED = 100_000
"""Lines that cannot be read are kept up to that many, and counted beyond."""

LATEST, ALL, LATEST_OF_EACH = "latest", "all", "latest of each file"


def load_log(paths: str | Path | Iterable[str | Path], run: str | Sequence[str] = LATEST, limit_bytes: int = LIMIT_BYTES) -> RunLog:
    """Return the log of one run, or of several.

    `paths`: one file or several (`.gz`, `.zst`, `-` for standard input), of one run's domains for example. `run`: `latest`, `all`,
    `latest of each file`, the id of a run, or several ids. `limit_bytes`: columns held in memory; what comes beyond is mapped from
    temporary files.
    Raises UserError if a file is missing, no event is found, or the run is not in the files.
    """
    files = as_paths(paths)
    store = EventStore(limit_bytes)
    refused: list[Rejected] = []
    reader = BlockReader()
    readings = [_FileReader(store, reader, name, number, refused).read() for number, name in enumerate(files)]
    if not any(reading.events for reading in readings):
        raise UserError(_nothing_found(readings))
    store.close()
    return RunLog(store, files, readings, refused, choose_runs(store, run))


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


def _nothing_found(readings: list[FileCounts]) -> str:
    lines = sum(reading.lines for reading in readings)
    names = ", ".join(reading.file for reading in readings[:3])
    return (
        f"no event in {names} ({lines:,} lines read); an event looks like "
        "'[PROFILE] 2026-11-20 17:45:01.123 task=7 thread=139706 type=llm_call duration_ms=412.000 ...'; was the run started with "
        "--log-level PROFILE?"
    )


class _FileReader:
    """Reads the blocks of one file into the store."""

    def __init__(self, store: EventStore, reader: BlockReader, name: str, number: int, refused: list[Rejected]) -> None:
        self._store, self._reader, self._refused = store, reader, refused
        self._name, self._number = name, number
        self._events_only = holds_only_events(name)
        self._domain = domain_of(name)
        self._counts = dict.fromkeys(("lines", "events", "other", "rejected", "values"), 0)

    def read(self) -> FileCounts:
        """Return everything in the file."""
        for block in blocks(self._name):
            self._read_block(block)
        return FileCounts(self._name, **self._counts)

    def _read_block(self, block: bytes) -> None:
        """Read many lines at once, and what is left line by line."""
        first = self._counts["lines"] + 1
        ended = block.rfind(b"\n") + 1
        parsed = self._reader.parse(block[:ended], row_number(self._number, first))
        self._counts["lines"] += parsed.lines
        for type_, table in parsed.tables:
            self._store.add(type_, table)
            self._counts["events"] += len(table)
        self._read_lines([(first + index, line) for index, line in parsed.left], ended=True)
        if ended < len(block):
            self._counts["lines"] += 1
            self._read_lines([(self._counts["lines"], block[ended:])], ended=False)

    def _read_lines(self, lines: Iterable[tuple[int, bytes]], ended: bool) -> None:
        rows: dict[str, list[dict[str, Cell]]] = {}
        for number, data in lines:
            self._read_line(number, data, ended, rows)
        for type_, of_type in rows.items():
            self._store.add_rows(type_, of_type)

    def _read_line(self, number: int, data: bytes, ended: bool, rows: dict[str, list[dict[str, Cell]]]) -> None:
        text = data.decode("utf-8", "replace")
        found = read_line(text, self._events_only)
        if isinstance(found, Line) and "\ufffd" in text and (place := not_utf8(data)) is not None:
            found = f"not UTF-8 at byte {place + 1}"
        if isinstance(found, Line) and not ended and not is_whole(found, [run for _, run, _, _ in self._store.first_events()]):
            found = "cut short: the last line has no newline, and its end is missing"
        if isinstance(found, Line) and not is_text(found.type):
            found = "the type holds half of a character (a lone surrogate)"
        if isinstance(found, Line):
            self._counts["events"] += 1
            row, reasons = typed_row(found)
            for reason in reasons:
                self._refuse("values", number, reason, text)
            rows.setdefault(found.type, []).append(self._complete(row, number))
        elif found is not None:
            self._refuse("rejected", number, found, text)
        elif text.strip():
            self._counts["other"] += 1

    def _refuse(self, what: str, number: int, reason: str, text: str) -> None:
        self._counts[what] += 1
        if len(self._refused) < MOST_REJECTED:
            self._refused.append(rejected(self._name, number, reason, text))

    def _complete(self, row: dict[str, Cell], number: int) -> dict[str, Cell]:
        """The older runner says neither domain nor trial: the domain is in the name of its file, and it made one trial."""
        row["row"] = row_number(self._number, number)
        if "run" not in row:
            row.setdefault("trial", 0)
            if self._domain is not None:
                row.setdefault("domain", self._domain)
        return row
