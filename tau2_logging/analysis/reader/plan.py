"""What is known of a log's lines, as a program for `kernel.c`: templates of lines, tables of words, and room for the columns."""

from __future__ import annotations

import ctypes
import secrets
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tau2_logging.analysis.reader import kernel
from tau2_logging.analysis.reader.column_store import Store
from tau2_logging.analysis.reader.column_types import column_kind
from tau2_logging.analysis.reader.fastread import DAY_MS, EPOCH
from tau2_logging.analysis.reader.kernel import Program, Step, Table, Template
from tau2_logging.analysis.reader.shapes import Shape
from tau2_logging.analysis.reader.words import Words, is_bare
from tau2_logging.events import LEVELS

Array = NDArray[Any]
Shapes = Mapping[tuple[str, tuple[str, ...]], tuple[Shape, dict[str, str]]]
"""By type and names of the fields: the shape, and the tokens of the columns that have had one value so far."""

MOST_ROWS = 1 << 15
"""Lines that are read at once. With the most shapes this bounds the room for columns."""

MOST_SHAPES = 96
_MOST_WORDS = 1 << 14
"""Texts of a column that the kernel knows; lines with others are left to numpy, which knows them all."""

END = "\0end"
"""Ending of the output that says where a payload ends."""

_STEP = {
    "int": kernel.WHOLE, "float": kernel.DECIMAL, "bool": kernel.TRUTH, "id": kernel.ID, "text": kernel.WORD, "token": kernel.WORD,
    "payload": kernel.PAYLOAD,
}  # fmt: skip
_OUTS = {
    kernel.WHOLE: ("i8",), kernel.DECIMAL: ("f8",), kernel.TRUTH: ("i1",), kernel.ID: (f"S{kernel.ID_SIZE}",), kernel.WORD: ("i4",),
    kernel.PAYLOAD: ("i8", "i8"),
}  # fmt: skip
_HEADER = (("row", "i8"), ("time", "i8"), ("thread", "i8"), ("level", "i4"), ("task", "i4"))


@dataclass(frozen=True)
class Layout:
    """The columns of a template: `outs` (name, dtype, place among those of that dtype), and those that are `fixed`."""

    type: str
    outs: list[tuple[str, str, int]]
    fixed: dict[str, Array]
    payloads: list[str]


@dataclass(frozen=True)
class Room:
    """Where the kernel writes: for each template an array by dtype, a row of it for each column; and the address of each column."""

    columns: list[dict[str, Array]]
    addresses: Array


