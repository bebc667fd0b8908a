"""Reads blocks with the compiled kernel, as far as lines have shapes that are known.

The numpy reader meets new shapes first: a few lines of the block, then more of those that are still left. What it found becomes a `Template`:
the fields of a type in their order, fixed texts as literals, other values by kind. The kernel reads all lines that fit a template to
the last byte; what it leaves goes to the numpy reader, and what that leaves goes to `lines`. So there is nothing that only the kernel reads.
"""

from __future__ import annotations

import ctypes
import secrets
import threading
from dataclasses import dataclass, field
from datetime import date
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tau2_logging.analysis.fastread import DAY_MS, EPOCH, Chunk, FastReader, Parsed
from tau2_logging.analysis.kernel import (
    DECIMAL, ENTRY_BYTES, HEADER_OUTS, ID, ID_SIZE, NOTHING, PAYLOAD, TRUTH, WHOLE, WORD, Program, Step, Table, Template,
)  # fmt: skip
from tau2_logging.analysis.shapes import Shape
from tau2_logging.analysis.store import Store
from tau2_logging.analysis.swar import PAD, Text
from tau2_logging.analysis.typed import column_kind
from tau2_logging.analysis.words import Words, is_bare
from tau2_logging.events import LEVELS

Array = NDArray[Any]

_FIRST_SAMPLE, _GROWTH = 64, 8
_MOST_WORDS = 1 << 14
"""Texts of a column that the kernel knows; lines with others are left to numpy, which knows them all."""

_STEP = {"int": WHOLE, "float": DECIMAL, "bool": TRUTH, "id": ID, "text": WORD, "token": WORD, "payload": PAYLOAD}
_OUTS: dict[int, tuple[str, ...]] = {
    WHOLE: ("i8",), DECIMAL: ("f8",), TRUTH: ("i1",), ID: (f"S{ID_SIZE}",), WORD: ("i4",), PAYLOAD: ("i8", "i8"),
}  # fmt: skip
_HEADER = (("row", "i8"), ("time", "i8"), ("thread", "i8"), ("level", "i4"), ("task", "i4"))
_NEVER_FIXED = frozenset(("id", "payload", "float"))


