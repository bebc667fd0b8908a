"""Rates by group of a table, each with its interval."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import pandas as pd

from tau2_logging.analysis.deep.reading.recorded import cluster_codes
from tau2_logging.statistics.intervals import rate_columns, rate_of


def rate_table(
    table: pd.DataFrame, by: Sequence[str], hit: str | Callable[[pd.DataFrame], Any], name: str, hits: str, of: str = "calls"
) -> pd.DataFrame:
    """Return the rate of a truth in each group of a table, largest groups first; clustered by task. Rows if it is unknown do not count."""
    truth = table[hit] if isinstance(hit, str) else pd.Series(hit(table), index=table.index)
    table = table.assign(_hit=truth, _cluster=cluster_codes(table))
    table = table[table["_hit"].notna()]
    groups = list(table.groupby(list(by), sort=True, dropna=False)) if by else [((), table)]
    keys = [key if isinstance(key, tuple) else (key,) for key, _ in groups]
    found = [rate_of(group["_hit"].astype(float), group["_cluster"]) for _, group in groups]
    data = {column: pd.Series([key[at] for key in keys], dtype=object) for at, column in enumerate(by)}
    result = pd.DataFrame({**data, **rate_columns(found, name, hits, of)})
    return result.sort_values([of], ascending=False, kind="stable", ignore_index=True) if by else result
