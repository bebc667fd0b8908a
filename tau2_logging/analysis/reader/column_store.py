"""Typed columns of the events, one table per type of event.

    float   float64, NaN if absent           int    int64, NO_INT if absent
    bool    int8, -1 where absent               text   int32 code into the field's `Words`, -1 where absent
    id      bytes of fixed width, empty if absent    payload  int64 number in the store's `Texts`, -1 where absent
    token   as text

Memory: `limit_bytes` of columns are held; what comes beyond goes to a temporary folder and is mapped from there when it is asked for.
"""

from __future__ import annotations

import shutil
import tempfile
import threading
import weakref
from array import array
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tau2_logging.analysis.reader.column_types import NO_INT, Cell, column_kind, fit, row_file
from tau2_logging.analysis.reader.words import Words
from tau2_logging.errors import CodecError
from tau2_logging.events.fields import field_type
from tau2_logging.events.logfmt import decode_value

Array = NDArray[Any]
Chunk = dict[str, Array]

_DTYPE: dict[str, np.dtype[Any]] = {
    "float": np.dtype("f8"), "int": np.dtype("i8"), "bool": np.dtype("i1"), "text": np.dtype("i4"), "token": np.dtype("i4"),
    "id": np.dtype("S16"), "payload": np.dtype("i8"),
}  # fmt: skip
_ABSENT: dict[str, Any] = {"float": np.nan, "int": NO_INT, "bool": -1, "text": -1, "token": -1, "id": b"", "payload": -1}

LIMIT_BYTES = 1 << 30
"""Columns held in memory by default."""


class Texts:
    """Long texts by number: 64 MB in memory, the rest in a temporary file. May be added to from several threads."""

    def __init__(self) -> None:
        self._file = tempfile.SpooledTemporaryFile(max_size=1 << 26)  # noqa: SIM115 - closed with the store
        self._close = weakref.finalize(self, self._file.close)
        self._ends = array("q", [0])
        self._lock = threading.Lock()

    def add(self, text: str) -> int:
        """Keep a text; its number."""
        data = text.encode("utf-8", "surrogatepass")
        with self._lock:
            self._file.seek(self._ends[-1])
            self._file.write(data)
            self._ends.append(self._ends[-1] + len(data))
            return len(self._ends) - 2

    def get(self, number: int) -> str:
        """Return the text of a number."""
        begin, end = self._ends[number], self._ends[number + 1]
        self._file.seek(begin)
        return self._file.read(end - begin).decode("utf-8", "surrogatepass")


