"""Typed columns of the events, as polars tables for each type of event.

Absent values are null. Memory: `limit_bytes` of columns are held; what comes beyond goes to a temporary folder, and only the columns that
are asked for are read from there.
"""

from __future__ import annotations

import shutil
import tempfile
import weakref
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from pathlib import Path

import polars as pl

from tau2_logging.analysis.store.column_types import Cell, dtype_of, row_file

LIMIT_BYTES = 128 << 20
"""Columns held in memory by default."""

_MOST_PARTS = 16
"""Of a type, when a log grows; more are made one."""

_NO_TIME = -(2**63)
_SEPARATOR = "\x1f"
"""Between the parts of a task's name: no identifier holds it."""


_LENGTHS = ("duration_ms", "total_duration_ms")
_START_BY_TIME = pl.when(pl.col("run").is_null(), pl.col("start_ms").is_null()).then(pl.col("time").cast(pl.Int64) - pl.coalesce(*_LENGTHS))
"""When calls without a run and a start started, in ms since 1970; null for all others."""


class EventStore:
    """Tables of typed columns by type of event. Owns a temporary folder from the moment the limit is passed."""

    def __init__(self, limit_bytes: int = LIMIT_BYTES) -> None:
        self._limit, self._bytes, self._files = limit_bytes, 0, 0
        self._added: dict[str, list[pl.DataFrame]] = {}
        self._held: dict[str, list[pl.DataFrame]] = {}
        self._elsewhere: dict[str, list[pl.LazyFrame]] = {}
        self._columns: dict[str, dict[str, None]] = {}
        self._runs: dict[str, set[str]] = {}
        self._firsts: dict[bool, list[tuple[int, str, int, int]]] = {}
        self._whole: EventStore | None = None  # whose temporary folder this reads
        self._folder: Path | None = None
        self.placed_by_time = False

    def add(self, type_: str, table: pl.DataFrame) -> None:
        """Append events of one type."""
        self._firsts = {}
        self._added.setdefault(type_, []).append(table)
        self._columns.setdefault(type_, {}).update(dict.fromkeys(table.columns))
        self._bytes += int(table.estimated_size())
        if self._bytes > self._limit:
            self._spill()

    def add_rows(self, type_: str, rows: Sequence[Mapping[str, Cell]]) -> None:
        """Append events given one by one, as `typed_row` makes them."""
        self.add(type_, pl.DataFrame(rows, {name: dtype_of(name) for row in rows for name in row}))

    def _spill(self) -> None:
        """Move the columns that are in memory to files."""
        if self._folder is None:
            self._folder = Path(tempfile.mkdtemp(prefix="tau2-analysis-"))
            weakref.finalize(self, shutil.rmtree, self._folder, True)
        self._join()
        for type_, tables in self._held.items():
            self._files += 1
            path = self._folder / f"{self._files}.arrow"
            pl.concat(tables, how="diagonal").write_ipc(path)
            self._elsewhere.setdefault(type_, []).append(pl.scan_ipc(path))
        self._held = {}
        self._bytes = 0

    def _join(self) -> None:
        """Make one table of each type's that were added, in the order of the lines."""
        while self._added:
            type_, tables = self._added.popitem()
            held = self._held.setdefault(type_, [])
            held.append(table := _in_order(pl.concat(tables, how="diagonal")))
            runs = table["run"].unique().cast(pl.String).fill_null("") if "run" in table.columns else ("",)
            self._runs.setdefault(type_, set()).update(runs)
            if len(held) > _MOST_PARTS:
                held[:] = [pl.concat(held, how="diagonal", rechunk=True)]

    def close(self) -> None:
        """Join what was added. More may follow, and then another `close`, unless events were placed by their time."""
        self._join()
        self._place_calls_without_start()

    def _place_calls_without_start(self) -> None:
        """Give the older runner's calls a start: the time they were logged at, less their duration, since the first such start."""
        parts = {type_: self._parts(type_, ("run", "time", "start_ms", *_LENGTHS)) for type_ in self.types() if "" in self._runs[type_]}
        starts = {type_: _collected(pl.concat(table.select(_START_BY_TIME.min()) for table in parts[type_])) for type_ in parts}
        found = {type_: start.to_series().min() for type_, start in starts.items() if start.to_series().count()}
        self.placed_by_time = bool(found)
        for type_ in found:
            since_first = (_START_BY_TIME - min(found.values())).round(3)
            self._elsewhere[type_] = [table.with_columns(start_ms=pl.coalesce("start_ms", since_first)) for table in parts[type_]]
            self._columns[type_]["start_ms"] = None
            self._held.pop(type_, None)

    def tables(self) -> Iterator[tuple[str, pl.DataFrame]]:
        """Yield each type of event with all of its columns."""
        for type_ in self.types():
            names = self.columns([type_])
            yield type_, pl.concat(_collected(table.select(names)) for table in self._parts(type_, names))

    def without(self, simulations: Collection[tuple[str, str, str]]) -> EventStore:
        """Return the same events but those of these simulations, given as (run, domain, task)."""
        found, left_out = EventStore(self._limit), list(map(_SEPARATOR.join, simulations))
        found._whole, found._columns, found._runs = self, self._columns, self._runs
        key = ("run", "domain", "task")
        is_left_out = pl.concat_str(map(_as_text, key), separator=_SEPARATOR).is_in(left_out)
        for type_ in self.types():
            found._elsewhere[type_] = [table.filter(~is_left_out) for table in self._parts(type_, key)]
        return found

    def types(self) -> list[str]:
        """Return the types of event that occur, in order of first appearance."""
        return list(self._columns)

    def columns(self, types: Iterable[str]) -> list[str]:
        """Return the names of the columns that any of the types has."""
        return list(dict.fromkeys(name for type_ in types for name in self._columns.get(type_, ())))

    def select(
        self, types: Iterable[str], columns: Iterable[str], runs: Collection[str] = (), rows: tuple[int, int] | None = None,
        where: pl.Expr | None = None, of: pl.DataFrame | None = None,
    ) -> pl.DataFrame:  # fmt: skip
        """Return `row`, `type` and some columns of the events of some types, in the order of the files.

        `runs`: only theirs, those of no run for an empty name; all if there are none. `rows`: from the first to the last, both included.
        `where`: only events of which this is true. `of`: only events that have the values of a row of this table, joined with its columns.
        """
        names = dict.fromkeys(("row", "type", *columns))
        schema = {name: dtype_of(name) for name in names} | ({} if of is None else dict(of.schema))
        needed = {*names, *schema.keys() - {"place"}, *([] if where is None else where.meta.root_names())}
        parts = [table for type_ in types for table in self._parts_of(type_, runs, needed)]
        if rows is not None:
            parts = [table.filter(pl.col("row").is_between(*rows)) for table in parts]
        if where is not None:
            parts = [table.filter(where) for table in parts]
        if of is not None:  # `place` is the row of the table `of`, and no column of the log
            keys = [name for name in of.columns if name != "place"]
            parts = [table.join(of.lazy(), on=keys, how="inner", nulls_equal=True, maintain_order="left_right") for table in parts]
        return _in_order(pl.concat([pl.DataFrame(schema=schema), *(_collected(table.select(list(schema))) for table in parts)]))

    def first_events(self, by_file: bool = False) -> list[tuple[int, str, int, int]]:
        """Return (file, run, row, time in ms) of each run's first event, in order of appearance. By file: of each run in each file."""
        if by_file not in self._firsts:
            self._firsts[by_file] = self._first_events(row_file(pl.col("row")) if by_file else pl.lit(0, dtype=pl.Int64))
        return self._firsts[by_file]

    def _first_events(self, file: pl.Expr) -> list[tuple[int, str, int, int]]:
        found = [pl.DataFrame(schema={"file": pl.Int64, "run": pl.String, "row": pl.Int64, "time": dtype_of("time")})]
        for table in (table for type_ in self.types() for table in self._parts(type_, ("run", "time"))):
            runs = table.drop_nulls("run").group_by(file.alias("file"), "run")
            firsts = runs.agg(pl.col("row").min(), pl.col("time").get(pl.col("row").arg_min()))
            found.append(_collected(firsts.with_columns(pl.col("run").cast(pl.String))))
        first = pl.concat(found).sort("row").unique(["file", "run"], keep="first", maintain_order=True)
        return list(first.with_columns(pl.col("time").cast(pl.Int64).fill_null(_NO_TIME)).iter_rows())

    def _parts(self, type_: str, names: Iterable[str] = ()) -> list[pl.LazyFrame]:
        """Return the tables of a type; those of `names` that one of them has not are null."""
        here = (*self._held.get(type_, ()), *self._added.get(type_, ()))
        return [_with(table, names) for table in (*self._elsewhere.get(type_, ()), *(table.lazy() for table in here))]

    def _parts_of(self, type_: str, runs: Collection[str], names: Iterable[str]) -> list[pl.LazyFrame]:
        """Return the tables of a type, of some runs. Most logs hold one run, and then nothing has to be filtered."""
        if not runs or self._runs.get(type_, set()).issubset(runs):
            return self._parts(type_, names)
        return [table.filter(_as_text("run").is_in(list(runs))) for table in self._parts(type_, (*names, "run"))]


def _in_order(table: pl.DataFrame) -> pl.DataFrame:
    return table if table["row"].is_sorted() else table.sort("row")


def _collected(table: pl.LazyFrame) -> pl.DataFrame:
    return table.collect(engine="in-memory")


def _with(table: pl.LazyFrame, names: Iterable[str]) -> pl.LazyFrame:
    here = table.collect_schema().names()
    return table.with_columns(pl.lit(None, dtype=dtype_of(name)).alias(name) for name in set(names).difference(here))


def _as_text(name: str) -> pl.Expr:
    return pl.col(name).cast(pl.String).fill_null("")
