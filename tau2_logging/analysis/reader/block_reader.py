"""A block of lines into typed columns, with polars.

One writer writes lines of one type in few shapes: the same fields in the same order. So a block's lines are split at their spaces and
grouped by type and number of tokens, and each group is read shape by shape: the names of its first line are what the others should have,
and each value must match the pattern of its column. A token that is the same in all lines of a group is checked and converted once. What
does not fit is left to `lines`, line by line: unusual numbers, literals with escapes, older dialects, damage.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from tau2_logging.analysis.reader.tokens import CLOCK, HEADER, SPACE, Shape, Token, constant, expressions, shape_of, varying

FEW = 64
"""Fewer lines of a type than this in a block are left: polars' calls cost more than they do."""

_MOST_SHAPES = 24
"""For each type of event and number of tokens in a block."""

_ROW, _TOKENS, _COUNT, _TYPE = "row", ":tokens", ":count", ":type"
_LITERAL = re.compile(r'"(?:[^"\\]|\\.)*"')
_FIRST, _LAST = (np.frombuffer(clock, dtype=np.uint8) for clock in (b"00:00:00.000", b"29:59:59.999"))
_DIGIT_MS = np.array([36_000_000, 3_600_000, 0, 600_000, 60_000, 0, 10_000, 1_000, 0, 100, 10, 1], dtype=np.float64)
_DAY_MS = 86_400_000


@dataclass(frozen=True)
class Parsed:
    """The number of lines of a block, the typed columns of most of them by type, and index and text of the lines that are left."""

    lines: int = 0
    tables: list[tuple[str, pl.DataFrame]] = field(default_factory=list)
    left: list[tuple[int, bytes]] = field(default_factory=list)


class BlockReader:
    """Parses blocks. Remembers which tokens have differed between lines: these are not compared again."""

    def __init__(self) -> None:
        self._varying: dict[Shape, set[Token]] = {}

    def parse(self, block: bytes, first_row: int) -> Parsed:
        """Return the events of a block of whole lines. `first_row`: the row of its first line; the others follow."""
        if not block:
            return Parsed()
        groups, count = _groups(_lines(block))
        left = np.ones(count, dtype=bool)
        tables = []
        for type_, number in list(groups):
            for table in self._tables(groups.pop((type_, number))):
                left[table[_ROW].to_numpy()] = False
                tables.append((str(type_).removeprefix("type="), table.with_columns(pl.col(_ROW) + first_row)))
        return Parsed(count, tables, _texts(block, np.flatnonzero(left)))

    def _tables(self, group: pl.DataFrame) -> Iterator[pl.DataFrame]:
        """Yield the typed columns of lines with one type and number of tokens, shape by shape."""
        for _ in range(_MOST_SHAPES):
            if len(group) < FEW:
                return
            shape = shape_of(group[_TOKENS][0].to_list())
            if shape is None:
                group = group[1:]
                continue
            table, fits = self._table(group, shape)
            if not table.is_empty():
                yield table
            if fits.all():
                return
            group = group.filter(~fits)[0 if fits[0] else 1 :]

    def _table(self, group: pl.DataFrame, shape: Shape) -> tuple[pl.DataFrame, NDArray[np.bool_]]:
        """Return the typed columns of the lines that have this shape and values that fit, and which lines these are."""
        cells = group[_TOKENS].list.to_struct(fields=[token.column for token in shape]).struct.unnest()
        cells = cells.with_columns(group[_ROW, CLOCK])
        shape = tuple(token for token in shape if token.column != CLOCK)
        fixed = self._fixed(cells, shape)
        differing = tuple(token for token in shape if token not in fixed)
        made = expressions(differing)
        values = cells.select(_ROW, CLOCK, *made.values)
        typed = values.select(_ROW, *(fixed[token] if token in fixed else varying(token) for token in shape))
        stripped = [before - after for before, after in zip(_row(cells, made.bytes), _row(values, made.bytes), strict=True)]
        all_named = stripped == [len(cells) * len(token.start) for token in differing]
        if all_named and all(_row(values, made.all_fit)) and not typed["time"].null_count():
            return typed, np.ones(len(typed), dtype=bool)
        named, fit = (table.select(pl.all_horizontal(checks)).to_series() for table, checks in ((cells, made.named), (values, made.fit)))
        good = named & fit & typed["time"].is_not_null()
        return typed.filter(good), good.to_numpy()

    def _fixed(self, cells: pl.DataFrame, shape: Shape) -> dict[Token, pl.Expr]:
        """Return the columns of the tokens that are the same in all lines and fit."""
        differing = self._varying.setdefault(shape, {token for token in shape if token.kind in ("float", "id", "payload")})
        tokens = [token for token in shape if token not in differing]
        if not tokens:
            return {}
        columns = pl.col([token.column for token in tokens])
        texts, same = cells.select(columns).row(0), cells.select((columns == columns.first()).all()).row(0)
        found = {}
        for token, text, is_same in zip(tokens, texts, same, strict=True):
            column = constant(token, text) if is_same else None
            if column is None:
                differing.add(token)
            else:
                found[token] = column
        return found


