"""The types of columns, which values a log can hold, and one event as a row of them.

A field of the table has the table's type. A field that is not in the table is kept as the token it was written as, and gets its type from
how the values look when a table is made. A value must have its field's type and be a size that a run can have: no negative tokens, no call
of 10^308 ms, no event of the year 9999. Another one is left out of its event and counted, so that no figure is made of it. The limits are
wide: they are to catch damage, not to judge a slow run.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timezone
from functools import lru_cache
from typing import Any

import polars as pl

from tau2_logging.events.fields import field_type
from tau2_logging.events.logfmt import Value, encode_value

META = ("row", "file", "line", "level", "time", "task", "thread", "type")
"""Columns of every event: its place, and what every line starts with. `row` says both file and line (`row_number`)."""

FIELD = ":field"
"""Ending of the column of a field that bears the name of a column of ours, `line=` for one."""

_IDS = frozenset(("span", "parent"))
_PAYLOADS = frozenset((
    "messages", "hash", "continues", "sent", "reply", "arguments", "result", "traceback", "text", "error_message", "argv",
))  # fmt: skip
"""Text that is different each time and may be long."""

_TAKEN = frozenset((*META, "end_ms", "role"))
_LINE_BITS = 40
_KIND = {"ms": "float", "usd": "float", "float": "float", "int": "int", "bool": "bool", "str": "text"}
_META_KIND = {"row": "int", "time": "time", "thread": "int", "level": "text", "task": "text", "type": "text"}
_EPOCH = datetime(1970, 1, 1, tzinfo=timezone.utc)

_MOST = {"ms": 1e12, "usd": 1e9, "int": 1e15, "float": 1e9}
"""By type of field: 31 years in ms, a billion dollars, counts and other numbers."""

_LEAST = {"ms": -0.001, "usd": 0.0, "int": 0.0}
"""A difference of two clocks may be rounded to -0.001 ms. Rewards and the like may be negative."""

_SIGNED = frozenset(("start_ms",))
"""An event may lie before the run's own start."""

_FREE = frozenset(("seed",))
_TIMES = (0.0, 7_258_118_400_000.0)
"""1970 (a machine without a clock) to 2200, in ms."""

_MEANING = {
    "ms": "a number of milliseconds", "usd": "a number of dollars", "float": "a number", "int": "a whole number", "bool": "true or false",
    "time": "a time",
}  # fmt: skip

_DTYPE: dict[str, Any] = {
    "float": pl.Float64, "int": pl.Int64, "bool": pl.Boolean, "time": pl.Datetime("ms"), "text": pl.Categorical, "token": pl.Categorical,
    "id": pl.String, "payload": pl.String,
}  # fmt: skip
Cell = float | int | bool | str


def column_kind(name: str) -> str:
    """Return how a column is held: float, int, bool, time, text (of few values), id, payload or token (raw, of a field without a type)."""
    if name in _META_KIND:
        return _META_KIND[name]
    if name in _IDS or name in _PAYLOADS:
        return "id" if name in _IDS else "payload"
    type_ = field_type(name)
    return "token" if type_ is None else _KIND[type_]


def dtype_of(name: str) -> Any:
    """Return the type of polars in which a column is held."""
    return _DTYPE[column_kind(name)]


@lru_cache(maxsize=1000)
def limits(column: str) -> tuple[float, float] | None:
    """Return the least and the largest value of a column of numbers; None for a column without limits."""
    if column == "time":
        return _TIMES
    type_ = field_type(column)
    if type_ not in _MOST or column in _FREE:
        return None
    most = _MOST[type_]
    return -most if column in _SIGNED else _LEAST.get(type_, -most), most


def row_number(file: int, line: int) -> int:
    """Return the place of a line among all lines read; `row_file` and `row_line` take it apart."""
    return (file << _LINE_BITS) + line


def row_file(row: Any) -> Any:
    """Return the number of the file, 0 for the first. Works on arrays and polars expressions too."""
    return row // (1 << _LINE_BITS)


def row_line(row: Any) -> Any:
    """Return the number of the line, 1 for the first. Works on arrays too."""
    return row % (1 << _LINE_BITS)


def own_column(name: str) -> str:
    """Return the name of the column of a field."""
    return name + FIELD if name in _TAKEN else name


def typed_row(said: Mapping[str, Value | None]) -> tuple[dict[str, Cell], list[str]]:
    """Return the cells that an event fills, of what its line says by column, and what was wrong with each value that is left out.

    `time` is in ms since 1970 of the local clock.
    """
    row: dict[str, Cell] = {}
    reasons = []
    for name, value in said.items():
        if value is None:
            continue
        cell = _fit(column_kind(name), value)
        if wrong := _problem(name, value, cell):
            reasons.append(f"{wrong}; the value is left out")
        elif cell is not None:
            row[name] = cell
    return row, reasons


def _fit(kind: str, value: Value) -> Cell | None:
    """Return the value as a cell of that kind of column, None if it does not fit."""
    if kind == "bool":
        return value if isinstance(value, bool) else None
    if kind in ("text", "payload"):
        return str(value)
    if kind == "id":
        return value if isinstance(value, str) and value and not value.endswith("\0") else None
    if kind == "token":
        return encode_value(value, None) if is_text(value) else None
    if kind == "time":
        return time_ms(str(value))
    if isinstance(value, (bool, str)):
        return None
    return _number(kind, value)


def _number(kind: str, value: float) -> float | int | None:
    if kind == "float":
        return float(value)
    whole = int(value)
    return whole if whole == value and abs(whole) < 2**63 else None


def _problem(name: str, value: Value, cell: Cell | None) -> str | None:
    kind = "time" if name == "time" else field_type(name) or column_kind(name)
    if not is_text(value) and (cell is not None or kind in ("str", "token")):
        return f"{name} holds half of a character (a lone surrogate)"
    if cell is None:
        return f"{name}={encode_value(value, None)[:60]} is not {_MEANING.get(kind, 'an id')}"
    bounds = limits(name)
    if isinstance(cell, str) or bounds is None or bounds[0] <= cell <= bounds[1]:
        return None
    if name == "time":
        return f"the time {value} is not one of a run"
    shown = f"{cell:.6g}" if isinstance(cell, float) else str(cell)
    return f"{name}={shown} is {f'more than {bounds[1]:g}' if cell > bounds[1] else f'less than {max(bounds[0], 0):g}'}"


def is_text(value: Value) -> bool:
    """Return whether a value can be written as UTF-8: half of a surrogate pair cannot."""
    return not isinstance(value, str) or value.isascii() or not any("\ud800" <= letter <= "\udfff" for letter in value)


def time_ms(text: str) -> int | None:
    """Return milliseconds since 1970 on the local clock of a time as the log writes it, None if there is no such time."""
    try:
        moment = datetime.fromisoformat(text).replace(tzinfo=timezone.utc)
    except ValueError:
        return None
    return round((moment - _EPOCH).total_seconds() * 1000)
