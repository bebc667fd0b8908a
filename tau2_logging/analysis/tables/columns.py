"""Columns of a table of events that may or may not be there."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd


def column(frame: pd.DataFrame, name: str) -> pd.Series:
    """Return a column of the table; all absent if the log has no such field."""
    return frame[name] if name in frame.columns else pd.Series(None, index=frame.index, dtype=object, name=name)


def numbers(frame: pd.DataFrame, name: str) -> Any:
    """Return a column as float64 array, NaN if absent."""
    return pd.to_numeric(column(frame, name), errors="coerce").to_numpy(dtype=float, na_value=np.nan)


def as_floats(values: Any) -> Any:
    """Return a pandas column as float64, absent values NaN."""
    series = pd.Series(values)
    numbers: Any = series.to_numpy(dtype="float64", na_value=np.nan)
    return numbers
