"""From the store's columns to pandas DataFrames."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from functools import lru_cache
from typing import TYPE_CHECKING, Any

import numpy as np
import polars as pl

from tau2_logging.analysis.store.column_types import column_kind, dtype_of, row_file, row_line
from tau2_logging.analysis.store.event_store import EventStore
from tau2_logging.analysis.tables.run_clock import KEY
from tau2_logging.events import FIELDS
from tau2_logging.events.logfmt import Value, decode_value
from tau2_logging.events.roles import CALL_COUNTERS, ROLE_OF_EVENT

if TYPE_CHECKING:
    import pandas as pd

ROLE_OF_CALL = {type_: ROLE_OF_EVENT[type_] for type_ in CALL_COUNTERS}
"""Whose work a timed call is."""

_FEW = 2_000
"""Below this number of values Python lists are quicker than polars' calls."""

_FIRST = ("file", "line", "level", "time", "task", "thread", "type")
_MADE_OF = {"file": ("row",), "line": ("row",), "role": ("type",), "end_ms": ("start_ms", "duration_ms", "total_duration_ms"), "place": (),
            "simulation_number": KEY, "task_number": KEY[:3]}  # fmt: skip
"""Derived columns, and what each is made of."""


def frame(
    store: EventStore,
    files: Sequence[str],
    types: Iterable[str],
    columns: Iterable[str] | None = None,
    runs: Sequence[str] = (),
    where: pl.Expr | None = None,
    of: pd.DataFrame | None = None,
) -> pd.DataFrame:
    """Return the events of some types as a DataFrame in the order of the files. `runs`: only theirs (none: every one's).

    Columns: as asked for, else every one that occurs. Derived ones: `end_ms`, `role`; `file` is the path; `simulation_number` and
    `task_number` are the same for the events of one simulation (KEY) or task, and quick to group by. `where`: only events of which this is
    true. `of`: only events of the simulations in this table, once for each row that is theirs; `place`: that row, from 0.
    """
    import pandas as pd

    types = [type_ for type_ in types if type_ in store.types()]
    names = list(columns) if columns is not None else all_columns(store, types)
    parts = [part for name in names for part in _MADE_OF.get(name, (name,))]
    keys = None if of is None else pl.DataFrame([_key_column(of, name) for name in KEY]).with_row_index("place")
    table = store.select(types, parts, runs, where=where, of=keys)
    data = {name: _pandas_column(table, name, files) for name in names}
    return pd.DataFrame(data, columns=pd.Index(names, dtype=object), index=_index(len(table)))


def _key_column(table: pd.DataFrame, name: str) -> pl.Series:
    return pl.Series(name, table[name].astype(object).where(table[name].notna(), None).tolist(), dtype=dtype_of(name))


def all_columns(store: EventStore, types: Iterable[str]) -> list[str]:
    """Return the columns of a full table: those of every event, those of the table of fields in its order, others by name."""
    found = set(store.columns(types)) - {"row", *_FIRST}
    return [*_FIRST, *(name for name in FIELDS if name in found), *sorted(found - FIELDS.keys()), "end_ms", "role"]


def _pandas_column(table: pl.DataFrame, name: str, files: Sequence[str]) -> Any:
    """Return a column as pandas holds it: absent values are NaN, <NA>, None or NaT."""
    import pandas as pd

    if name == "end_ms":
        return table.select(pl.col("start_ms") + pl.coalesce("duration_ms", "total_duration_ms")).to_series().to_numpy()
    if name == "role":
        return _objects(_values(table["type"], ROLE_OF_CALL.get)[0])
    if name == "file":
        return _objects(np.array(files, dtype=object)[row_file(table["row"].to_numpy())])
    if name == "place":
        return table["place"].to_numpy().astype(np.int64)
    if name in ("simulation_number", "task_number"):
        return table.select(pl.col("row").first().over(_MADE_OF[name])).to_series().to_numpy()
    if name == "line":
        return row_line(table["row"].to_numpy())
    column, kind = table[name], column_kind(name)
    if kind == "int":
        return column.to_numpy() if name == "row" else pd.arrays.IntegerArray(*_masked(column, 0))
    if kind == "bool":
        return pd.arrays.BooleanArray(*_masked(column, False))
    if kind == "token":
        return _tokens(column)
    return _texts(column) if kind == "text" else _objects(column.to_list()) if kind in ("id", "payload") else column.to_numpy()


def _masked(column: pl.Series, absent: int) -> tuple[Any, Any]:
    """Return the values of a column, and whether each is absent. Most columns have all of their values, and then nothing is computed."""
    if not column.null_count():
        return column.to_numpy(), np.zeros(len(column), dtype=bool)
    return column.fill_null(absent).to_numpy(), column.is_null().to_numpy()


def _values(column: pl.Series, meaning: Callable[[str], Any]) -> tuple[Any, set[type]]:
    """Return what the texts of a categorical column mean, one object for each different text, and the types of these objects."""
    if len(column) < _FEW:
        texts = column.to_list()
        meant = {text: meaning(text) for text in set(texts) if text is not None}
        return np.array([meant.get(text) for text in texts], dtype=object), {type(value) for value in meant.values()}
    used = column.drop_nulls().unique()
    meanings = [meaning(text) for text in used.cast(pl.String)]
    codes = used.to_physical().to_numpy()
    values = np.full(int(codes.max(initial=0)) + 2, None, dtype=object)
    values[codes] = np.array([*meanings, None], dtype=object)[:-1]
    return values[column.to_physical().fill_null(len(values) - 1).to_numpy()], {type(value) for value in meanings}


def _texts(column: pl.Series) -> pd.Series[Any]:
    return _objects(_values(column, str)[0])


def _objects(values: Any) -> pd.Series[Any]:
    """Return text as plain Python objects, None if absent, whatever the version of pandas would make of it."""
    import pandas as pd

    return pd.Series(values, dtype=object, index=_index(len(values)))


@lru_cache(maxsize=1)
def _index(length: int) -> pd.RangeIndex:
    """Return the index of a table, the same object for each of its columns: then nothing is aligned."""
    import pandas as pd

    return pd.RangeIndex(length)


def _tokens(column: pl.Series) -> Any:
    """Return the values of a field without a type: numbers or truths if all of them look it, else each as it reads."""
    import pandas as pd

    values, kinds = _values(column, decoded)
    if kinds == {bool}:
        return pd.array(values, dtype="boolean")
    if kinds == {int}:
        return pd.array(values, dtype="Int64")
    return np.array(values, dtype="f8") if kinds and kinds <= {int, float} else _objects(values)


def decoded(token: str) -> Value:
    """Return the value that a token of a field without a type reads as."""
    return decode_value(token, None)
