"""From a DataFrame to a table of report.html: what each column is called, how it is shown, which simulation a row leads to."""

from __future__ import annotations

import re
from pathlib import PurePath
from typing import Any

import numpy as np
import pandas as pd

from tau2_logging.analysis.timeline.timeline import Timeline

MOST_ROWS = 2000
"""Rows of one table that are embedded; the note under it says when there are more."""

_LABELS = {
    "std_ms": "std dev", "output_tokens_per_s": "tokens/s", "p50_ttft_ms": "TTFT p50", "p95_ttft_ms": "TTFT p95", "p50_tpot_ms": "TPOT p50",
    "mean_itl_ms": "ITL mean", "times_median": "x median", "share_rate": "share", "pass_k_rate": "pass^k",
}  # fmt: skip
_KINDS = {"status": "status", "status_other": "status", "gate": "text", "role": "role", "kind": "role", "task": "task"}
_P_VALUES = ("p", "p_holm", "difference_p")
_WIDE = (
    "error_message",
    "reason",
    "text",
    "detail",
    "evidence",
    "example",
    "error_text",
    "wanted",
    "nearest",
    "differing",
    "remark",
    "sentence",
    "rules",
)

_KEY = ("domain", "task", "trial")

Table = dict[str, Any]
Rows = dict[tuple[str, str, str], int]
"""Row of the timeline by (domain, task, trial)."""


def table_data(title: str, frame: pd.DataFrame, note: str = "", rows_of: Rows | None = None) -> Table | None:
    """Return a table as the page reads it; None if it has no row.

    `rows_of`: the timeline's row of (domain, task, trial): if the frame has these columns, its rows link there.
    """
    if frame.empty:
        return None
    shown = frame.iloc[:MOST_ROWS]
    if len(frame) > len(shown):
        note = f"{note} The first {MOST_ROWS:,} of {len(frame):,} rows.".strip()
    columns = [name for name in frame.columns if shown[name].notna().any() and not _says_nothing(name, shown[name])]
    kinds = {name: kind_of(str(name), shown[name]) for name in columns}
    rows = [list(cells) for cells in zip(*(_cells(shown[name], kinds[name]) for name in columns), strict=False)]
    table: Table = {
        "title": title,
        "note": note,
        "columns": [[str(name), label_of(str(name)), kinds[name]] for name in columns],
        "rows": rows,
    }
    if rows_of and "task" in columns:
        table["rows_of"] = [rows_of.get(key) for key in simulation_keys(shown)]
    return table


def _says_nothing(name: object, values: pd.Series) -> bool:
    """Return a run, file or trial that is the same in every row."""
    return (name in ("run", "file") and values.nunique() < 2) or (name == "trial" and not values.fillna(0).astype(bool).any())


def counted_rows(timeline: Timeline) -> Rows:
    """Return the row of the timeline that each simulation's last attempt has."""
    counted = timeline.rows[timeline.rows["counted"]]
    return dict(zip(simulation_keys(counted), counted["row"].tolist(), strict=True))


def simulation_keys(table: pd.DataFrame) -> list[tuple[str, str, str]]:
    """Return (domain, task, trial) of each row as text, empty if absent."""
    absent = [""] * len(table)
    texts = ([*table[name].astype(object).where(table[name].notna(), "").map(str)] if name in table else absent for name in _KEY)
    return list(zip(*texts, strict=True))


def kind_of(name: str, values: pd.Series) -> str:
    """Return how a column is shown: ms, usd, share, int, number, p, status, role, task, wide or text."""
    if name in _KINDS:
        return _KINDS[name]
    if not pd.api.types.is_numeric_dtype(values) or pd.api.types.is_bool_dtype(values):
        return "wide" if name in _WIDE else "text"
    if re.search(r"_ms(_|$)", name):
        return "ms"
    if re.search(r"_usd(_|$)", name):
        return "usd"
    if name in _P_VALUES:
        return "p"
    if "share" in name or name == "change" or re.search(r"_(rate|fraction)(_low|_high)?$", name):
        return "share"
    if name.endswith("tokens"):
        return "int"
    return "int" if (values.dropna() % 1 == 0).all() else "number"


def label_of(name: str) -> str:
    """Return a heading: `p50_ms` is `p50`, since times are shown with their unit."""
    return _LABELS.get(name) or re.sub(r"_(ms|usd)(?=_|$)", "", name).replace("_", " ")


def _cells(values: pd.Series, kind: str) -> list[Any]:
    if kind in ("ms", "usd", "share", "int", "number", "p"):
        numbers = pd.to_numeric(values, errors="coerce").to_numpy(dtype=float, na_value=np.nan)
        return [_number(value) if np.isfinite(value) else None for value in numbers]
    texts = [None if value is None or value is pd.NA or value != value else _text(value) for value in values]
    return [PurePath(text).name if text else text for text in texts] if values.name == "file" else texts


def _text(value: object) -> str:
    return ("yes" if value else "no") if isinstance(value, (bool, np.bool_)) else str(value)


def _number(value: float) -> float | int:
    return int(value) if value.is_integer() and abs(value) < 1e15 else float(f"{value:.9g}")