def _row(table: pl.DataFrame, sums: list[pl.Expr]) -> tuple[Any, ...]:
    return table.select(sums).row(0) if sums else ()


def _lines(block: bytes) -> pl.Series:
    """Return the lines, with spaces between tokens only. What is no UTF-8, or `SPACE` already, becomes NUL, which fits no pattern."""
    if SPACE.encode() in block:
        block = block.replace(SPACE.encode(), b"\0")
    if not block.isascii():
        block = block.decode("utf-8", "replace").replace("\ufffd", "\0").encode()
    lines = pl.read_csv(block, separator=SPACE, has_header=False, schema={"line": pl.String}, quote_char=None)["line"]
    quoted = lines.str.contains('"', literal=True).arg_true()
    return lines.scatter(quoted, [_LITERAL.sub(lambda literal: literal[0].replace(" ", SPACE), line) for line in lines.gather(quoted)])


def _groups(lines: pl.Series) -> tuple[dict[tuple[object, ...], pl.DataFrame], int]:
    """Return tokens and time of the day of the lines that may be events, by type and number of tokens, and how many lines there are."""
    table = pl.DataFrame({_TOKENS: lines.str.split(" ")}).with_row_index(_ROW)
    names = {token.column: place for place, token in enumerate(HEADER)}
    tokens = pl.col(_TOKENS).list
    clock, type_ = (tokens.get(names[name], null_on_oob=True).alias(alias) for name, alias in ((CLOCK, CLOCK), ("type", _TYPE)))
    table = table.with_columns(pl.col(_ROW).cast(pl.Int64), tokens.len().alias(_COUNT), clock, type_)
    table = table.filter(pl.col(_COUNT) > len(HEADER), pl.col(CLOCK).str.len_bytes() == len(_DIGIT_MS))
    table = table.with_columns(_clock_ms(table[CLOCK])).filter(pl.col(CLOCK) >= 0)
    return table.partition_by(_TYPE, _COUNT, as_dict=True, include_key=False), len(lines)


def _clock_ms(clock: pl.Series) -> pl.Series:
    """Return milliseconds since midnight of texts of twelve bytes; -1 for one that is not like 17:45:01.123."""
    letters = np.frombuffer(clock.str.join("").item().encode(), dtype=np.uint8).reshape(-1, len(_DIGIT_MS))
    ms = ((letters - _FIRST).astype(np.float64) @ _DIGIT_MS).astype(np.int64)
    good = ((letters >= _FIRST) & (letters <= _LAST)).all(axis=1) & (ms < _DAY_MS)
    return pl.Series(clock.name, np.where(good, ms, -1))


def _texts(block: bytes, indexes: NDArray[np.intp]) -> list[tuple[int, bytes]]:
    """Return some lines of a block with their indexes."""
    if not len(indexes):
        return []
    ends = np.flatnonzero(np.frombuffer(block, dtype=np.uint8) == ord("\n"))
    starts = np.concatenate([[0], ends + 1])
    return [(index, block[starts[index] : ends[index]]) for index in indexes.tolist()]