class CompiledReader:
    """Parses blocks for one store; same contract as `FastReader`, which it asks for all that it does not know itself."""

    def __init__(self, library: Any, store: Store) -> None:
        self._library, self._store = library, store
        self._numpy = FastReader(store)
        self._shapes: dict[tuple[str, tuple[str, ...]], tuple[Shape, dict[str, str]]] = {}
        self._plan: _Plan | None = None
        self._lock = threading.Lock()

    def parse(self, text: Text) -> Parsed:
        """The typed columns of a block's whole lines. Nothing of the result refers to the block."""
        result = self._lines(text)
        left = np.arange(result.lines)
        sample = _FIRST_SAMPLE
        while len(left):
            plan = self._plan
            if plan is not None:
                left = self._known(text, result, left, plan)
            if not len(left):
                break
            chosen = np.zeros(len(left), dtype=bool)
            chosen[:: max(1, len(left) // sample)] = True  # spread over the block: more shapes are met than in its first lines
            part, left = left[chosen], left[~chosen]
            self._learn(self._with_numpy(text, result, part))
            sample *= _GROWTH
        return result

    def _lines(self, text: Text) -> Parsed:
        room = text.size // 100 + 64
        while True:
            starts, ends = np.empty(room, dtype=np.int64), np.empty(room, dtype=np.int64)
            count = self._library.find_lines(text.address, PAD, PAD + text.size, starts.ctypes.data, ends.ctypes.data, room)
            if count <= room:
                return Parsed(lines=count, starts=starts[:count], ends=ends[:count])
            room = count

    def _known(self, text: Text, result: Parsed, lines: Array, plan: _Plan) -> Array:
        """Read the lines that fit a template; the others."""
        scratch = plan.scratch(len(lines))
        counts = np.zeros(len(plan.layouts), dtype=np.int64)
        left = np.empty(len(lines), dtype=np.int64)
        more = self._library.read_lines(
            text.address, result.starts.ctypes.data, result.ends.ctypes.data, lines.ctypes.data, len(lines), plan.program,
            scratch.addresses.ctypes.data, counts.ctypes.data, left.ctypes.data,
        )  # fmt: skip
        for layout, columns, count in zip(plan.layouts, scratch.columns, counts.tolist(), strict=True):
            if count:
                self._take(text, result, layout, columns, count)
        plan.free.append(scratch)
        return left[:more]

    def _take(self, text: Text, result: Parsed, layout: _Layout, columns: dict[str, Array], count: int) -> None:
        """What the kernel has written for a template, as a chunk of its own."""
        kept = {dtype: array[:, :count].copy() for dtype, array in columns.items()}
        chunk: Chunk = {name: kept[dtype][place] for name, dtype, place in layout.outs}
        for name, value in layout.fixed.items():
            chunk[name] = np.broadcast_to(value, count)
        if not layout.payloads:
            result.chunks.append((layout.type, chunk))
            return
        bad = np.zeros(count, dtype=bool)
        for name in layout.payloads:
            chunk[name], wrong = self._numpy.payload(text, chunk[name], chunk.pop(name + _END))
            bad |= wrong
        if bad.any():
            result.slow.append(chunk["row"][bad])
            chunk = {name: array[~bad] for name, array in chunk.items()}
        if len(chunk["row"]):
            result.chunks.append((layout.type, chunk))

    def _with_numpy(self, text: Text, result: Parsed, lines: Array) -> Parsed:
        """Lines of the block, put together to a block of their own."""
        data = b"".join([text.get(begin, end + 1) for begin, end in zip(result.starts[lines].tolist(), result.ends[lines].tolist(), strict=True)])
        own = Text(len(data))
        own.room()[: len(data)] = data
        own.fill(len(data))
        found = self._numpy.parse(own)
        for type_, chunk in found.chunks:
            chunk["row"] = lines[chunk["row"]]
            result.chunks.append((type_, chunk))
        result.slow.extend(lines[index] for index in found.slow)
        return found

    def _learn(self, found: Parsed) -> None:
        """Take over the shapes that numpy found. A text is fixed as long as no line has another."""
        with self._lock:
            for type_, shape, fixed in found.shapes:
                before = self._shapes.get((type_, shape.names))
                fixed = {name: token for name, token in fixed.items() if column_kind(name) not in _NEVER_FIXED}
                if before is not None:
                    fixed = {name: token for name, token in before[1].items() if fixed.get(name) == token}
                self._shapes[type_, shape.names] = (shape, fixed)
            self._plan = _Plan(self._library, self._store, self._numpy.days, self._shapes, self._plan)


_END = "\0end"
"""Ending of the output that holds where a payload ends."""


@dataclass(frozen=True)
class _Layout:
    """The columns of a template: (name, dtype, place among those of that dtype), and those that have one value."""

    type: str
    outs: list[tuple[str, str, int]]
    fixed: dict[str, Array]
    payloads: list[str]


@dataclass
class _Scratch:
    """Room for the kernel's output: arrays by dtype for each template, and the address of each column."""

    rows: int
    columns: list[dict[str, Array]]
    addresses: Array


class _Plan:
    """A program for the kernel: immutable, but for the buffers that wait to be used again."""

    def __init__(self, library: Any, store: Store, days: Words, shapes: dict[Any, tuple[Shape, dict[str, str]]], old: _Plan | None) -> None:
        self._library, self._store = library, store
        self._tables: dict[str, tuple[int, Any, Any]] = dict(old._tables) if old is not None else {}
        self._kept: list[Any] = []
        self.layouts: list[_Layout] = []
        self.free: list[_Scratch] = []
        types = store.dictionary("type")
        of_type = np.full(len(types.texts) + 1, -1, dtype=np.int64)
        templates = [
            self._template(type_, shape, fixed, of_type, types.known(type_))
            for (type_, _), (shape, fixed) in shapes.items()
            if not shape.legacy
        ]
        self.program = Program(
            self._table("level", store.dictionary("level"), _level_token), self._table("\0day", days, _day_token),
            self._table("task", store.dictionary("task"), _same), self._table("type", types, _same),
            self._keep((Template * len(templates))(*templates)), self._keep(of_type).ctypes.data_as(ctypes.POINTER(ctypes.c_int64)),
        )  # fmt: skip

    def _keep(self, thing: Any) -> Any:
        self._kept.append(thing)
        return thing

    def _template(self, type_: str, shape: Shape, fixed: dict[str, str], of_type: Array, code: int) -> Template:
        steps, outs, literal = [], [*_HEADER], ""
        for name, column in zip(shape.names, shape.columns, strict=True):
            literal += f" {name}="
            if column in fixed:
                literal += fixed[column]
                continue
            kind = _STEP[column_kind(column)]
            words = self._table(column, self._store.dictionary(column), _same) if kind == WORD else None
            steps.append(self._step(literal, kind, words))
            outs += zip((column, column + _END), _OUTS[kind], strict=False)
            literal = ""
        if literal:
            steps.append(self._step(literal, NOTHING, None))
        out = sum(len(layout.outs) for layout in self.layouts)
        self.layouts.append(self._layout(type_, outs, fixed, code))
        following, of_type[code] = int(of_type[code]), len(self.layouts) - 1
        return Template(self._keep((Step * len(steps))(*steps)), len(steps), out, following)

    def _step(self, literal: str, kind: int, words: Any) -> Step:
        data = self._keep(literal.encode())
        return Step(data, len(data), kind, words)

    def _layout(self, type_: str, outs: list[tuple[str, str]], fixed: dict[str, str], code: int) -> _Layout:
        places: dict[str, int] = {}
        placed = []
        for name, dtype in outs:
            placed.append((name, dtype, places.get(dtype, 0)))
            places[dtype] = placed[-1][2] + 1
        values = {name: self._store.constant(name, token) for name, token in fixed.items()}
        known = {name: value for name, value in values.items() if value is not None}
        known["type"] = np.array(code, dtype=np.int32)
        return _Layout(type_, placed, known, [name.removesuffix(_END) for name, _ in outs if name.endswith(_END)])

    def _table(self, name: str, words: Words, token: Any) -> Any:
        """The texts of a column for the kernel, the table of the plan before where there is no new one."""
        count = min(len(words.texts), _MOST_WORDS)
        known = self._tables.get(name)
        if known is None or known[0] != count:
            known = self._tables[name] = (count, *self._new_table(name, words, token, count))
        return ctypes.pointer(known[1])

    def _new_table(self, name: str, words: Words, token: Any, count: int) -> tuple[Table, Any]:
        slots = 1 << max(4, (2 * count + 1).bit_length())
        entries = np.zeros(slots * ENTRY_BYTES // 8, dtype=np.int64)
        table = Table(entries.ctypes.data, slots - 1, secrets.randbits(64))
        tokens = []
        for code, text in enumerate(words.texts[:count]):
            found = token(text)
            if found is not None:
                data = found.encode()
                tokens.append(data)
                value = int(text) if name == "\0day" else -1 if name == "task" and text == "-" else code
                self._library.put_word(table, data, len(data), value)
        return table, (entries, tokens)

    def scratch(self, rows: int) -> _Scratch:
        """A buffer for that many rows, one that was used before if possible."""
        while self.free:
            try:
                found = self.free.pop()
            except IndexError:  # another thread was faster
                break
            if found.rows >= rows:
                return found
        return self._new_scratch(rows + rows // 8)

    def _new_scratch(self, rows: int) -> _Scratch:
        columns, addresses = [], []
        for layout in self.layouts:
            counts: dict[str, int] = {}
            for _, dtype, place in layout.outs:
                counts[dtype] = place + 1
            arrays = {dtype: np.empty((count, rows), dtype=dtype) for dtype, count in counts.items()}
            columns.append(arrays)
            addresses += [arrays[dtype][place].ctypes.data for _, dtype, place in layout.outs]
        return _Scratch(rows, columns, np.array(addresses, dtype=np.uintp))


def _same(text: str) -> str | None:
    return text if is_bare(text) else None


def _level_token(text: str) -> str | None:
    return f"[{text}]" if text in LEVELS else None


def _day_token(text: str) -> str | None:
    return date.fromordinal(int(text) // DAY_MS + EPOCH).isoformat()
