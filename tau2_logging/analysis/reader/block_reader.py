"""A block of lines into typed columns, with polars.

One writer writes lines of one type in few shapes: the same fields in the same order. So a block's lines are split at their spaces and
grouped by type and number of tokens, and each group is read shape by shape: its first line says which fields the others should have, and
each value must match the pattern of its column, which lets through what polars and `events.decode` read alike, within the column's limits.
What does not fit is left to `lines`, line by line: unusual numbers, literals with escapes, older dialects, damage.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from operator import and_
from typing import Any

import numpy as np
import polars as pl

from tau2_logging.analysis.store.column_types import column_kind, dtype_of, limits, own_column
from tau2_logging.events import LEVELS

FEW = 32
"""Fewer lines of a type than this in a block are left: polars' calls cost more than they do."""

_MOST_SHAPES = 24
"""For each type of event and number of tokens in a block."""

_SPACE = "\x1f"
"""Stands for a space within quotes while a line is split at its spaces."""

_ROW, _TOKENS, _LENGTH, _COUNT, _CLOCK = "row", ":tokens", ":length", ":count", ":clock"
_LITERAL = re.compile(r'"(?:[^"\\]|\\.)*"')
_START = re.compile(r'([A-Za-z_][A-Za-z0-9_.]*)="?')

_HEADER = {"level": "[", "time": "", _CLOCK: "", "task": "task=", "thread": "thread=", "type": "type="}
"""Columns of the tokens that every line starts with, and the text before each value. `time` is the day alone at first."""

_BARE, _QUOTED = r'[^\s\x00-\x1f"=\\]+', r'[^"\\\x00-\x1e]*"'
_PATTERNS = {
    "level": rf"(?:{'|'.join(LEVELS)})\]",
    "time": "(?:19[7-9][0-9]|20[0-9]{2}|21[0-9]{2})-[0-9]{2}-[0-9]{2}",
    _CLOCK: r"(?:[01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9]\.[0-9]{3}",
}


@dataclass(frozen=True)
class Parsed:
    """The number of lines of a block, the typed columns of most of them by type, and index and text of the lines that are left."""

    lines: int = 0
    tables: list[tuple[str, pl.DataFrame]] = field(default_factory=list)
    left: list[tuple[int, bytes]] = field(default_factory=list)


def parse(block: bytes, first_row: int) -> Parsed:
    """Return the events of a block of whole lines. `first_row`: the row of its first line; the others follow."""
    lines = (block.replace(b"\r\n", b"\n") if b"\r" in block else block).split(b"\n")[:-1]
    if not lines:
        return Parsed()
    left, tables = np.ones(len(lines), dtype=bool), []
    groups = _groups(lines)
    for type_, count in list(groups):
        for table in _tables(groups.pop((type_, count))):
            left[table[_ROW].to_numpy()] = False
            tables.append((type_.removeprefix("type="), table.with_columns(pl.col(_ROW) + first_row)))
    return Parsed(len(lines), tables, [(index, lines[index]) for index in np.flatnonzero(left).tolist()])


def _groups(lines: Sequence[bytes]) -> dict[tuple[Any, ...], pl.DataFrame]:
    """Return the tokens of lines that may be events, by type and number. Backslashes, which fit no pattern, show what is no UTF-8."""
    texts = (line.decode("utf-8", "backslashreplace") for line in lines)
    protected = pl.Series([_LITERAL.sub(_protect, text) if '"' in text else text for text in texts])
    table = pl.DataFrame({_TOKENS: protected.str.split(" "), _LENGTH: protected.str.len_bytes()}).with_row_index(_ROW)
    tokens = pl.col(_TOKENS).list
    type_ = tokens.get(list(_HEADER).index("type"), null_on_oob=True)
    table = table.with_columns(pl.col(_ROW).cast(pl.Int64), type_.alias("type"), tokens.len().alias(_COUNT))
    return dict(table.filter(pl.col("type").str.starts_with("type=")).partition_by("type", _COUNT, as_dict=True, include_key=False))


def _protect(literal: re.Match[str]) -> str:
    return literal[0].replace(_SPACE, "\0").replace(" ", _SPACE)


