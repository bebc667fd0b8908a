"""Reads blocks with the compiled kernel, as far as lines have shapes that are known.

The numpy reader meets new shapes first: in a few lines spread over the block, then in more of those that are still left. What it found
becomes a template: the fields of a type in their order, what does not change as literals, other values by kind. The kernel reads the lines
that fit a template to the last byte; what it leaves goes to the numpy reader, and what that leaves goes to `lines`, line by line. So
there is nothing that only the kernel reads, and nothing that it has to read.
"""

from __future__ import annotations

import threading
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tau2_logging.analysis.reader.column_store import Store
from tau2_logging.analysis.reader.fastread import Chunk, FastReader, Parsed
from tau2_logging.analysis.reader.plan import END, MOST_ROWS, MOST_SHAPES, Layout, Plan, constant
from tau2_logging.analysis.reader.shapes import Shape
from tau2_logging.analysis.reader.swar import PAD, Text

Array = NDArray[Any]

_FIRST_SAMPLE, _GROWTH = 64, 8


class CompiledReader:
    """Parses blocks for one store, with the contract of `FastReader`. May be used from several threads."""

    def __init__(self, library: Any, store: Store) -> None:
        self._library, self._store = library, store
        self._numpy = FastReader(store)
        self._shapes: dict[tuple[str, tuple[str, ...]], tuple[Shape, dict[str, str]]] = {}
        self._plan: Plan | None = None
        self._has_read = False
        self._first, self._lock = threading.Lock(), threading.Lock()

    def parse(self, text: Text) -> Parsed:
        """Return the typed columns of a block's whole lines. Nothing of the result refers to the block."""
        if not self._has_read:
            with self._first:  # the other threads wait for what the first block teaches
                if not self._has_read:
                    return self._parse(text)
        return self._parse(text)

    def _parse(self, text: Text) -> Parsed:
        result = self._lines(text)
        left, sample, plan = np.arange(result.lines), _FIRST_SAMPLE, None
        if self._plan is None and self._has_read:  # nothing of the blocks before could be made a template of: the older runner's log
            sample = max(1, result.lines)
        while len(left):
            if self._plan is not plan:
                plan = self._plan
                left = self._known(text, result, left, plan)
                sample = len(left) if len(left) == result.lines else sample
            chosen = np.zeros(len(left), dtype=bool)
            chosen[:: max(1, len(left) // sample)] = True
            if chosen.any():
                found = self._with_numpy(text, result, left[chosen])
                sample = sample * _GROWTH if self._learn(found) else len(left)
            left = left[~chosen]
        self._has_read = True
        return result

    def _lines(self, text: Text) -> Parsed:
        room = text.size // 100 + 64
        while True:
            starts, ends = np.empty(room, dtype=np.int64), np.empty(room, dtype=np.int64)
            count = self._library.find_lines(text.address, PAD, PAD + text.size, starts.ctypes.data, ends.ctypes.data, room)
            if count <= room:
                return Parsed(lines=count, starts=starts[:count], ends=ends[:count])
            room = count

    def _known(self, text: Text, result: Parsed, lines: Array, plan: Plan | None) -> Array:
        """Read the lines that fit a template; the others."""
        if plan is None:
            return lines
        parts = [self._read(text, result, lines[begin : begin + MOST_ROWS], plan) for begin in range(0, len(lines), MOST_ROWS)]
        return np.concatenate(parts)

    def _read(self, text: Text, result: Parsed, lines: Array, plan: Plan) -> Array:
        room = plan.take_room()
        counts = np.zeros(len(plan.layouts), dtype=np.int64)
        left = np.empty(len(lines), dtype=np.int64)
        more = self._library.read_lines(
            text.address, result.starts.ctypes.data, result.ends.ctypes.data, lines.ctypes.data, len(lines), plan.program,
            room.addresses.ctypes.data, counts.ctypes.data, left.ctypes.data,
        )  # fmt: skip
        for layout, columns, count in zip(plan.layouts, room.columns, counts.tolist(), strict=True):
            if count:
                self._take(text, result, layout, columns, count)
        plan.give_back(room)
        return left[:more]

    def _take(self, text: Text, result: Parsed, layout: Layout, columns: dict[str, Array], count: int) -> None:
        """What the kernel has written for a template, as a chunk of its own."""
        kept = {dtype: array[:, :count].copy() for dtype, array in columns.items()}
        chunk: Chunk = {name: kept[dtype][place] for name, dtype, place in layout.outs}
        for name, value in layout.fixed.items():
            chunk[name] = np.broadcast_to(value, count)
        for name in layout.payloads:
            chunk[name], bad = self._numpy.payload(text, chunk[name], chunk.pop(name + END))
            if bad.any():
                result.slow.append(chunk["row"][bad])
                chunk = {name: array[~bad] for name, array in chunk.items()}
        if len(chunk["row"]):
            result.chunks.append((layout.type, chunk))

    def _with_numpy(self, text: Text, result: Parsed, lines: Array) -> Parsed:
        """Read some lines of the block as a block of their own."""
        found = self._numpy.parse(text if len(lines) == result.lines else _copied(text, result, lines))
        for type_, chunk in found.chunks:
            chunk["row"] = lines[chunk["row"]]
            result.chunks.append((type_, chunk))
        result.slow.extend(lines[index] for index in found.slow)
        return found

    def _learn(self, found: Parsed) -> bool:
        """Take over the shapes and words that numpy found, and whether there were new ones. A value is fixed until a line has another."""
        with self._lock:
            before = dict(self._shapes)
            for type_, shape, fixed in found.shapes:
                key = (type_, shape.names)
                known = self._shapes.get(key)
                if known is None and (shape.legacy or len(self._shapes) >= MOST_SHAPES):
                    continue
                usable = known[1] if known else {name: token for name, token in fixed.items() if self._can_be_fixed(name, token)}
                self._shapes[key] = shape, {name: token for name, token in usable.items() if fixed.get(name) == token}
            if before == self._shapes and (self._plan is None or self._plan.is_current):
                return False
            self._plan = Plan(self._library, self._store, self._numpy.days, self._shapes, self._plan)
            return True

    def _can_be_fixed(self, column: str, token: str) -> bool:
        return constant(self._store, column, token) is not None


def _copied(text: Text, parsed: Parsed, lines: Array) -> Text:
    places = zip(parsed.starts[lines].tolist(), parsed.ends[lines].tolist(), strict=True)
    data = b"".join([text.get(begin, end + 1) for begin, end in places])
    copy = Text(len(data))
    copy.room()[: len(data)] = data
    copy.fill(len(data))
    return copy
