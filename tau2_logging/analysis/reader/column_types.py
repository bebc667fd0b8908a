"""The types of columns, and one event as a row of them.

A field of the table has the table's type. A field that is not in the table is kept as the token it was written as, and gets its type from
how the values look when a table is made. A value that does not fit its field (`duration_ms=abc`) is left out later, by `plausible`.
"""

from __future__ import annotations

from datetime import datetime, timezone
from typing import Any

from tau2_logging.analysis.reader.line import Line
from tau2_logging.events.fields import field_type
from tau2_logging.events.logfmt import Value, encode_value

META = ("row", "file", "line", "level", "time", "task", "thread", "type")
"""Columns of every event: its place, and what every line starts with. `row` says both file and line (`row_number`)."""

_LINE_BITS = 40

IDS = frozenset(("span", "parent"))
PAYLOADS = frozenset(("messages", "reply", "arguments", "result", "traceback", "text", "error_message", "argv"))
"""Text that is different each time and may be long: kept out of memory if there is much of it."""

MISFIT = ":text"
"""Ending of the name of a value that does not fit its field's type, until it is left out."""

FIELD = ":field"
"""Ending of the column of a field that bears the name of a column of ours, `line=` for one."""

_TAKEN = frozenset((*META, "end_ms", "role"))
NO_INT = -(2**63)
_NUMBER = {"ms": "float", "usd": "float", "float": "float", "int": "int", "bool": "bool"}
_META_KIND = {"row": "int", "time": "int", "thread": "int", "level": "text", "task": "text", "type": "text"}
_EPOCH = datetime(1970, 1, 1, tzinfo=timezone.utc)

Cell = float | int | bool | str


def column_kind(name: str) -> str:
    """Return how a column is held: float, int, bool, text (a dictionary), id, payload or token (raw, of a field without a type)."""
    if name in _META_KIND:
        return _META_KIND[name]
    type_ = field_type(name)
    if type_ is None:
        return "token"
    if type_ == "str":
        return "id" if name in IDS else "payload" if name in PAYLOADS else "text"
    return _NUMBER[type_]


def typed_row(line: Line) -> dict[str, Cell]:
    """Return the columns an event fills, without row, file and line. Absent ones are left out; `time` is in ms since 1970 of the local
    clock."""
    row: dict[str, Cell] = {"level": line.level, "type": line.type}
    if line.task is not None:
        row["task"] = line.task
    _put(row, "thread", line.thread)
    moment = time_ms(line.time)
    if moment is None:
        row["time" + MISFIT] = encode_value(line.time, None)
    else:
        row["time"] = moment
    for name, value in line.fields.items():
        _put(row, own_column(name), value)
    return row


def row_number(file: int, line: int) -> int:
    """Return the place of a line among all lines read; `row_file` and `row_line` take it apart. Works on arrays too."""
    return (file << _LINE_BITS) + line


def row_file(row: Any) -> Any:
    """Return the number of the file, 0 for the first."""
    return row >> _LINE_BITS


def row_line(row: Any) -> Any:
    """Return the number of the line, 1 for the first."""
    return row & ((1 << _LINE_BITS) - 1)


def own_column(name: str) -> str:
    """Return the name of the column of a field."""
    return name + FIELD if name in _TAKEN else name


def _put(row: dict[str, Cell], name: str, value: Value) -> None:
    fitted = fit(column_kind(name), value)
    if fitted is None:
        known = field_type(name) is not None or name in _META_KIND or not is_text(value)
        row[name + MISFIT if known else name] = encode_value(value, None)
    else:
        row[name] = fitted


def is_text(value: Value) -> bool:
    """Return whether a value can be written as UTF-8: half of a surrogate pair cannot."""
    return not isinstance(value, str) or value.isascii() or not any("\ud800" <= letter <= "\udfff" for letter in value)


def fit(kind: str, value: Value) -> Cell | None:
    """Return the value as a cell of that kind of column, None if it does not fit."""
    if kind == "bool":
        return value if isinstance(value, bool) else None
    if kind in ("text", "payload"):
        return str(value) if is_text(value) else None
    if kind == "id":
        return value if isinstance(value, str) and value and not value.endswith("\0") else None
    if isinstance(value, (bool, str)) or kind == "token":
        return None
    if kind == "float":
        return float(value)
    whole = int(value)
    return whole if whole == value and abs(whole) < 2**63 else None


def time_ms(text: str) -> int | None:
    """Return milliseconds since 1970 on the local clock of a time as the log writes it, None if there is no such time."""
    try:
        moment = datetime.fromisoformat(text).replace(tzinfo=timezone.utc)
    except ValueError:
        return None
    return round((moment - _EPOCH).total_seconds() * 1000)
