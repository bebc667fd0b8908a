"""A block of lines into typed columns, many lines at a time. What this cannot take as it is is left to `lines`, line by line."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tau2_logging.analysis.reader.column_store import Store
from tau2_logging.analysis.reader.column_types import column_kind, fit
from tau2_logging.analysis.reader.shapes import Group, Shape, groups
from tau2_logging.analysis.reader.swar import PAD, Text, clock_ms, fixed, short_ids, truth, whole
from tau2_logging.analysis.reader.words import Words, is_bare, literal
from tau2_logging.errors import CodecError
from tau2_logging.events import LEVELS, level_name
from tau2_logging.events.fields import field_type
from tau2_logging.events.logfmt import decode_value, encode_value

Array = NDArray[Any]
Chunk = dict[str, Array]

_HEADER_TOKENS = 6
_MOST_FIELDS = 127
DAY_MS = 86_400_000
_DAY = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
EPOCH = date(1970, 1, 1).toordinal()


@dataclass
class Parsed:
    """`chunks`: (type, columns with `row` set to the line's index in the block); `slow`: indexes of lines left; `ends`: their newlines.
    `shapes`: of the groups of lines, the type, the shape and the tokens of the columns that do not change.
    """

    chunks: list[tuple[str, Chunk]] = field(default_factory=list)
    slow: list[Array] = field(default_factory=list)
    shapes: list[tuple[str, Shape, dict[str, str]]] = field(default_factory=list)
    lines: int = 0
    starts: Array = field(default_factory=lambda: np.empty(0, dtype=np.intp))
    ends: Array = field(default_factory=lambda: np.empty(0, dtype=np.intp))


@dataclass
class _Part:
    """A group of lines on its way to a chunk; `bad`: for some columns, which lines they could not read."""

    type: str
    group: Group
    chunk: Chunk
    bad: list[Array] = field(default_factory=list)


class FastReader:
    """Parses blocks for one store. Holds the dictionaries of what is in headers; may be used from several threads."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self.days = Words()
        self._varying: set[tuple[str, str]] = set()
        self._floats: dict[str, Words] = {}

    def parse(self, text: Text) -> Parsed:
        """Return the typed columns of a block's whole lines. Nothing of the result refers to the block."""
        breaks = np.flatnonzero(text.bytes[PAD : PAD + text.size] <= 32)  # control characters too: what has one fits no shape
        breaks += PAD
        if text.find(b'"', text.size) >= 0:
            breaks = _outside_quotes(text, breaks)
        is_newline = text.bytes[breaks] == 10
        newlines = breaks[is_newline]
        result = Parsed(lines=len(newlines), ends=newlines)
        if not len(newlines):
            return result
        result.starts = np.concatenate([[PAD], newlines[:-1] + 1])
        spaces = breaks[~is_newline]
        until = np.flatnonzero(is_newline) - np.arange(len(newlines))
        first = np.concatenate([[0], until[:-1]])
        header = self._headers(text, result, spaces, first, until - first)
        self._by_type(text, result, spaces, first, header)
        return result

    def _headers(self, text: Text, result: Parsed, spaces: Array, first: Array, count: Array) -> Chunk:
        """Return the columns that every event has, for the lines that start like one; the others go to `slow`."""
        usual = (count >= _HEADER_TOKENS - 1) & (count < _HEADER_TOKENS + _MOST_FIELDS)
        lines = np.flatnonzero(usual)
        result.slow.append(np.flatnonzero(~usual))
        place = first[lines]
        ends = [spaces[place + index] for index in range(_HEADER_TOKENS - 1)]
        more = count[lines] >= _HEADER_TOKENS
        last = np.where(more, spaces[np.minimum(place + _HEADER_TOKENS - 1, len(spaces) - 1)], result.ends[lines])
        columns, bad = self._header_columns(text, result.starts[lines], [*ends, last])
        columns["row"], columns["fields"], columns["type_end"] = lines, count[lines] - (_HEADER_TOKENS - 1), last
        if bad.any():
            result.slow.append(lines[bad])
            return {name: array[~bad] for name, array in columns.items()}
        return columns

    def _header_columns(self, text: Text, starts: Array, ends: list[Array]) -> tuple[Chunk, Array]:
        level = self._words("level").find(text, starts, ends[0], _level)
        days = self.days.find(text, ends[0] + 1, ends[1], _day)
        clock, bad = clock_ms(text, ends[1] + 1)
        task = self._words("task").find(text, ends[2] + 6, ends[3], _same)
        thread, thread_bad = whole(text, ends[3] + 8, ends[4])
        type_ = self._words("type").find(text, ends[4] + 6, ends[5], _same)
        bad |= thread_bad | (ends[2] - ends[1] != 13) | (level < 0) | (days < 0) | (task < 0) | (type_ < 0)
        for end, wanted in ((ends[0], b" "), (ends[1], b" "), (ends[2], b" task="), (ends[3], b" thread="), (ends[4], b" type=")):
            bad |= ~text.stands(end, wanted)
        day_ms = np.array([*(int(day) for day in self.days.texts), 0], dtype=np.int64)[np.maximum(days, -1)]
        return {"level": level, "time": day_ms + clock, "task": self._no_task(task), "thread": thread, "type": type_}, bad

    def _no_task(self, task: Array) -> Array:
        return np.where(task == self._words("task").known("-"), np.int32(-1), task)

    def _words(self, column: str) -> Words:
        return self._store.dictionary(column)

    def _by_type(self, text: Text, result: Parsed, spaces: Array, first: Array, header: Chunk) -> None:
        keys = header["type"].astype(np.int64) * (_MOST_FIELDS + 1) + header["fields"]
        order = np.argsort(keys.astype(np.uint16) if keys.max(initial=0) < 65536 else keys, kind="stable")  # 16 bits: radix sort
        header = {name: array[order] for name, array in header.items()}
        bounds = (np.flatnonzero(np.diff(keys[order])) + 1).tolist()
        parts: list[_Part] = []
        for begin, end in zip([0, *bounds], [*bounds, len(order)], strict=True):
            if end > begin:
                parts.extend(self._one_type(text, result, spaces, first, {name: array[begin:end] for name, array in header.items()}))
        self._columns(text, parts)
        for part in parts:
            self._finish(result, part)

    def _one_type(self, text: Text, result: Parsed, spaces: Array, first: Array, header: Chunk) -> Iterator[_Part]:
        lines, count = header["row"], int(header["fields"][0])
        type_ = self._words("type").texts[int(header["type"][0])]
        chunk = {name: array for name, array in header.items() if name not in ("fields", "type_end")}
        if not count:
            result.chunks.append((type_, chunk))
            return
        ends = np.empty((count + 1, len(lines)), dtype=np.intp)
        ends[0], ends[count] = header["type_end"], result.ends[lines]
        ends[1:count] = spaces[np.arange(_HEADER_TOKENS, _HEADER_TOKENS + count - 1)[:, None] + first[lines]]
        for found in groups(text, type_, ends, self._varying):
            if not isinstance(found, Group):
                result.slow.append(lines[found])
                continue
            result.shapes.append((type_, found.shape, found.fixed))
            if len(found.members) == len(lines):
                yield _Part(type_, found, chunk)
            else:
                yield _Part(type_, found, {name: array[found.members] for name, array in chunk.items()})

    def _columns(self, text: Text, parts: list[_Part]) -> None:
        """Read each column for all types of event at once: there are many small groups, and a call of numpy has its price."""
        places: dict[tuple[str, bool], list[_Part]] = {}
        for part in parts:
            for column in part.group.values:
                places.setdefault((column, part.group.shape.legacy), []).append(part)
            for column, token in part.group.fixed.items():
                self._fixed_column(part, column, token)
        for (column, legacy), users in places.items():
            start = np.concatenate([part.group.values[column][0] for part in users])
            end = np.concatenate([part.group.values[column][1] for part in users])
            values, bad = self._column(text, column, start, end, legacy)
            any_bad, begin = bool(bad.any()), 0
            for part in users:
                stop = begin + len(part.group.members)
                part.chunk[column] = values[begin:stop]
                if any_bad:
                    part.bad.append(bad[begin:stop])
                begin = stop

    def _fixed_column(self, part: _Part, column: str, token: str) -> None:
        """A column with one value: an array that takes the room of that value."""
        length = len(part.group.members)
        value = self._store.constant(column, _legacy_token(token) if part.group.shape.legacy else token)
        if value is None:
            part.bad.append(np.ones(length, dtype=bool))
        else:
            part.chunk[column] = np.broadcast_to(value, length)

    def _finish(self, result: Parsed, part: _Part) -> None:
        chunk = part.chunk
        if part.group.shape.legacy:
            chunk["task"] = np.where(chunk["task"] == self._words("task").known("global"), np.int32(-1), chunk["task"])
        bad = np.logical_or.reduce(part.bad) if part.bad else np.zeros(1, dtype=bool)
        if bad.any():
            result.slow.append(chunk["row"][bad])
            chunk = {name: array[~bad] for name, array in chunk.items()}
        if len(chunk["row"]):
            result.chunks.append((part.type, chunk))

    def _column(self, text: Text, column: str, start: Array, end: Array, legacy: bool) -> tuple[Array, Array]:
        kind = column_kind(column)
        if kind == "float":
            return self._float(text, column, start, end)
        if kind == "int":
            return whole(text, start, end)
        if kind == "bool":
            return truth(text, start, end, _spelling(text, start) if legacy else (b"true", b"false"))
        if kind == "id":
            return short_ids(text, start, end)
        if kind == "payload":
            return self.payload(text, start, end)
        codes = self._words(column).find(text, start, end, _text if kind == "text" else _legacy_token if legacy else _same)
        return codes, codes < 0

    def payload(self, text: Text, start: Array, end: Array) -> tuple[Array, Array]:
        """Texts that differ each time are read one by one; those with a backslash go the slow way."""
        found = [_payload_text(text.get(begin, stop)) for begin, stop in zip(start.tolist(), end.tolist(), strict=True)]
        numbers = [-1 if one is None else self._store.texts.add(one) for one in found]
        return np.array(numbers, dtype=np.int64), np.array([one is None for one in found])

    def _float(self, text: Text, column: str, start: Array, end: Array) -> tuple[Array, Array]:
        """Times and prices have a fixed number of decimals; other decimals (rewards) are few and found by their text."""
        if field_type(column) != "float" and len(start):
            token = text.get(int(start[0]), int(end[0]))
            decimals = len(token) - token.find(b".") - 1
            if b"." in token and decimals in (2, 3, 6, 9):
                return fixed(text, start, end, decimals)
        words = self._floats.setdefault(column, Words())
        codes = words.find(text, start, end, _float_token)
        values = np.array([*(float(known) for known in words.texts), np.nan], dtype=np.float64)
        return values[np.maximum(codes, -1)], codes < 0


def _spelling(text: Text, start: Array) -> tuple[bytes, bytes]:
    return (b"True", b"False") if text.get(int(start[0]), int(start[0]) + 1) in (b"T", b"F") else (b"true", b"false")


def _same(token: str) -> str | None:
    return token if token[0] != '"' else None


def _text(token: str) -> str | None:
    return token if token[0] != '"' else literal(token)


def _payload_text(data: bytes) -> str | None:
    try:
        token = data.decode("utf-8")
    except UnicodeDecodeError:
        return None
    return token if is_bare(token) else literal(token) if token[:1] == '"' else None


def _outside_quotes(text: Text, breaks: Array) -> Array:
    """Return the breaks that are not inside a literal, where a line's quotes pair up. (Escaped quotes may pair up wrongly; what then is
    between them holds a backslash, which no shape allows, so that such a line goes the slow way.)
    """
    quotes = np.flatnonzero(text.bytes[PAD : PAD + text.size] == 34) + PAD
    line = np.searchsorted(breaks[text.bytes[breaks] == 10], quotes)
    quotes = quotes[np.bincount(line)[line] % 2 == 0]
    depth = np.zeros(len(breaks) + 1, dtype=np.int32)
    np.add.at(depth, np.searchsorted(breaks, quotes[0::2]), 1)
    np.add.at(depth, np.searchsorted(breaks, quotes[1::2]), -1)
    return np.asarray(breaks[np.cumsum(depth)[:-1] == 0])


def _level(token: str) -> str | None:
    if token[0] != "[" or token[-1] != "]":
        return None
    name = token[1:-1]
    if name in LEVELS:
        return name
    return level_name(int(name)) if name.isdecimal() and name.isascii() else None


def _day(token: str) -> str | None:
    """Return the milliseconds of a day since 1970, as text."""
    try:
        return str((date.fromisoformat(token).toordinal() - EPOCH) * DAY_MS) if _DAY.fullmatch(token) else None
    except ValueError:
        return None


def _float_token(token: str) -> str | None:
    try:
        value = fit("float", decode_value(token, "float"))
    except CodecError:
        return None
    return None if value is None else repr(value)


def _legacy_token(token: str) -> str:
    return encode_value(token == "True", None) if token in ("True", "False") else token
