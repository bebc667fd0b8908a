"""Which values a log can hold. Another one is left out of its event and counted, so that no figure is made of it.

A value must have its field's type and be a size that a run can have: no negative tokens, no call of 10^308 ms, no event of the year 9999.
The limits are wide: they are to catch damage, not to judge a slow run.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tau2_logging.analysis.reader.column_types import MISFIT, NO_INT, Cell, column_kind, is_text
from tau2_logging.analysis.reader.line import Line
from tau2_logging.events.fields import field_type

Mask = NDArray[np.bool_]

_MOST = {"ms": 1e12, "usd": 1e9, "int": 1e15, "float": 1e9}
"""By type of field: 31 years in ms, a billion dollars, counts and other numbers."""

_LEAST = {"ms": -0.001, "usd": 0.0, "int": 0.0}
"""A difference of two clocks may be rounded to -0.001 ms. Rewards and the like may be negative."""

_SIGNED = frozenset(("start_ms",))
"""An event may lie before the run's own start."""

_FREE = frozenset(("seed",))
_TIMES = (0.0, 7_258_118_400_000.0)
"""1970 (a machine without a clock) to 2200, in ms."""


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


def doubtful(chunk: Mapping[str, NDArray[Any]]) -> Mask | None:
    """Return which rows of a chunk hold a number outside its limits; None if none does."""
    found: Mask | None = None
    for name, column in chunk.items():
        bounds = limits(name)
        if bounds is None or not len(column):
            continue
        values = column[:1] if column.strides == (0,) else column
        wrong = (values < bounds[0]) | (values > bounds[1])
        if column_kind(name) == "int":
            wrong &= values != NO_INT
        if wrong.any():
            found = np.broadcast_to(wrong, len(column)) | (False if found is None else found)
    return found


def leave_out(line: Line, row: dict[str, Cell]) -> list[str]:
    """Take the values that are not believed out of a row; what was wrong with each. `row`: the line as `typed_row` makes it."""
    reasons = []
    for name, cell in list(row.items()):
        if wrong := _problem(name, cell, line):
            reasons.append(f"{wrong}; the value is left out")
            del row[name]
    return reasons


def _problem(name: str, cell: Cell, line: Line) -> str | None:
    if name.endswith(MISFIT):
        field = name.removesuffix(MISFIT)
        if column_kind(field) in ("text", "payload", "token"):
            return f"{field} holds half of a character (a lone surrogate)"
        return f"{field}={str(cell)[:60]} is not {_TYPES.get(_type_of(field), 'an id')}"
    if isinstance(cell, str):
        return None if is_text(cell) else f"{name} holds half of a character (a lone surrogate)"
    bounds = limits(name)
    if bounds is None or bounds[0] <= cell <= bounds[1]:
        return None
    if name == "time":
        return f"the time {line.time} is not one of a run"
    shown = f"{cell:.6g}" if isinstance(cell, float) else str(cell)
    return f"{name}={shown} is {f'more than {bounds[1]:g}' if cell > bounds[1] else f'less than {max(bounds[0], 0):g}'}"


_TYPES = {
    "ms": "a number of milliseconds", "usd": "a number of dollars", "float": "a number", "int": "a whole number", "bool": "true or false",
    "time": "a time",
}  # fmt: skip


def _type_of(column: str) -> str:
    return "time" if column == "time" else field_type(column) or column_kind(column)
