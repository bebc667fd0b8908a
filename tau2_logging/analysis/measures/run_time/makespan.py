"""How long the run took, how many simulations and calls it had open at a time, stragglers, idle workers, context growth."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from tau2_logging.analysis.measures.percentiles import percentile
from tau2_logging.analysis.measures.provenance import is_recorded
from tau2_logging.analysis.measures.run_time.critical_path import chain
from tau2_logging.analysis.tables.columns import as_floats
from tau2_logging.analysis.tables.keyed import kept
from tau2_logging.analysis.tables.run_clock import sessions
from tau2_logging.analysis.tables.simulations import KEY, TIMED_TYPES

if TYPE_CHECKING:
    from tau2_logging.analysis.tables.log_data import LogData


def workers(log: LogData) -> pd.DataFrame:
    """Ended simulations with the thread that ran each: KEY, start_ms, end_ms, duration_ms, thread; in order of their end. Threads of two
    worker processes may bear one number: there the worker's name goes before it."""
    ended = log.select([*KEY, "row", "start_ms", "end_ms", "duration_ms"], types=["task_end"]).dropna(subset=["end_ms"])
    started = log.select([*KEY, "row", "thread", "worker"], types=["task_start"])
    if started["worker"].notna().any():
        started["thread"] = started["worker"].astype(str) + "/" + started["thread"].astype(str)
    pairs = ended.reset_index(drop=True).reset_index().merge(started, on=KEY, how="left", suffixes=("", "_start"))
    pairs = pairs[~(pairs["row_start"] > pairs["row"])].drop_duplicates("index", keep="last")
    return pairs[[*KEY, "start_ms", "end_ms", "duration_ms", "thread"]].sort_values("end_ms", kind="stable", ignore_index=True)


@kept
def idle_tail(log: LogData) -> dict[str, float | int | None]:
    """Return how long the run took, and its end, when no simulation was left to start.

    workers: slots for one simulation at a time (see `attempts`). makespan_ms: first simulation's start to last end, of each start of the
    run, without the pauses between them. starts: how often the run was started. start_up_ms: from those starts to their first simulation,
    not in makespan_ms. tail_ms: from the last simulation's start to the end; idle_worker_ms: what slots were empty after their last
    simulation; idle_share: of all slots' time. chain_ms: what the critical path's simulations took. Of several runs, which have no clock
    in common, nothing is known.
    """
    table = log.attempts
    if table.empty or len(log.by_run) > 1:
        return dict.fromkeys(_TAIL) | {"workers": 0}
    figures = pd.DataFrame([_session_figures(session) for _, session in table.groupby("session")])
    whole, room = float(figures["length"].sum()), float((figures["length"] * figures["slots"]).sum())
    idle = float(figures["idle"].sum())
    return {
        "workers": int(figures["slots"].max()),
        "makespan_ms": whole,
        "starts": len(figures),
        "start_up_ms": start_up_ms(log),
        "tail_ms": float(figures["tail"].iloc[-1]),
        "idle_worker_ms": idle,
        "idle_share": idle / room if room else 0.0,
        "chain_ms": float(chain(log)["duration_ms"].sum()),
    }


_TAIL = ("workers", "makespan_ms", "starts", "start_up_ms", "tail_ms", "idle_worker_ms", "idle_share", "chain_ms")


def _session_figures(table: pd.DataFrame) -> dict[str, float]:
    end = float(table["until_ms"].max())
    ends = table.groupby("slot")["until_ms"].max()
    length = end - float(table["at_ms"].min())
    return {"length": length, "slots": len(ends), "idle": float((end - ends).sum()), "tail": end - float(table["at_ms"].max())}


@kept
def start_up_ms(log: LogData) -> float | None:
    """From each start of the run to its first simulation, by the time of day, all starts together; None if the log does not say.

    That is what it took to set out, starting worker processes and model servers above all.
    """
    if is_recorded(log):
        return None
    marks = log.select(["run", "file", "type", "time"], types=["run_start", "task_start"])
    first = marks.groupby([sessions(marks), "type"])["time"].min().unstack() if len(marks) else pd.DataFrame()
    if not {"run_start", "task_start"} <= set(first):
        return None
    took = (first["task_start"] - first["run_start"]).dropna()
    return float(took.dt.total_seconds().clip(lower=0).sum() * 1000) if len(took) else None


def stragglers(log: LogData, top: int = 10) -> pd.DataFrame:
    """Return the simulations that kept the run from ending: those that ended after 95 % of them had, the last first.

    Columns: KEY, start_ms, end_ms, duration_ms, times_median (its duration over the median one), behind_ms (its end after the 95 %).
    """
    table = workers(log)
    if table.empty:
        return table.assign(times_median=[], behind_ms=[])
    line = percentile(as_floats(table["end_ms"]), 95)
    late = table[table["end_ms"] > line].iloc[::-1].head(top)
    median = percentile(as_floats(table["duration_ms"]), 50)
    late = late.assign(times_median=late["duration_ms"] / median if median else np.nan, behind_ms=late["end_ms"] - line)
    return late.drop(columns="thread").reset_index(drop=True)


