"""The tokens of a line, `[PROFILE]`, `task=7`, `duration_ms=0.084`: what their values look like, and how polars converts them.

A pattern lets through what polars and `events.decode` read alike, within the limits of the column; other values are for `lines`.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import TypeAlias

import polars as pl

from tau2_logging.analysis.reader.column_types import column_kind, limits, own_column, time_ms
from tau2_logging.events import LEVELS

SPACE = "\x1f"
"""Stands for a space within quotes while a line is split at its spaces."""

CLOCK = ":clock"
"""Column of the time of the day in ms."""

_PAIR = re.compile(r'([A-Za-z_][A-Za-z0-9_.]*=)("?)')
_BARE = r'[^\s\x00-\x1f"=\\]+'
_QUOTED = r'"[^"\\\x00-\x1e]*"'
_NOTHING = "$."
_LEVEL = rf"(?:{'|'.join(LEVELS)})\]"
_DAY = "(?:19[7-9][0-9]|20[0-9]{2}|21[0-9]{2})-[0-9]{2}-[0-9]{2}"
_DAY_MS = 86_400_000


@dataclass(frozen=True)
class Token:
    """A token of a line: its column, the text before the value, and whether the value is quoted."""

    column: str
    start: str
    quoted: bool = False

    @property
    def kind(self) -> str:
        """How the column is held."""
        return column_kind(self.column)


Shape: TypeAlias = tuple[Token, ...]
HEADER = (
    Token("level", "["), Token("time", ""), Token(CLOCK, ""), Token("task", "task="), Token("thread", "thread="), Token("type", "type=")
)  # fmt: skip
"""What every event starts with. `time` is the day alone."""


@dataclass(frozen=True)
class Expressions:
    """For some tokens: values, lengths in bytes; whether a line has these names and values that fit; whether all values fit."""

    values: list[pl.Expr]
    bytes: list[pl.Expr]
    named: list[pl.Expr]
    fit: list[pl.Expr]
    all_fit: list[pl.Expr]


def shape_of(tokens: Sequence[str]) -> Shape | None:
    """Return the tokens of a line; None if one of them is none, a name occurs twice, or the line is one of the older runner's."""
    pairs = [_PAIR.match(token) for token in tokens[len(HEADER) :]]
    return None if None in pairs else _shape(tuple((pair[1], pair[2]) for pair in pairs if pair))


@lru_cache(maxsize=4096)
def _shape(pairs: tuple[tuple[str, str], ...]) -> Shape | None:
    tokens = tuple(Token(own_column(start[:-1]), start, bool(quote)) for start, quote in pairs)
    columns = {token.column for token in tokens}
    return (*HEADER, *tokens) if "run" in columns and len(columns) == len(tokens) else None


@lru_cache(maxsize=4096)
def expressions(tokens: Shape) -> Expressions:
    """Return the expressions for some tokens. Those of values and names are for columns of tokens, the others for columns of values.

    A value is a copy (`strip_prefix` makes one): text that is a slice would keep its whole block in memory.
    """
    columns = [(token, pl.col(token.column)) for token in tokens]
    return Expressions(
        values=[column.str.strip_prefix(token.start) for token, column in columns],
        bytes=[column.str.len_bytes().sum() for _, column in columns],
        named=[column.str.starts_with(token.start) for token, column in columns],
        fit=[_fits(token, column) for token, column in columns],
        all_fit=[_fits(token, column.unique() if token.kind in ("text", "token") else column).all() for token, column in columns],
    )


def _fits(token: Token, value: pl.Expr) -> pl.Expr:
    return value.str.contains(f"^(?:{_pattern(token)})$")


@lru_cache(maxsize=4096)
def varying(token: Token) -> pl.Expr:
    """Return the column of a token, made of the column of its values."""
    return _converted(token, pl.col(token.column))


@lru_cache(maxsize=4096)
def constant(token: Token, text: str) -> pl.Expr | None:
    """Return the column of a token that is the same in all lines; None if it does not fit."""
    if not re.fullmatch(f"{re.escape(token.start)}(?:{_pattern(token)})", text) or (token.kind == "time" and time_ms(text) is None):
        return None
    return _converted(token, pl.lit(text[len(token.start) :]).alias(token.column))


@lru_cache(maxsize=4096)
def _pattern(token: Token) -> str:
    if token.column == "level":
        return _LEVEL
    if token.kind in ("text", "payload"):
        return _QUOTED if token.quoted else _BARE
    if token.quoted:
        return _NOTHING
    if token.kind == "bool":
        return "true|false"
    if token.kind in ("int", "float"):
        return _number_pattern(token)
    return _DAY if token.kind == "time" else _BARE


def _number_pattern(token: Token) -> str:
    bounds = limits(token.column)
    more_digits = 17 if bounds is None else len(f"{bounds[1]:.0f}") - 2
    number = rf"(?:0|[1-9][0-9]{{0,{more_digits}}})"
    return number if token.kind == "int" else rf"{number}(?:\.[0-9]+)?"


def _converted(token: Token, value: pl.Expr) -> pl.Expr:
    if token.kind == "time":
        day = value.str.to_date("%Y-%m-%d", strict=False).cast(pl.Int64)
        return (day * _DAY_MS + pl.col(CLOCK)).cast(pl.Datetime("ms"))
    if token.kind == "bool":
        return value == "true"
    if token.kind in ("int", "float"):
        return value.cast(pl.Int64 if token.kind == "int" else pl.Float64, strict=False)
    if token.column == "level":
        value = value.str.strip_suffix("]")
    if token.column == "task":
        value = value.replace("-", None)
    if token.quoted:
        value = value.str.strip_chars('"').str.replace_all(SPACE, " ", literal=True)
    return value if token.kind in ("id", "payload") else value.cast(pl.Categorical)
