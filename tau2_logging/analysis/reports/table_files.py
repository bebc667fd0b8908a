"""The events as Parquet and CSV files, written by polars as they are made, a piece at a time."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import polars as pl
from polars.io.plugins import register_io_source

from tau2_logging.analysis.tables.event_rows import event_rows

if TYPE_CHECKING:
    from tau2_logging.analysis.tables.event_tables import EventTables

_TIMES = "%Y-%m-%d %H:%M:%S.%3f"


def write_events_parquet(log: EventTables, path: Path) -> None:
    """Write one typed column for each of the events' columns; what is absent is null."""
    schema, pieces = event_rows(log)

    def source(columns: list[str] | None, predicate: pl.Expr | None, rows: int | None, size: int | None) -> Iterator[pl.DataFrame]:
        yield from pieces

    register_io_source(source, schema=schema).sink_parquet(path)


def write_events_csv(log: EventTables, path: Path) -> None:
    """Write numbers in full precision, times as the log writes them, absent values empty."""
    schema, pieces = event_rows(log)
    with path.open("wb") as file:
        pl.DataFrame(schema=schema).write_csv(file)
        for piece in pieces:
            piece.write_csv(file, include_header=False, datetime_format=_TIMES)