def in_flight(start: Any, end: Any) -> tuple[Any, Any]:
    """Return how many intervals are open from each moment on: (moments in ms, counts). At one moment, ends come before starts."""
    known = ~(np.isnan(start) | np.isnan(end)) & (end > start)
    moments = np.round(np.concatenate([end[known], start[known]]), 3)
    changes = np.concatenate([-np.ones(known.sum(), dtype=np.int64), np.ones(known.sum(), dtype=np.int64)])
    order = np.lexsort((changes, moments))
    return moments[order], np.cumsum(changes[order])


def concurrency(log: LogData) -> pd.DataFrame:
    """Return the time-weighted concurrency of simulations and of model and tool calls: what, mean, p50, p95, max, busy_ms (at least one
    open).

    All are taken over the whole run, from its first simulation to its last without pauses, so that mean times wall time is the calls'
    time.
    """
    spans = {"simulation": log.attempts[["start_ms", "end_ms"]]}
    spans |= {type_: log.select(["start_ms", "end_ms"], types=[type_]) for type_ in TIMED_TYPES}
    whole = run_length(log, spans.values())
    rows = []
    for what, table in spans.items():
        moments, counts = in_flight(as_floats(table["start_ms"]), as_floats(table["end_ms"]))
        if len(moments):
            rows.append({"what": what, **_weighted(np.diff(moments), counts[:-1], whole)})
    return pd.DataFrame(rows, columns=["what", "mean", "p50", "p95", "max", "busy_ms"])


def run_length(log: LogData, spans: Iterable[pd.DataFrame]) -> float:
    """Return how long the run took, in ms; from the first call to the last if the log has no simulations."""
    if len(log.attempts):
        return float(log.attempts["until_ms"].max())
    both = pd.concat([table[["start_ms", "end_ms"]] for table in spans])
    return float(both["end_ms"].max() - both["start_ms"].min())


def _weighted(lengths: Any, counts: Any, whole: float) -> dict[str, float]:
    """Return the statistics of the count over a run that took `whole` ms; what the intervals do not cover is time with none open."""
    time = np.bincount(np.maximum(counts, 0), weights=lengths)
    busy = float(time[1:].sum())
    time[0] = max(0.0, whole - busy)
    total = float(time.sum())
    reached = np.cumsum(time)
    return {
        "mean": float(np.sum(np.arange(len(time)) * time)) / total if total else float("nan"),
        "p50": float(np.searchsorted(reached, 0.5 * total)),
        "p95": float(np.searchsorted(reached, 0.95 * total)),
        "max": float(counts.max()),
        "busy_ms": busy,
    }


def latency_by_concurrency(log: LogData, type_: str = "llm_call") -> pd.DataFrame:
    """Return how long calls took, by how many of their kind were in flight when they started (itself included).

    Columns: in_flight (as `4-7`), n, mean_ms, p50_ms, p95_ms, queue_mean_ms; ranges double.
    """
    calls = log.select(["start_ms", "end_ms", "duration_ms", "queue_ms"], types=[type_]).dropna(subset=["start_ms", "end_ms"])
    start = as_floats(calls["start_ms"])
    moments, counts = in_flight(start, as_floats(calls["end_ms"]))
    if not len(moments):
        return pd.DataFrame(columns=["in_flight", "n", "mean_ms", "p50_ms", "p95_ms", "queue_mean_ms"])
    level = np.maximum(counts[np.searchsorted(moments, start, side="right") - 1], 1)
    bucket = np.floor(np.log2(level)).astype(int)
    rows = []
    for number in np.unique(bucket):
        ms, queue = as_floats(calls["duration_ms"])[bucket == number], as_floats(calls["queue_ms"])[bucket == number]
        name = "1" if number == 0 else f"{2**number}-{2 ** (number + 1) - 1}"
        waited = float(np.nanmean(queue)) if not np.isnan(queue).all() else float("nan")
        figures = {"mean_ms": float(ms.mean()), "p50_ms": percentile(ms, 50), "p95_ms": percentile(ms, 95), "queue_mean_ms": waited}
        rows.append({"in_flight": name, "n": len(ms), **figures})
    return pd.DataFrame(rows)


def context_growth(log: LogData) -> pd.DataFrame:
    """Return how the agent's prompt grows: by its n-th call in a simulation, the calls, mean input tokens and the cached share of them."""
    calls = log.select(["simulation_number", "input_tokens", "cached_tokens"], types=["llm_call"]).dropna(subset=["input_tokens"])
    calls = calls.assign(
        turn=calls.groupby("simulation_number").cumcount() + 1,
        input=as_floats(calls["input_tokens"]),
        cached=as_floats(calls["cached_tokens"]),
    )
    table = calls.groupby("turn").agg(
        calls=("input", "size"), mean_input_tokens=("input", "mean"), total=("input", "sum"), cached=("cached", _sum)
    )
    table["cached_share"] = table["cached"] / table["total"]
    return table[["calls", "mean_input_tokens", "cached_share"]].reset_index()


def _sum(values: Any) -> Any:
    return values.sum(min_count=1)
