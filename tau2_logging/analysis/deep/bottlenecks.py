"""Where the time went: by role, by tool, by simulation, and between calls."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd

from tau2_logging.analysis.deep.reading.recorded import RUN_KEY, Recorded
from tau2_logging.analysis.measures.percentiles import percentile

LEAST_FOR_P95 = 20
"""Fewer values give no p95: it would be the largest of them."""


def times(table: pd.DataFrame, by: Sequence[str], column: str) -> pd.DataFrame:
    """Return n, total, share of the total, mean, p50, p95 and max of a column of ms; the largest total first. A p95 needs 20 values."""
    table = table[table[column].notna()]
    whole = float(table[column].sum())
    rows = []
    for key, group in table.groupby(list(by), dropna=False):
        values = group[column].to_numpy(dtype=float)
        p95 = percentile(values, 95) if len(values) >= LEAST_FOR_P95 else np.nan
        total = float(values.sum())
        rows.append(
            (*key, len(values), total, total / whole if whole else np.nan, values.mean(), percentile(values, 50), p95, values.max())
        )
    names = pd.Index([*by, "n", "total_ms", "share", "mean_ms", "p50_ms", "p95_ms", "max_ms"])
    return pd.DataFrame(rows, columns=names).sort_values("total_ms", ascending=False, kind="stable", ignore_index=True)


def time_by_role(recorded: Recorded) -> pd.DataFrame:
    """Return the time of agent, user and tools, by domain; `measured` says how: by a log's clock, or as the gap between two messages'
    time stamps, which holds whatever else went on in it.
    """
    replies = recorded.replies[["domain", "role", "took_ms", "error_type"]].rename(columns={"took_ms": "ms"})
    known = set(recorded.calls.loc[recorded.calls["duration_ms"].notna(), "domain"])
    replies = replies[~(replies["role"].eq("tool") & replies["domain"].isin(known))]
    tools = recorded.calls[["domain", "duration_ms"]].rename(columns={"duration_ms": "ms"}).assign(role="tool")
    table = pd.concat([replies[["domain", "role", "ms"]].assign(ms=lambda t: t["ms"].astype(float)), tools], ignore_index=True)
    result = times(table, ["domain", "role"], "ms")
    return result.assign(measured=["clock" if domain in known else "time stamps" for domain in result["domain"]])


def slow_tools(recorded: Recorded) -> pd.DataFrame:
    """Return time by tool: n, total, share of all tool time, mean, p50, p95, max; from the clock if there is one, else from time stamps."""
    calls = recorded.calls
    calls = calls.assign(ms=calls["duration_ms"].where(calls["duration_ms"].notna(), calls["gap_ms"]))
    return times(calls, ["domain", "requestor", "tool"], "ms")


def slow_simulations(recorded: Recorded, most: int = 20) -> pd.DataFrame:
    """Return the longest simulations, how many calls and replies they took, and how they compare with the median of their domain
    (`times_median`).
    """
    table = recorded.simulations[[*RUN_KEY, "duration_s", "reward", "termination"]]
    median = table.groupby("domain")["duration_s"].transform("median")
    calls = recorded.calls.groupby(RUN_KEY, dropna=False).size().rename("calls").reset_index()
    replies = (
        recorded.replies[recorded.replies["role"].isin(["assistant", "user"])]
        .groupby(RUN_KEY, dropna=False)
        .size()
        .rename("replies")
        .reset_index()
    )
    table = table.assign(duration_ms=table["duration_s"] * 1000, times_median=table["duration_s"] / median.where(median > 0))
    table = table.merge(calls, on=RUN_KEY, how="left").merge(replies, on=RUN_KEY, how="left")
    table = table.dropna(subset=["duration_s"]).nlargest(most, "duration_s").drop(columns="duration_s").reset_index(drop=True)
    return table[[*RUN_KEY, "duration_ms", "times_median", "calls", "replies", "reward", "termination"]]


def between_calls(recorded: Recorded) -> pd.DataFrame:
    """Return time from the result of one tool call to that of the next of the same requestor and simulation: n, mean, p50, p95, max (ms),
    by domain.
    """
    calls = recorded.calls
    gap = calls.groupby([*RUN_KEY, "requestor"], sort=False, dropna=False)["at_s"].diff() * 1000
    result = times(calls.assign(between=gap), ["domain", "requestor"], "between")
    return result.drop(columns=["total_ms", "share"])


def values(recorded: Recorded) -> pd.DataFrame:
    """Return distributions: for counts, sizes, tokens and times n, mean, standard deviation (ddof=1), min, quartiles, p95 (from 20 values
    on), max.
    """
    simulations = recorded.simulations
    sums = recorded.calls.groupby(RUN_KEY, dropna=False)
    mine = recorded.replies[recorded.replies["role"] == "assistant"]
    columns: dict[str, pd.DataFrame] = {
        "calls a simulation": sums.size().rename("value").reset_index(),
        "failed calls a simulation": sums["error"].agg(lambda e: float(e.eq(True).sum())).rename("value").reset_index(),
        "arguments a call": recorded.calls.rename(columns={"argument_count": "value"}),
        "bytes of arguments": recorded.calls.rename(columns={"argument_bytes": "value"}),
        "complexity of arguments": recorded.calls.rename(columns={"complexity": "value"}),
        "tool time, ms": recorded.calls.rename(columns={"duration_ms": "value"}),
        "prompt tokens of a reply": mine.rename(columns={"prompt_tokens": "value"}),
        "seconds a simulation": simulations.rename(columns={"duration_s": "value"}),
        "agent's cost, USD": simulations.rename(columns={"agent_cost_usd": "value"}),
    }
    rows: list[tuple[Any, ...]] = []
    for name, table in columns.items():
        for domain, group in table.assign(value=pd.to_numeric(table["value"])).dropna(subset=["value"]).groupby("domain"):
            rows.append((domain, name, *_spread(group["value"].to_numpy(dtype=float))))
    names = ["domain", "of", "n", "mean", "std", "min", "p25", "p50", "p75", "p95", "max"]
    return pd.DataFrame(rows, columns=pd.Index(names))


def _spread(found: Any) -> tuple[float, ...]:
    std = float(found.std(ddof=1)) if len(found) > 1 else float("nan")
    p95 = percentile(found, 95) if len(found) >= LEAST_FOR_P95 else float("nan")
    quartiles = (percentile(found, percent) for percent in (25, 50, 75))
    return (len(found), float(found.mean()), std, float(found.min()), *quartiles, p95, float(found.max()))
