"""One file of a log into the store of events: block by block, and line by line what its blocks leave."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path

from tau2_logging.analysis.reader.block_reader import parse
from tau2_logging.analysis.reader.column_types import Cell, is_text, row_number, typed_row
from tau2_logging.analysis.reader.event_store import EventStore
from tau2_logging.analysis.reader.line import FileCounts, Line, Rejected
from tau2_logging.analysis.reader.lines import is_whole, not_utf8, read_line, rejected
from tau2_logging.analysis.reader.sources import blocks

MOST_REJECTED = 100_000
"""Lines that cannot be read are kept up to that many, and counted beyond."""


class FileReader:
    """Reads the blocks of one file into the store."""

    def __init__(self, store: EventStore, name: str, number: int, refused: list[Rejected]) -> None:
        self._store, self._refused = store, refused
        self._name, self._number = name, number
        prefix, _, domain = Path(name).name.partition(".")[0].partition("_")
        self._events_only = Path(name).name.startswith("tau2_")
        self._domain = domain if prefix in ("tau2", "eval") and domain else None
        self._counts = dict.fromkeys(("lines", "events", "other", "rejected", "values"), 0)

    def read(self, also: Callable[[bytes], object] | None = None) -> FileCounts:
        """Read everything in the file. `also` is given what is read."""
        for block in blocks(self._name):
            if also is not None:
                also(block)
            self.take(block)
        return self.counts

    @property
    def counts(self) -> FileCounts:
        """What was read so far, and how it went."""
        return FileCounts(self._name, **self._counts)

    def take(self, block: bytes) -> None:
        """Read the next block: many lines at once, and what is left line by line."""
        first = self._counts["lines"] + 1
        ended = block.rfind(b"\n") + 1
        parsed = parse(block[:ended], row_number(self._number, first))
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