def _tables(group: pl.DataFrame) -> Iterator[pl.DataFrame]:
    """Yield the typed columns of lines with one type and number of tokens, shape by shape."""
    for _ in range(_MOST_SHAPES):
        if len(group) < FEW:
            return
        shape = _shape_of(group[_TOKENS][0].to_list())
        if shape is None:
            group = group[1:]
            continue
        table, fits = shape.typed(group)
        if fits.all():
            yield table
            return
        if fits.any():
            yield table.filter(fits)
        group = group.filter(~fits)[0 if fits[0] else 1 :]


def _shape_of(tokens: Sequence[str]) -> Shape | None:
    starts = [_START.match(token) for token in tokens[len(_HEADER) :]]
    return None if None in starts else _shape(tuple(start[0] for start in starts if start))


@lru_cache(maxsize=4096)
def _shape(starts: tuple[str, ...]) -> Shape | None:
    """Return the shape of lines whose tokens start with `name=` or `name="`; None if a name occurs twice, if what is in quotes should be
    a number or the like, or if the line is one of the older runner's.
    """
    columns = {own_column(start.rstrip('="')): start for start in starts}
    quoted = [name for name, start in columns.items() if start.endswith('"')]
    if "run" not in columns or len(columns) < len(starts) or any(column_kind(name) not in ("text", "payload") for name in quoted):
        return None
    return Shape({**_HEADER, **columns})


class Shape:
    """The fields of lines of one writer, in their order: the columns, and what is before each value."""

    def __init__(self, starts: dict[str, str]) -> None:
        self._columns = list(starts)
        # strip_prefix copies: text that is a slice would keep its whole block in memory
        values = [pl.col(name).str.strip_prefix(start) for name, start in starts.items()]
        length = pl.sum_horizontal(pl.col(name).str.len_bytes() for name in starts) + sum(map(len, starts.values())) + len(starts) - 1
        fits = [pl.col(name).str.contains(f"^(?:{_pattern(name, start)})$") for name, start in starts.items()]
        self._values = [_ROW, _LENGTH, *values]
        self._fits = [(pl.col(_LENGTH) == length).alias(_LENGTH), *fits]  # a start that is another was not stripped
        self._typed = [_ROW, *(_typed(name, start) for name, start in starts.items() if name != _CLOCK)]

    def typed(self, group: pl.DataFrame) -> tuple[pl.DataFrame, pl.Series]:
        """Return the typed columns of lines, and whether each line has this shape and values that fit."""
        cells = group[_TOKENS].list.to_struct(fields=self._columns).struct.unnest().with_columns(group[_ROW, _LENGTH])
        values = cells.select(self._values)
        typed = values.select(self._typed)
        return typed, values.select(self._fits).fold(and_) & typed["time"].is_not_null()


def _pattern(column: str, start: str) -> str:
    if column in _PATTERNS:
        return _PATTERNS[column]
    kind = column_kind(column)
    if kind in ("int", "float"):
        bounds = limits(column)
        more_digits = 17 if bounds is None else len(f"{bounds[1]:.0f}") - 2
        return rf"(?:0|[1-9][0-9]{{0,{more_digits}}})" + (r"(?:\.[0-9]+)?" if kind == "float" else "")
    return "true|false" if kind == "bool" else _QUOTED if start.endswith('"') else _BARE


def _typed(column: str, start: str) -> pl.Expr:
    value, kind = pl.col(column), column_kind(column)
    if kind == "time":
        return value.str.to_date("%Y-%m-%d", strict=False).dt.combine(pl.col(_CLOCK).str.to_time("%H:%M:%S%.3f", strict=False), "ms")
    if kind == "bool":
        return value == "true"
    if kind in ("int", "float"):
        return value.cast(dtype_of(column), strict=False)
    if column == "level":
        value = value.str.strip_suffix("]")
    if column == "task":
        value = value.replace("-", None)
    if start.endswith('"'):
        value = value.str.strip_suffix('"').str.replace_all(_SPACE, " ", literal=True)
    return value.cast(dtype_of(column))
