"""Reading logs: `load_log`."""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import Executor, Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tau2_logging.analysis.reader.column_store import LIMIT_BYTES, Store
from tau2_logging.analysis.reader.column_types import Cell, is_text, row_number, typed_row
from tau2_logging.analysis.reader.compiled import CompiledReader
from tau2_logging.analysis.reader.fastread import FastReader, Parsed
from tau2_logging.analysis.reader.kernel import kernel
from tau2_logging.analysis.reader.line import Line, Rejected
from tau2_logging.analysis.reader.lines import is_whole, not_utf8, read_line, rejected
from tau2_logging.analysis.reader.plausible import doubtful, leave_out
from tau2_logging.analysis.reader.sources import as_paths, blocks, domain_of, holds_only_events, size_of
from tau2_logging.analysis.reader.swar import PAD, Text
from tau2_logging.analysis.run_log import RunLog
from tau2_logging.analysis.tables.event_tables import Reading
from tau2_logging.errors import UserError

MOST_REJECTED = 100_000
"""Lines that cannot be read are kept up to that many, and counted beyond."""

WORKERS = min(4, os.cpu_count() or 1)
LATEST, ALL, LATEST_OF_EACH = "latest", "all", "latest of each file"


def load_log(paths: str | Path | Iterable[str | Path], run: str | Sequence[str] = LATEST, limit_bytes: int = LIMIT_BYTES) -> RunLog:
    """Return the log of one run, or of several.

    `paths`: one file or several (`.gz`, `.zst`, `-` for standard input), of one run's domains for example. `run`: `latest`, `all`,
    `latest of each file`, the id of a run, or several ids. `limit_bytes`: columns held in memory; what comes beyond is mapped from
    temporary files.
    Raises UserError if a file is missing, no event is found, or the run is not in the files.
    """
    files = as_paths(paths)
    store = Store(limit_bytes)
    readings: list[Reading] = []
    refused: list[Rejected] = []
    fast = _block_reader(store, files)
    free: list[Text] = []
    with ThreadPoolExecutor(WORKERS) as pool:
        for number, name in enumerate(files):
            readings.append(_Reader(store, name, number, fast, free, refused).read(pool))
    if not any(reading.events for reading in readings):
        raise UserError(_nothing_found(readings))
    store.place_calls_without_start()
    return RunLog(store, files, readings, refused, choose_runs(store, run))


def _block_reader(store: Store, files: list[str]) -> FastReader | CompiledReader:
    library = kernel(size_of(files))
    return FastReader(store) if library is None else CompiledReader(library, store)


def choose_runs(store: Store, run: str | Sequence[str]) -> list[str]:
    """Return the ids of the runs that `latest`, `all`, `latest of each file` or ids name; none for all of them. Raises UserError."""
    runs = store.dictionary("run").texts
    wanted = [run] if isinstance(run, str) else list(run)
    if ALL in wanted or not runs:
        return []
    chosen: list[str] = []
    for name in wanted:
        if name not in (LATEST, LATEST_OF_EACH) and name not in runs:
            raise UserError(f"no run {name!r} in the log; it holds {', '.join(runs[:10])}")
        chosen += latest_runs(store, name == LATEST_OF_EACH) if name in (LATEST, LATEST_OF_EACH) else [name]
    return list(dict.fromkeys(chosen))


def latest_runs(store: Store, of_each_file: bool = False) -> list[str]:
    """Return the run (of each file) whose first event is the latest by the clock on the wall, by the order of reading if clocks agree."""
    latest: dict[int, tuple[tuple[int, int], int]] = {}
    for (file, code), (row, time) in store.first_rows("run", by_file=of_each_file).items():
        latest[file] = max(latest.get(file, ((time, row), code)), ((time, row), code))
    return [store.dictionary("run").texts[code] for _, code in latest.values()]


def _nothing_found(readings: list[Reading]) -> str:
    lines = sum(reading.lines for reading in readings)
    names = ", ".join(reading.file for reading in readings[:3])
    return (
        f"no event in {names} ({lines:,} lines read); an event looks like "
        "'[PROFILE] 2026-11-20 17:45:01.123 task=7 thread=139706 type=llm_call duration_ms=412.000 ...'; was the run started with "
        "--log-level PROFILE?"
    )


