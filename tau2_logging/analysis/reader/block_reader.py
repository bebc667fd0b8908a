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

import numpy as np
import polars as pl
from numpy.typing import NDArray

from tau2_logging.analysis.reader.column_types import column_kind, dtype_of, limits, own_column
from tau2_logging.events import LEVELS

FEW = 32
"""Fewer lines of a type than this in a block are left: polars' calls cost more than they do."""

_MOST_SHAPES = 24
"""For each type of event and number of tokens in a block."""

_SPACE = "\x1f"
"""Stands for a space within quotes while a line is split at its spaces."""

_ROW, _TOKENS, _COUNT, _TYPE, _CLOCK = "row", ":tokens", ":count", ":type", ":clock"
_LITERAL = re.compile(r'"(?:[^"\\]|\\.)*"')
_PAIR = re.compile(r'([A-Za-z_][A-Za-z0-9_.]*=)("?)')
_FIRST, _LAST = (np.frombuffer(clock, dtype=np.uint8) for clock in (b"00:00:00.000", b"29:59:59.999"))
_DIGIT_MS = np.array([36_000_000, 3_600_000, 0, 600_000, 60_000, 0, 10_000, 1_000, 0, 100, 10, 1], dtype=np.float64)
_DAY_MS = 86_400_000

_BARE, _QUOTED, _NOTHING = r'[^\s\x00-\x1f"=\\]+', r'"[^"\\\x00-\x1e]*"', "$."
_LEVEL = rf"(?:{'|'.join(LEVELS)})\]"
_DAY = "(?:19[7-9][0-9]|20[0-9]{2}|21[0-9]{2})-[0-9]{2}-[0-9]{2}"


@dataclass(frozen=True)
class Token:
    """A token of a line, `step=3`: its column, the text before the value, and whether the value is quoted."""

    column: str
    start: str
    quoted: bool = False

    @property
    def kind(self) -> str:
        """How the column is held."""
        return column_kind(self.column)


HEADER = (
    Token("level", "["), Token("time", ""), Token(_CLOCK, ""), Token("task", "task="), Token("thread", "thread="), Token("type", "type=")
)  # fmt: skip
"""What every event starts with. `time` is the day alone; the clock's column holds the time of the day in ms."""

Shape = tuple[Token, ...]
"""The tokens of lines of one writer, in their order."""


@dataclass(frozen=True)
class Parsed:
    """The number of lines of a block, the typed columns of most of them by type, and index and text of the lines that are left."""

    lines: int = 0
    tables: list[tuple[str, pl.DataFrame]] = field(default_factory=list)
    left: list[tuple[int, bytes]] = field(default_factory=list)


def parse(block: bytes, first_row: int) -> Parsed:
    """Return the events of a block of whole lines. `first_row`: the row of its first line; the others follow."""
    if not block:
        return Parsed()
    groups, count = _groups(_lines(block))
    left = np.ones(count, dtype=bool)
    tables = []
    for type_, number in list(groups):
        for table in _tables(groups.pop((type_, number))):
            left[table[_ROW].to_numpy()] = False
            tables.append((str(type_).removeprefix("type="), table.with_columns(pl.col(_ROW) + first_row)))
    return Parsed(count, tables, _texts(block, np.flatnonzero(left)))


def _lines(block: bytes) -> pl.Series:
    """Return the lines, with spaces between tokens only. What is no UTF-8, or `_SPACE` already, becomes NUL, which fits no pattern."""
    if _SPACE.encode() in block:
        block = block.replace(_SPACE.encode(), b"\0")
    if not block.isascii():
        block = block.decode("utf-8", "replace").replace("\ufffd", "\0").encode()
    lines = pl.read_csv(block, separator=_SPACE, has_header=False, schema={"line": pl.String}, quote_char=None)["line"]
    quoted = lines.str.contains('"', literal=True).arg_true()
    return lines.scatter(quoted, [_LITERAL.sub(lambda literal: literal[0].replace(" ", _SPACE), line) for line in lines.gather(quoted)])


def _groups(lines: pl.Series) -> tuple[dict[tuple[object, ...], pl.DataFrame], int]:
    """Return tokens and time of the day of the lines that may be events, by type and number of tokens, and how many lines there are."""
    table = pl.DataFrame({_TOKENS: lines.str.split(" ")}).with_row_index(_ROW)
    tokens, names = pl.col(_TOKENS).list, [token.column for token in HEADER]
    clock, type_ = (tokens.get(names.index(name), null_on_oob=True).alias(alias) for name, alias in ((_CLOCK, _CLOCK), ("type", _TYPE)))
    table = table.with_columns(pl.col(_ROW).cast(pl.Int64), tokens.len().alias(_COUNT), clock, type_)
    table = table.filter(pl.col(_COUNT) > len(HEADER), pl.col(_CLOCK).str.len_bytes() == len(_DIGIT_MS))
    table = table.with_columns(_clock_ms(table[_CLOCK])).filter(pl.col(_CLOCK) >= 0)
    return table.partition_by(_TYPE, _COUNT, as_dict=True, include_key=False), len(lines)


def _clock_ms(clock: pl.Series) -> pl.Series:
    """Return milliseconds since midnight of texts of twelve bytes; -1 for one that is not like 17:45:01.123."""
    letters = np.frombuffer(clock.str.join("").item().encode(), dtype=np.uint8).reshape(-1, len(_DIGIT_MS))
    ms = ((letters - _FIRST).astype(np.float64) @ _DIGIT_MS).astype(np.int64)
    good = ((letters >= _FIRST) & (letters <= _LAST)).all(axis=1) & (ms < _DAY_MS)
    return pl.Series(clock.name, np.where(good, ms, -1))


