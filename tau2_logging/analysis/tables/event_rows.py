"""Every event of a log as rows of polars, a piece at a time: what the files of events are written from."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import polars as pl

from tau2_logging.analysis.store.column_types import column_kind, dtype_of, row_file, row_line
from tau2_logging.analysis.store.event_store import EventStore
from tau2_logging.analysis.tables.frames import ROLE_OF_CALL, all_columns, decoded

if TYPE_CHECKING:
    from tau2_logging.analysis.tables.event_tables import EventTables

PIECE = 50_000
"""Rows that are made at once."""

_WHOLE = {"file": pl.String(), "line": pl.Int64(), "role": pl.String(), "end_ms": pl.Float64(), "type": pl.String()}
Columns = dict[str, tuple[Any, pl.Expr]]


def event_rows(log: EventTables) -> tuple[dict[str, Any], Iterator[pl.DataFrame]]:
    """Return the columns with their types, and the rows in file order, `PIECE` at a time: what `EventTables.events` holds, without holding
    it. Text is text, absent values are null.
    """
    store, types = log.store, log.store.types()
    names = all_columns(store, types)
    columns = {name: _column(log, name) for name in names}
    parts = [name for name in dict.fromkeys((*names, "start_ms", "duration_ms", "total_duration_ms")) if name in store.columns(types)]
    rows = store.select(types, (), log.chosen)["row"]
    made = [expression.cast(dtype).alias(name) for name, (dtype, expression) in columns.items()]
    edges = [*range(0, len(rows), PIECE), len(rows)]
    pieces = (_piece(store, parts, (rows[low], rows[high - 1]), log.chosen).select(made) for low, high in pairwise(edges))
    return {name: dtype for name, (dtype, _) in columns.items()}, pieces


def _piece(store: EventStore, columns: Iterable[str], rows: tuple[int, int], runs: Sequence[str]) -> pl.DataFrame:
    table = store.select(store.types(), columns, runs, rows)
    absent = [name for name in ("start_ms", "duration_ms", "total_duration_ms") if name not in table.columns]
    return table.with_columns(pl.lit(None, dtype=pl.Float64).alias(name) for name in absent)


def _column(log: EventTables, name: str) -> tuple[Any, pl.Expr]:
    """Return the type of a column and what it is made of."""
    if name in _WHOLE:
        return _WHOLE[name], _derived(log, name)
    kind = column_kind(name)
    if kind == "token":
        return _typed_tokens(log, name)
    return (pl.String() if kind in ("text", "id", "payload") else dtype_of(name)), pl.col(name)


def _derived(log: EventTables, name: str) -> pl.Expr:
    if name == "file":
        return pl.lit(pl.Series(log.files, dtype=pl.String)).gather(row_file(pl.col("row")))
    if name == "line":
        return row_line(pl.col("row"))
    if name == "end_ms":
        return pl.col("start_ms") + pl.coalesce("duration_ms", "total_duration_ms")
    type_ = pl.col("type").cast(pl.String)
    return type_ if name == "type" else type_.replace_strict(ROLE_OF_CALL, default=None, return_dtype=pl.String)


def _typed_tokens(log: EventTables, name: str) -> tuple[Any, pl.Expr]:
    """Return how a field without a type is written: as numbers or truths if all of its values look it, else as text."""
    texts = log.store.select(log.store.types(), [name], log.chosen)[name].drop_nulls().unique().cast(pl.String).to_list()
    values = [decoded(text) for text in texts]
    dtype, convert = _dtype_of_values({type(value) for value in values})
    found = dict(zip(texts, map(convert, values), strict=True))
    whole = pl.col(name).cast(pl.String)
    return dtype, whole.replace_strict(found, default=None, return_dtype=dtype) if found else pl.lit(None, dtype=dtype)


def _dtype_of_values(kinds: set[type]) -> tuple[Any, Callable[[Any], Any]]:
    if kinds == {bool}:
        return pl.Boolean(), bool
    if kinds == {int}:
        return pl.Int64(), int
    return (pl.Float64(), float) if kinds and kinds <= {int, float} else (pl.String(), str)