class Plan:
    """A program and the layouts of its output. Immutable, but for the rooms that wait to be used again."""

    def __init__(self, library: Any, store: Store, days: Words, shapes: Shapes, old: Plan | None) -> None:
        self._library, self._store = library, store
        self._old = old._tables if old is not None else {}
        self._tables: dict[str, _Words] = {}
        self._kept: list[Any] = []
        self._rooms: list[Room] = []
        self.layouts: list[Layout] = []
        types = self._words("type", store.dictionary("type"))
        of_type = np.full(max(1, types.count), -1, dtype=np.int64)
        templates = [
            self._template(shape, fixed, type_, of_type, store.dictionary("type").known(type_))
            for (type_, _), (shape, fixed) in shapes.items()
        ]
        self.program = Program(
            self._words("level", store.dictionary("level"), _level_token).pointer, self._words("\0day", days, _day_token, int).pointer,
            self._words("task", store.dictionary("task"), value=None).pointer, types.pointer,
            self._keep((Template * len(templates))(*templates)), self._keep(of_type).ctypes.data_as(ctypes.POINTER(ctypes.c_int64)),
        )  # fmt: skip
        self._old = {}

    @property
    def is_current(self) -> bool:
        """Whether it knows every word that there is."""
        return all(table.count == min(len(table.words.texts), _MOST_WORDS) for table in self._tables.values())

    def take_room(self) -> Room:
        """Return room for `MOST_ROWS` of each template, to be given back."""
        try:
            return self._rooms.pop()
        except IndexError:
            return self._new_room()

    def give_back(self, room: Room) -> None:
        self._rooms.append(room)

    def _new_room(self) -> Room:
        columns, addresses = [], []
        for layout in self.layouts:
            counts = {dtype: place + 1 for _, dtype, place in layout.outs}
            arrays = {dtype: np.empty((count, MOST_ROWS), dtype=dtype) for dtype, count in counts.items()}
            columns.append(arrays)
            addresses += [arrays[dtype][place].ctypes.data for _, dtype, place in layout.outs]
        return Room(columns, np.array(addresses, dtype=np.uintp))

    def _keep(self, thing: Any) -> Any:
        self._kept.append(thing)
        return thing

    def _template(self, shape: Shape, fixed: dict[str, str], type_: str, of_type: Array, code: int) -> Template:
        steps, outs, literal = [], list(_HEADER), ""
        for name, column in zip(shape.names, shape.columns, strict=True):
            literal += f" {name}="
            if column in fixed:
                literal += fixed[column]
                continue
            kind = _STEP[column_kind(column)]
            words = self._words(column, self._store.dictionary(column)).pointer if kind == kernel.WORD else None
            steps.append(self._step(literal, kind, words))
            outs += zip((column, column + END), _OUTS[kind], strict=False)
            literal = ""
        if literal:
            steps.append(self._step(literal, kernel.NOTHING, None))
        out = sum(len(layout.outs) for layout in self.layouts)
        self.layouts.append(self._layout(type_, outs, fixed, code))
        following, of_type[code] = int(of_type[code]), len(self.layouts) - 1
        return Template(self._keep((Step * len(steps))(*steps)), len(steps), out, following)

    def _step(self, literal: str, kind: int, words: Any) -> Step:
        data = self._keep(literal.encode())
        return Step(data, len(data), kind, words)

    def _layout(self, type_: str, outs: list[tuple[str, str]], fixed: dict[str, str], code: int) -> Layout:
        used: dict[str, int] = {}
        placed = []
        for name, dtype in outs:
            placed.append((name, dtype, used.get(dtype, 0)))
            used[dtype] = placed[-1][2] + 1
        constants = {name: constant(self._store, name, token) for name, token in fixed.items()}
        values = {name: value for name, value in constants.items() if value is not None}
        values["type"] = np.array(code, dtype=np.int32)
        return Layout(type_, placed, values, [name.removesuffix(END) for name, _ in outs if name.endswith(END)])

    def _words(self, name: str, words: Words, token: _Token | None = None, value: Any = "code") -> _Words:
        """Return the table of a column; that of the plan before if there is no new word."""
        if name not in self._tables:
            self._tables[name] = _Words.of(self._library, words, self._old.get(name), token or _same, value)
        return self._tables[name]


_Token = Callable[[str], str | None]


def constant(store: Store, column: str, token: str) -> Array | None:
    """Return the value of a column that is fixed; None for what cannot be: times, ids and long texts differ, and others may not fit."""
    return None if column_kind(column) in ("float", "id", "payload") else store.constant(column, token)


@dataclass(frozen=True)
class _Words:
    """The first `count` texts of a column as the kernel looks them up. `entries` and `tokens` hold what the table points to."""

    words: Words
    count: int
    entries: Array
    tokens: list[bytes]
    table: Table

    @property
    def pointer(self) -> Any:
        return ctypes.pointer(self.table)

    @classmethod
    def of(cls, library: Any, words: Words, old: _Words | None, token: _Token, value: Any) -> _Words:
        """Return a table of all texts. One that is in use is never changed: another thread may be reading it."""
        count = min(len(words.texts), _MOST_WORDS)
        if old is not None and old.count == count:
            return old
        slots = 1 << max(4, (2 * count).bit_length())
        if old is not None and len(old.entries) == slots * _ENTRY_WORDS:
            entries, tokens, known, seed = old.entries.copy(), list(old.tokens), old.count, old.table.seed
        else:
            entries, tokens, known, seed = np.zeros(slots * _ENTRY_WORDS, dtype=np.int64), [], 0, secrets.randbits(64)
        table = Table(entries.ctypes.data, slots - 1, seed)
        for code, text in enumerate(words.texts[known:count], known):
            found = token(text)
            if found is not None:
                tokens.append(found.encode())
                number = int(text) if value is int else -1 if value is None and text == "-" else code
                library.put_word(table, tokens[-1], len(tokens[-1]), number)
        return cls(words, count, entries, tokens, table)


_ENTRY_WORDS = kernel.ENTRY_BYTES // 8


def _same(text: str) -> str | None:
    return text if is_bare(text) else None


def _level_token(text: str) -> str | None:
    return f"[{text}]" if text in LEVELS else None


def _day_token(text: str) -> str | None:
    return date.fromordinal(int(text) // DAY_MS + EPOCH).isoformat()
