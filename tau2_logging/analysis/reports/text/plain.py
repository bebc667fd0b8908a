"""Tables and figures as JSON's own types."""

from __future__ import annotations

import json
import math
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pandas as pd


class PlainRows(list[dict[str, Any]]):
    """Rows of a table in JSON's own types."""


def records(table: pd.DataFrame) -> PlainRows:
    """Return the rows of a table as dicts of plain values."""
    names = [str(name) for name in table.columns]
    columns = [_values(table.iloc[:, place]) for place in range(len(names))]
    return PlainRows(dict(zip(names, row, strict=True)) for row in zip(*columns, strict=True))


def _values(column: pd.Series[Any]) -> list[Any]:
    """Return a column as `plain` would, value by value."""
    kind = getattr(column.dtype, "kind", "")
    if kind in "iub":
        values: list[Any] = column.to_numpy(dtype=object, na_value=None).tolist()
        return values
    values = column.tolist()
    if column.dtype == "float64":
        return [value if math.isfinite(value) else None for value in values]
    return [plain(value) for value in values]


def plain(value: Any) -> Any:
    """Return the same in JSON's own types: absent and infinite numbers are null, times are text."""
    if isinstance(value, PlainRows):
        return value
    if isinstance(value, dict):
        return {str(name): plain(item) for name, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [plain(item) for item in value]
    if value is None or isinstance(value, (str, bool)):
        return value
    if hasattr(value, "item"):
        value = value.item()
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value if isinstance(value, (int, float, bool)) else None if str(value) in ("<NA>", "NaT") else str(value)


def indented(value: Any, depth: int = 0) -> str:
    """Return what `json.dumps(value, indent=2, ensure_ascii=False, allow_nan=False)` does, of plain values. Rows of a table, which hold no
    other container, are encoded as a whole: json indents in Python, ten times as slowly."""
    if not isinstance(value, (dict, list)) or not value:
        return _encode(value)
    inner, outer = "\n" + "  " * (depth + 1), "\n" + "  " * depth
    if not any(isinstance(item, (dict, list)) for item in (value.values() if isinstance(value, dict) else value)):
        whole = json.dumps(value, ensure_ascii=False, allow_nan=False, separators=(f",{inner}", ": "))
        return f"{whole[0]}{inner}{whole[1:-1]}{outer}{whole[-1]}"
    if isinstance(value, dict):
        parts = [f"{_encode(name)}: {indented(item, depth + 1)}" for name, item in value.items()]
        return f"{{{inner}{f',{inner}'.join(parts)}{outer}}}"
    return f"[{inner}{f',{inner}'.join(indented(item, depth + 1) for item in value)}{outer}]"


_encode = json.JSONEncoder(ensure_ascii=False, allow_nan=False).encode