class _Reader:
    """Reads the blocks of one file into the store."""

    def __init__(
        self, store: Store, name: str, number: int, fast: FastReader | CompiledReader, free: list[Text], refused: list[Rejected]
    ) -> None:
        self._store, self._fast, self._free, self._refused = store, fast, free, refused
        self._name, self._number = name, number
        self._events_only = holds_only_events(name)
        self._domain = domain_of(name)
        self._counts = dict.fromkeys(("lines", "events", "other", "rejected", "values"), 0)

    def read(self, pool: Executor) -> Reading:
        """Return everything in the file. Blocks are parsed in the pool and stored in their order."""
        waiting: deque[tuple[Text, Future[Parsed]]] = deque()
        for block in blocks(self._name, self._free):
            waiting.append((block, pool.submit(self._fast.parse, block)))
            while len(waiting) > WORKERS:
                self._store_block(*waiting.popleft())
        while waiting:
            self._store_block(*waiting.popleft())
        return Reading(self._name, **self._counts)

    def _store_block(self, block: Text, future: Future[Parsed]) -> None:
        parsed = future.result()
        first_line = self._counts["lines"] + 1
        first_row = row_number(self._number, first_line)
        self._counts["lines"] += parsed.lines
        for type_, found in parsed.chunks:
            chunk = _believed(found, parsed)
            if not len(chunk["row"]):
                continue
            chunk["row"] = chunk["row"] + first_row
            if "run" not in chunk:
                self._complete(chunk)
            self._store.add(type_, chunk)
            self._counts["events"] += len(chunk["row"])
        self._slow_lines(block, parsed, first_line)
        self._free.append(block)

    def _slow_lines(self, block: Text, parsed: Parsed, first_line: int) -> None:
        rows: dict[str, list[Mapping[str, Cell]]] = {}
        for index in np.sort(np.concatenate(parsed.slow)).tolist() if parsed.slow else ():
            data = block.get(parsed.starts[index], parsed.ends[index])
            self._read_line(data, first_line + index, rows)
        tail = block.get(int(parsed.ends[-1]) + 1 if parsed.lines else PAD, PAD + block.size)
        if tail:
            self._counts["lines"] += 1
            self._read_line(tail, first_line + parsed.lines, rows, ended=False)
        for type_, of_type in rows.items():
            self._store.add_rows(type_, of_type)

    def _read_line(self, data: bytes, number: int, rows: dict[str, list[Mapping[str, Cell]]], ended: bool = True) -> None:
        text = data.decode("utf-8", "replace")
        found = read_line(text, self._events_only)
        if isinstance(found, Line) and "\ufffd" in text and (place := not_utf8(data)) is not None:
            found = f"not UTF-8 at byte {place + 1}"
        if isinstance(found, Line) and not ended and not is_whole(found, self._store.dictionary("run").texts):
            found = "cut short: the last line has no newline, and its end is missing"
        if isinstance(found, Line) and not is_text(found.type):
            found = "the type holds half of a character (a lone surrogate)"
        if isinstance(found, Line):
            self._counts["events"] += 1
            row = self._row(found, number)
            for reason in leave_out(found, row):
                self._refuse("values", number, reason, text)
            rows.setdefault(found.type, []).append(row)
        elif found is not None:
            self._refuse("rejected", number, found, text)
        elif text.strip():
            self._counts["other"] += 1

    def _refuse(self, what: str, number: int, reason: str, text: str) -> None:
        self._counts[what] += 1
        if len(self._refused) < MOST_REJECTED:
            self._refused.append(rejected(self._name, number, reason, text))

    def _row(self, line: Line, number: int) -> dict[str, Cell]:
        row = typed_row(line)
        row["row"] = row_number(self._number, number)
        if "run" not in row:
            row.setdefault("trial", 0)
            if self._domain is not None:
                row.setdefault("domain", self._domain)
        return row

    def _complete(self, chunk: dict[str, NDArray[Any]]) -> None:
        """The older runner says neither domain nor trial: the domain is in the name of its file, and it made one trial."""
        length = len(chunk["row"])
        if "trial" not in chunk:
            chunk["trial"] = np.zeros(length, dtype=np.int64)
        if self._domain is not None and "domain" not in chunk:
            chunk["domain"] = np.full(length, self._store.dictionary("domain").code(self._domain), dtype=np.int32)


def _believed(chunk: dict[str, NDArray[Any]], parsed: Parsed) -> dict[str, NDArray[Any]]:
    """Return the chunk without the lines that hold a value outside its limits: these are read again, one by one, for the reason."""
    wrong = doubtful(chunk)
    if wrong is None:
        return chunk
    parsed.slow.append(chunk["row"][wrong])
    return {name: column[~wrong] for name, column in chunk.items()}
