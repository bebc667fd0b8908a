"""One file of a log into the store of events: block by block, and line by line what its blocks leave."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path

from tau2_logging.analysis.reader.block_reader import parse
from tau2_logging.analysis.reader.legacy import Row
from tau2_logging.analysis.reader.lines import is_whole, not_utf8, read_line
from tau2_logging.analysis.reader.sources import blocks
from tau2_logging.analysis.store.column_types import Cell, row_number, typed_row
from tau2_logging.analysis.store.event_store import EventStore
from tau2_logging.analysis.store.file_counts import FileCounts, Rejected, rejected

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
        self._read_lines((first + index, line) for index, line in parsed.left)
        if ended < len(block):
            self._counts["lines"] += 1
            self._read_lines([(self._counts["lines"], block[ended:])], ended=False)

    def _read_lines(self, lines: Iterable[tuple[int, bytes]], ended: bool = True) -> None:
        rows: dict[str, list[dict[str, Cell]]] = {}
        for number, data in lines:
            text = data.decode("utf-8", "replace")
            found = read_line(text, self._events_only)
            if isinstance(found, dict):
                found = self._damage(found, data, ended) or found
            if isinstance(found, dict):
                rows.setdefault(str(found["type"]), []).append(self._cells(found, number, text))
            elif found is not None:
                self._refuse("rejected", number, found, text)
            elif text.strip():
                self._counts["other"] += 1
        for type_, of_type in rows.items():
            self._store.add_rows(type_, of_type)

    def _damage(self, row: Row, data: bytes, ended: bool) -> str | None:
        if (place := not_utf8(data)) is not None:
            return f"not UTF-8 at byte {place + 1}"
        if not ended and not is_whole(row, [run for _, run, _, _ in self._store.first_events()]):
            return "cut short: the last line has no newline, and its end is missing"
        return None

    def _cells(self, row: Row, number: int, text: str) -> dict[str, Cell]:
        """Return an event by column. The older runner says neither domain nor trial: the domain is in the name of its file, and it made
        one trial.
        """
        cells, reasons = typed_row(row)
        for reason in reasons:
            self._refuse("values", number, reason, text)
        self._counts["events"] += 1
        if "run" not in cells:
            cells = {"trial": 0, **({"domain": self._domain} if self._domain else {}), **cells}
        return {**cells, "row": row_number(self._number, number)}

    def _refuse(self, what: str, number: int, reason: str, text: str) -> None:
        self._counts[what] += 1
        if len(self._refused) < MOST_REJECTED:
            self._refused.append(rejected(self._name, number, reason, text))