class Store:
    """Chunks of typed columns by type of event. Owns a temporary folder from the moment the limit is passed."""

    def __init__(self, limit_bytes: int = LIMIT_BYTES) -> None:
        self.words: dict[str, Words] = {}
        self.texts = Texts()
        self._limit = limit_bytes
        self._held = 0
        self._chunks: dict[str, list[Chunk]] = {}
        self._folder: Path | None = None
        self._spilled = 0

    def dictionary(self, column: str) -> Words:
        """Return the texts of a column."""
        words = self.words.get(column)
        if words is None:
            words = self.words.setdefault(column, Words())
        return words

    def add(self, type_: str, chunk: Chunk) -> None:
        """Append rows of one type: arrays of one length by column."""
        self._chunks.setdefault(type_, []).append(chunk)
        self._held += sum(column.nbytes for column in chunk.values() if column.strides != (0,))
        if self._held > self._limit:
            self._spill()

    def add_rows(self, type_: str, rows: list[Mapping[str, Cell]]) -> None:
        """Append rows given one by one, as `typed_row` makes them."""
        names = dict.fromkeys(name for row in rows for name in row)
        self.add(type_, {name: self._array(name, [row.get(name) for row in rows]) for name in names})

    def _array(self, name: str, cells: list[Cell | None]) -> Array:
        kind = column_kind(name)
        absent = _ABSENT[kind]
        if kind in ("text", "token"):
            words = self.dictionary(name)
            cells = [None if cell is None else words.code(str(cell)) for cell in cells]
        elif kind == "payload":
            cells = [None if cell is None else self.texts.add(str(cell)) for cell in cells]
        elif kind == "id":
            return np.array([b"" if cell is None else str(cell).encode("utf-8", "surrogatepass") for cell in cells], dtype="S")
        return np.array([absent if cell is None else cell for cell in cells], dtype=_DTYPE[kind])

    def constant(self, column: str, token: str) -> Array | None:
        """Return one value as it is held, from a bare token; None if it does not fit the column."""
        kind = column_kind(column)
        if kind == "token":
            return None if "\\ud" in token.lower() else np.array(self.dictionary(column).code(token), dtype=_DTYPE[kind])
        try:
            cell = fit(kind, decode_value(token, field_type(column)))
        except CodecError:
            return None
        return None if cell is None else self._array(column, [cell])[0:1].reshape(())

    def _spill(self) -> None:
        """Move the columns that are in memory to files, mapped again as they are needed."""
        if self._folder is None:
            self._folder = Path(tempfile.mkdtemp(prefix="tau2-analysis-"))
            weakref.finalize(self, shutil.rmtree, self._folder, True)
        for type_, chunks in self._chunks.items():
            kept = [chunk for chunk in chunks if _mapped(chunk)]
            fresh = [chunk for chunk in chunks if not _mapped(chunk)]
            if fresh:
                names = dict.fromkeys(name for chunk in fresh for name in chunk)
                kept.append({name: self._to_file(join_column(name, fresh)) for name in names})
            self._chunks[type_] = kept
        self._held = 0

    def _to_file(self, array: Array) -> Array:
        assert self._folder is not None
        self._spilled += 1
        path = self._folder / f"{self._spilled}.npy"
        np.save(path, array)
        mapped: Array = np.load(path, mmap_mode="r")
        return mapped

    def place_calls_without_start(self) -> None:
        """Give the older runner's calls a start: the time they were logged at, less their duration, since the first such start."""
        chunks = [chunk for chunks in self._chunks.values() for chunk in chunks]
        placed = [(chunk, start) for chunk in chunks if (start := _start_by_time(chunk)) is not None]
        first = min((float(np.nanmin(start)) for _, start in placed if not np.isnan(start).all()), default=np.nan)
        for chunk, start in placed:
            if not np.isnan(start).all():
                known = chunk.get("start_ms", np.full(len(start), np.nan))
                chunk["start_ms"] = np.where(np.isnan(start), known, np.round(start - first, 3))

    def types(self) -> list[str]:
        """Return the types of event that occur, in order of first appearance."""
        return list(self._chunks)

    def columns(self, types: Iterable[str]) -> list[str]:
        """Return the names of the columns that any of the types has."""
        return list(dict.fromkeys(name for type_ in types for chunk in self._chunks.get(type_, ()) for name in chunk))

    def first_rows(self, name: str, by_file: bool = False) -> dict[tuple[int, int], tuple[int, int]]:
        """Return the (file, code) pairs of a text column in order of first appearance, each with the row and the time of its first event.

        The file is 0 throughout unless they are wanted by file.
        """
        first: dict[tuple[int, int], tuple[int, int]] = {}
        for type_ in self._chunks:
            rows, times, codes = self.column(type_, "row"), self.column(type_, "time"), self.column(type_, name)
            files = row_file(rows) if by_file else np.zeros(len(rows), dtype=np.int64)
            for file in np.unique(files).tolist():
                places = np.flatnonzero(files == file)
                for code, place in zip(*(part.tolist() for part in _firsts(codes[places], rows[places])), strict=True):
                    found = (int(rows[places[place]]), int(times[places[place]]))
                    if code >= 0:
                        first[file, code] = min(found, first.get((file, code), found))
        return dict(sorted(first.items(), key=lambda item: item[1]))

    def column(self, type_: str, name: str) -> Array:
        """Return one column of one type in the order of reading (by block, then by shape of line), absent values filled in."""
        return join_column(name, self._chunks.get(type_, []))


def _firsts(codes: Array, rows: Array) -> tuple[Array, Array]:
    """Return the distinct codes, and the place of each one's first row: a column is in the order of reading, which is that of blocks
    only."""
    if len(codes) and bool((codes == codes[0]).all()):
        return codes[:1], np.array([rows.argmin()])
    order = np.argsort(rows, kind="stable")
    found, places = np.unique(codes[order], return_index=True)
    return found, order[places]


def _start_by_time(chunk: Chunk) -> Array | None:
    """Return when calls without a run and a start started, in ms since 1970; NaN for all others, None if all have a run."""
    length = len(chunk["row"])
    if "run" in chunk and bool((chunk["run"] >= 0).all()):
        return None

    def column(name: str) -> Array:
        return chunk[name] if name in chunk else missing(column_kind(name), length)

    duration = np.where(np.isnan(column("duration_ms")), column("total_duration_ms"), column("duration_ms"))
    unplaced = (column("run") < 0) & np.isnan(column("start_ms")) & (column("time") != NO_INT)
    return np.where(unplaced, column("time") - duration, np.nan)


def _mapped(chunk: Chunk) -> bool:
    return any(isinstance(column, np.memmap) for column in chunk.values())


def join_column(name: str, chunks: list[Chunk]) -> Array:
    """Return a column of chunks end to end."""
    kind = column_kind(name)
    parts = [chunk[name] if name in chunk else missing(kind, len(chunk["row"])) for chunk in chunks]
    if not parts:
        return missing(kind, 0)
    return parts[0] if len(parts) == 1 else np.concatenate(parts)


def missing(kind: str, length: int) -> Array:
    """Return a column in which every value is absent."""
    return np.full(length, _ABSENT[kind], dtype=_DTYPE[kind])
