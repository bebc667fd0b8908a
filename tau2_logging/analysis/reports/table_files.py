"""Large tables as Parquet and CSV files, written by polars."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from tau2_logging.errors import UserError

if TYPE_CHECKING:
    import pandas as pd


def write_parquet(table: pd.DataFrame, path: Path) -> None:
    """One typed column for each of the table's; text that is absent is null. Raises UserError if polars is missing."""
    _as_polars(table).write_parquet(path)


def write_csv(table: pd.DataFrame, path: Path) -> None:
    """Numbers in full precision, times as the log writes them, absent values empty."""
    _as_polars(table).write_csv(path, datetime_format="%Y-%m-%d %H:%M:%S.%3f")


def _as_polars(table: pd.DataFrame) -> Any:
    try:
        import polars as pl
    except ImportError as error:
        raise UserError("events.parquet and events.csv need polars; pip install polars, or omit parquet and csv from --format") from error
    return pl.DataFrame([_series(pl, str(name), table[name]) for name in table.columns])


def _series(pl: Any, name: str, values: pd.Series[Any]) -> Any:
    kind = values.dtype.kind
    if kind == "O":
        return _texts(pl, name, values)
    if kind == "f":
        return pl.Series(name, values.to_numpy(), nan_to_null=True)
    if kind in "ib":
        absent = values.isna().to_numpy()
        plain = values.to_numpy(dtype="bool" if kind == "b" else "int64", na_value=False if kind == "b" else 0)
        series = pl.Series(name, plain)
        return series.set(pl.Series(absent), None) if absent.any() else series
    return pl.Series(name, values.to_numpy().astype("datetime64[ms]"))


def _texts(pl: Any, name: str, values: pd.Series[Any]) -> Any:
    """Make each text once, since most occur in many rows. Values that are not all text are made text one by one."""
    import pandas as pd

    if pd.api.types.infer_dtype(values, skipna=True) not in ("string", "empty"):
        return pl.Series(name, [None if _absent(value) else str(value) for value in values], dtype=pl.String)
    codes, texts = pd.factorize(values.to_numpy())
    places = pl.Series(codes, dtype=pl.Int64)
    return pl.Series(name, list(texts), dtype=pl.String).gather(places.set(places < 0, None)).alias(name)


def _absent(value: Any) -> bool:
    return value is None or (isinstance(value, (float, np.floating)) and bool(np.isnan(value)))