def _tables(group: pl.DataFrame) -> Iterator[pl.DataFrame]:
    """Yield the typed columns of lines with one type and number of tokens, shape by shape."""
    for _ in range(_MOST_SHAPES):
        if len(group) < FEW:
            return
        shape = shape_of(group[_TOKENS][0].to_list())
        if shape is None:
            group = group[1:]
            continue
        table, fits = _table(group, shape)
        if not table.is_empty():
            yield table
        if fits.all():
            return
        group = group.filter(~fits)[0 if fits[0] else 1 :]


def shape_of(tokens: Sequence[str]) -> Shape | None:
    """Return the shape of a line; None if a part of it is no token, a name occurs twice, or the line is one of the older runner's."""
    pairs = [_PAIR.match(token) for token in tokens[len(HEADER) :]]
    return None if None in pairs else _shape(tuple((pair[1], pair[2]) for pair in pairs if pair))


@lru_cache(maxsize=4096)
def _shape(pairs: tuple[tuple[str, str], ...]) -> Shape | None:
    tokens = tuple(Token(own_column(start[:-1]), start, bool(quote)) for start, quote in pairs)
    columns = {token.column for token in tokens}
    return (*HEADER, *tokens) if "run" in columns and len(columns) == len(tokens) else None


def _table(group: pl.DataFrame, shape: Shape) -> tuple[pl.DataFrame, NDArray[np.bool_]]:
    """Return the typed columns of the lines that have this shape and values that fit, and which lines these are."""
    cells = group[_TOKENS].list.to_struct(fields=[token.column for token in shape]).struct.unnest().with_columns(group[_ROW, _CLOCK])
    made = [_expressions(token) for token in shape if token.column != _CLOCK]
    values = cells.select(_ROW, _CLOCK, *(one.value for one in made))
    typed = values.select(_ROW, *(one.typed for one in made))
    all_named = [one.all_named for one in made]
    texts, others = ([one.all_fit for one in made if one.is_text is is_text] for is_text in (True, False))
    if _all_true(cells, all_named) and _all_true(values, others) and _all_true(typed, texts) and not typed["time"].null_count():
        return typed, np.ones(len(typed), dtype=bool)
    good = typed["time"].is_not_null()
    for table, of in ((cells, [one.named for one in made]), (values, [one.fits for one in made])):
        good &= table.select(pl.all_horizontal(pl.col(_ROW).is_not_null(), *of)).to_series()
    return typed.filter(good), good.to_numpy()


def _all_true(table: pl.DataFrame, checks: list[pl.Expr]) -> bool:
    return not checks or all(table.select(checks).row(0))


@dataclass(frozen=True)
class _Expressions:
    """Of a column of tokens: whether their names are right, and the values. Of one of values: whether each fits, whether all do, and what
    they mean. Of text of few values the column of meanings is asked whether all fit.
    """

    named: pl.Expr
    all_named: pl.Expr
    value: pl.Expr
    fits: pl.Expr
    all_fit: pl.Expr
    is_text: bool
    typed: pl.Expr


@lru_cache(maxsize=4096)
def _expressions(token: Token) -> _Expressions:
    """Return the expressions of a token.

    A value is a copy (`strip_prefix` makes one): text that is a slice would keep its whole block in memory.
    """
    text, pattern = pl.col(token.column), _pattern(token)
    is_text = token.kind in ("text", "token") and not token.quoted and token.column != "level"
    return _Expressions(
        named=text.str.starts_with(token.start),
        all_named=text.str.starts_with(token.start).all(),
        value=text.str.strip_prefix(token.start),
        fits=_matches(text, pattern),
        all_fit=_matches(text.unique().cast(pl.String) if is_text else text, pattern).all(),
        is_text=is_text,
        typed=_typed(token, text),
    )


def _matches(text: pl.Expr, pattern: str) -> pl.Expr:
    return text.str.contains(f"^(?:{pattern})$")


def _pattern(token: Token) -> str:
    if token.column == "level":
        return _LEVEL
    kind = token.kind
    if kind in ("text", "payload"):
        return _QUOTED if token.quoted else _BARE
    if token.quoted:
        return _NOTHING
    if kind in ("int", "float"):
        bounds = limits(token.column)
        more_digits = 17 if bounds is None else len(f"{bounds[1]:.0f}") - 2
        return rf"(?:0|[1-9][0-9]{{0,{more_digits}}})" + (r"(?:\.[0-9]+)?" if kind == "float" else "")
    return {"bool": "true|false", "time": _DAY}.get(kind, _BARE)


def _typed(token: Token, value: pl.Expr) -> pl.Expr:
    kind = token.kind
    if kind == "time":
        return (value.str.to_date("%Y-%m-%d", strict=False).cast(pl.Int64) * _DAY_MS + pl.col(_CLOCK)).cast(pl.Datetime("ms")).alias("time")
    if kind == "bool":
        return value == "true"
    if kind in ("int", "float"):
        return value.cast(dtype_of(token.column), strict=False)
    if token.column == "level":
        value = value.str.strip_suffix("]")
    if token.column == "task":
        value = value.replace("-", None)
    if token.quoted:
        value = value.str.strip_chars('"').str.replace_all(_SPACE, " ", literal=True)
    return value.cast(dtype_of(token.column))


def _texts(block: bytes, indexes: NDArray[np.intp]) -> list[tuple[int, bytes]]:
    """Return some lines of a block with their indexes."""
    if not len(indexes):
        return []
    ends = np.flatnonzero(np.frombuffer(block, dtype=np.uint8) == ord("\n"))
    starts = np.concatenate([[0], ends + 1])
    return [(index, block[starts[index] : ends[index]]) for index in indexes.tolist()]
