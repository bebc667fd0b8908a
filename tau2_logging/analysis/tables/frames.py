"""From the store's columns to pandas DataFrames."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from tau2_logging.analysis.reader.column_store import Array, Store
from tau2_logging.analysis.reader.column_types import NO_INT, column_kind, row_file, row_line
from tau2_logging.events import FIELDS
from tau2_logging.events.logfmt import Value, decode_value
from tau2_logging.events.roles import CALL_COUNTERS, ROLE_OF_EVENT

if TYPE_CHECKING:
    import pandas as pd

_ROLE_OF_CALL = {type_: ROLE_OF_EVENT[type_] for type_ in CALL_COUNTERS}
"""Whose work a timed call is."""


def frame(
    store: Store, files: Sequence[str], types: Iterable[str], columns: Iterable[str] | None = None, runs: Sequence[str] = ()
) -> pd.DataFrame:
    """Return the events of some types as a DataFrame in the order of the files. `runs`: only theirs (none: every one's).

    Columns: as asked for, else every one that occurs. Derived ones: `end_ms`, `role`; `file` is the path.
    """
    import pandas as pd

    types = [type_ for type_ in types if type_ in store.types()]
    names = list(columns) if columns is not None else all_columns(store, types)
    masks = {type_: _run_mask(store, type_, runs) for type_ in types}
    rows = _joined(store, types, "row", masks)
    order = np.argsort(rows, kind="stable")
    data = {name: _derived(store, types, name, masks, order, files) for name in names}
    return pd.DataFrame(data, columns=pd.Index(names, dtype=object))


def all_columns(store: Store, types: Iterable[str]) -> list[str]:
    """Return the columns of a full table: those of every event, those of the table of fields in its order, others by name."""
    found = set(store.columns(types)) - {"row", *_FIRST}
    return [*_FIRST, *(name for name in FIELDS if name in found), *sorted(found - FIELDS.keys()), "end_ms", "role"]


_FIRST = ("file", "line", "level", "time", "task", "thread", "type")


def _run_mask(store: Store, type_: str, runs: Sequence[str]) -> Array | None:
    if not runs:
        return None
    codes = [store.dictionary("run").known(run) for run in runs]
    return np.asarray(np.isin(store.column(type_, "run"), codes) if len(codes) > 1 else store.column(type_, "run") == codes[0])


def _joined(store: Store, types: Iterable[str], name: str, masks: dict[str, Array | None]) -> Array:
    parts = []
    for type_ in types:
        array, mask = store.column(type_, name), masks[type_]
        parts.append(array if mask is None else array[mask])
    return np.concatenate(parts) if parts else store.column("", name)


def _derived(store: Store, types: list[str], name: str, masks: dict[str, Array | None], order: Array, files: Sequence[str]) -> Any:
    def raw(column: str) -> Array:
        return _joined(store, types, column, masks)[order]

    if name == "end_ms":
        length = raw("duration_ms")
        return raw("start_ms") + np.where(np.isnan(length), raw("total_duration_ms"), length)
    if name == "role":
        words = store.dictionary("type")
        roles = np.array([*(_ROLE_OF_CALL.get(text) for text in words.texts), None], dtype=object)
        return _objects(roles[raw("type")])
    if name == "file":
        return _objects(np.array(files, dtype=object)[row_file(raw("row"))])
    if name == "line":
        return row_line(raw("row"))
    return to_pandas(store, name, raw(name))


def to_pandas(store: Store, name: str, array: Array) -> Any:
    """Return a column of the store as pandas holds it: absent values are NaN, <NA>, None or NaT."""
    import pandas as pd

    kind = column_kind(name)
    if name == "time":
        return np.where(array == NO_INT, np.datetime64("NaT", "ms"), array.astype("datetime64[ms]"))
    if kind == "int":
        return array if name == "row" else pd.arrays.IntegerArray(np.where(array == NO_INT, 0, array), array == NO_INT)
    if kind == "bool":
        return pd.arrays.BooleanArray(array == 1, array == -1)
    if kind == "text":
        return _objects(store.dictionary(name).array()[array])
    if kind == "id":
        return _ids(array)
    if kind == "payload":
        return _objects([None if number < 0 else store.texts.get(int(number)) for number in array])
    return _tokens(store, name, array) if kind == "token" else array


def _ids(array: Array) -> Any:
    values = np.char.decode(array, "utf-8", "replace").astype(object)
    values[array == b""] = None
    return _objects(values)


def _objects(values: Any) -> pd.Series[Any]:
    """Return text as plain Python objects, None if absent, whatever the version of pandas would make of it."""
    import pandas as pd

    return pd.Series(values, dtype=object)


def _tokens(store: Store, name: str, array: Array) -> Any:
    """Return the values of a field without a type: numbers or truths if all of them look it, else each as it reads."""
    import pandas as pd

    values: list[Value] = [decode_value(token, None) for token in store.dictionary(name).texts]
    used = [values[code] for code in np.unique(array) if code >= 0]
    objects = np.array([*values, None], dtype=object)[array]
    kinds = {type(value) for value in used}
    if kinds == {bool}:
        return pd.array(objects, dtype="boolean")
    if kinds == {int}:
        return pd.array(objects, dtype="Int64")
    return np.array(objects, dtype="f8") if kinds and kinds <= {int, float} else _objects(objects)
