"""What stands out: the slowest calls, errors, retries, truncations, simulations that never ended, calls made again and again."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import polars as pl

from tau2_logging.analysis.measures.provenance import only_failed
from tau2_logging.analysis.store.column_types import row_file, row_line
from tau2_logging.analysis.tables.simulations import KEY, TIMED_TYPES, UNFINISHED
from tau2_logging.events import MODEL_CALL_TYPES

if TYPE_CHECKING:
    import pandas as pd

    from tau2_logging.analysis.tables.log_data import LogData

_WHERE = ["file", "line"]


def slowest_calls(log: LogData, top: int = 20) -> pd.DataFrame:
    """Return the slowest calls of all: type, domain, task, trial, step, name (model or function), duration_ms, times_median (of its
    type), error, and where it is in the log: file, line.
    """
    calls = log.select(["type", "duration_ms", "row"], types=TIMED_TYPES).dropna(subset=["duration_ms"])
    median = calls.groupby("type")["duration_ms"].median()
    rows = calls.nlargest(top, "duration_ms", keep="first")["row"].tolist()
    columns = ["type", *KEY, "step", "model", "function", "duration_ms", "error", "row"]
    best = log.select(columns, types=TIMED_TYPES, where=pl.col("row").is_in(rows)).set_index("row").loc[rows].reset_index()
    best = best.assign(name=best["model"].fillna(best["function"]), times_median=best["duration_ms"] / best["type"].map(median))
    best = located(log, best)
    return best[["type", "domain", "task", "trial", "step", "name", "duration_ms", "times_median", "error", *_WHERE]].reset_index(drop=True)


def located(log: LogData, table: pd.DataFrame) -> pd.DataFrame:
    """Return the table with `file` and `line` from its `row`."""
    files = np.array(log.files, dtype=object)
    rows = table["row"].to_numpy(dtype=np.int64)
    return table.assign(file=files[row_file(rows)], line=row_line(rows))


def errors(log: LogData) -> pd.DataFrame:
    """Return failed calls by type, function or model, and class of failure: n, calls and share (of that function's or model's calls; NaN
    in a log that holds failed ones alone), file and line.
    """
    types = [*TIMED_TYPES, "step_complete"]
    failed = _named(log.select(["type", "model", "function", "error_type", "row"], types=types, where=pl.col("error")))
    failed = failed.assign(error_type=failed["error_type"].fillna("unknown"))
    table = failed.groupby(["type", "name", "error_type"], sort=False).agg(n=("row", "size"), row=("row", "min")).reset_index()
    every = _named(log.count(["type", "model", "function"], types)).groupby(["type", "name"])["n"].sum().rename("calls")
    table = table.merge(every.reset_index(), on=["type", "name"])
    table = table.assign(calls=table["calls"].where(~table["type"].isin(only_failed(log))))
    table = located(log, table.assign(share=table["n"] / table["calls"])).sort_values("n", ascending=False, kind="stable")
    return table[["type", "name", "error_type", "n", "calls", "share", *_WHERE]].reset_index(drop=True)


def _named(calls: pd.DataFrame) -> pd.DataFrame:
    return calls.assign(name=calls["model"].fillna(calls["function"]).fillna(""))


def retries(log: LogData) -> pd.DataFrame:
    """Return repeated model calls by model and reason: n, total wait_ms, max attempt."""
    table = log.select(["model", "error_type", "attempt", "wait_ms"], types=["retry"])
    table = table.assign(model=table["model"].fillna("unknown"), error_type=table["error_type"].fillna("unknown"))
    sums = table.groupby(["model", "error_type"], sort=False).agg(
        n=("wait_ms", "size"), wait_ms=("wait_ms", "sum"), max_attempt=("attempt", "max")
    )
    return sums.reset_index().sort_values("n", ascending=False, kind="stable", ignore_index=True)


def truncations(log: LogData) -> pd.DataFrame:
    """Return replies that were cut at the length limit (finish_reason=length): type, KEY, step, model, output_tokens, file, line."""
    columns = ["type", *KEY, "step", "model", "output_tokens", "row"]
    cut = located(log, log.select(columns, types=MODEL_CALL_TYPES, where=pl.col("finish_reason").cast(pl.String) == "length"))
    return cut[["type", "domain", "task", "trial", "step", "model", "output_tokens", *_WHERE]].reset_index(drop=True)


def unfinished(log: LogData) -> pd.DataFrame:
    """Return simulations that never ended or were stopped at the limit, and what they last waited on.

    Columns: KEY, status, attempts, waiting_on, model, step, elapsed_ms, last_type (their last event), file, line of that event.
    """
    simulations = log.simulations
    open_ones = simulations[simulations["status"].isin([UNFINISHED, "timeout"])][[*KEY, "status", "attempts"]]
    result = open_ones
    for types, columns in ((["stuck", "heartbeat"], ["waiting_on", "model", "step", "elapsed_ms"]), (None, ["type", "row"])):
        events = log.select(dict.fromkeys([*KEY, *columns, "row"]), types=types, of=open_ones)
        last = events.groupby(KEY, dropna=False, sort=False).tail(1)
        result = result.merge(last[[*KEY, *columns]], on=KEY, how="left")
    result = result.rename(columns={"type": "last_type"})
    result = located(log, result.assign(row=result["row"].fillna(0)))
    columns = [*KEY, "status", "attempts", "waiting_on", "model", "step", "elapsed_ms", "last_type", *_WHERE]
    return result[columns].reset_index(drop=True)


def repeated_calls(log: LogData, at_least: int = 2) -> pd.DataFrame:
    """Return tools called several times by one simulation with the same arguments: KEY, function, arguments, n.

    Arguments are in the log at level DEBUG alone (tool_payload). Without them nothing can be said, and the table is empty.
    """
    payloads = log.select([*KEY, "function", "arguments"], types=["tool_payload"]).dropna(subset=["arguments"])
    table = payloads.groupby([*KEY, "function", "arguments"], dropna=False, sort=False).size().rename("n").reset_index()
    return table[table["n"] >= at_least].sort_values("n", ascending=False, kind="stable", ignore_index=True)
