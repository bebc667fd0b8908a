"""What decided how long the run took: the chain of simulations that ended last, stragglers, idle workers, concurrency, context growth."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from tau2_logging.analysis.simulations import KEY, TIMED_TYPES
from tau2_logging.analysis.summary import as_floats, percentile

if TYPE_CHECKING:
    import pandas as pd

    from tau2_logging.analysis.table import RunLog


def workers(log: RunLog) -> pd.DataFrame:
    """Ended simulations with the thread that ran each: KEY, start_ms, end_ms, duration_ms, thread; in order of their end. Threads of two
    worker processes may bear one number: there the worker's name goes before it."""
    ended = log.select([*KEY, "row", "start_ms", "end_ms", "duration_ms"], types=["task_end"]).dropna(subset=["end_ms"])
    started = log.select([*KEY, "row", "thread", "worker"], types=["task_start"])
    if started["worker"].notna().any():
        started["thread"] = started["worker"].astype(str) + "/" + started["thread"].astype(str)
    pairs = ended.reset_index(drop=True).reset_index().merge(started, on=KEY, how="left", suffixes=("", "_start"))
    pairs = pairs[~(pairs["row_start"] > pairs["row"])].drop_duplicates("index", keep="last")
    return pairs[[*KEY, "start_ms", "end_ms", "duration_ms", "thread"]].sort_values("end_ms", kind="stable", ignore_index=True)


def critical_path(log: RunLog) -> pd.DataFrame:
    """The simulations and calls that decided the makespan, in order of time.

    The run ends with its last simulation; that one began when its worker (thread) was done with the one before, and so on back to the
    begin. Columns: KEY, type, name (model or function), step, start_ms, duration_ms, share (of the chain's time), line.
    """
    chain = _chain(workers(log))
    calls = log.select([*KEY, "type", "model", "function", "step", "start_ms", "duration_ms", "file", "line"], types=TIMED_TYPES)
    calls = calls.merge(chain[[*KEY, "start_ms", "end_ms"]].rename(columns={"start_ms": "begin", "end_ms": "end"}), on=KEY)
    inside = (as_floats(calls["start_ms"]) >= as_floats(calls["begin"]) - 1e-3) & (as_floats(calls["start_ms"]) <= as_floats(calls["end"]))
    calls = calls[inside].sort_values("start_ms", kind="stable", ignore_index=True)
    whole = float(np.sum(as_floats(chain["duration_ms"])))
    calls["name"] = calls["model"].fillna(calls["function"])
    calls["share"] = as_floats(calls["duration_ms"]) / whole if whole else np.nan
    return calls[[*KEY, "type", "name", "step", "start_ms", "duration_ms", "share", "file", "line"]]


def _chain(table: pd.DataFrame) -> pd.DataFrame:
    if table.empty:
        return table
    last = table.iloc[-1]
    same = table[(table["thread"] == last["thread"]).fillna(True).to_numpy(dtype=bool)]
    chain, begin = [last.name], float(last["start_ms"])
    for place in same.index[::-1]:
        if float(same.at[place, "end_ms"]) <= begin + 1.0 and place not in chain:
            chain.append(place)
            begin = float(same.at[place, "start_ms"])
    return table.loc[chain[::-1]]


def idle_tail(log: RunLog) -> dict[str, float | int | None]:
    """The end of the run, when no simulation was left to begin.

    makespan_ms: first start to last end; tail_ms: from the last start to the end; idle_worker_ms: what workers waited there in all, each
    from its last end to the run's; idle_share: of all workers' time; workers: threads that ran simulations.
    """
    table = workers(log)
    if table.empty:
        return {"workers": 0, "makespan_ms": None, "tail_ms": None, "idle_worker_ms": None, "idle_share": None}
    begin, end = float(table["start_ms"].min()), float(table["end_ms"].max())
    last_ends = table.groupby("thread", dropna=False)["end_ms"].max()
    idle = float((end - last_ends).sum())
    return {
        "workers": len(last_ends),
        "makespan_ms": end - begin,
        "tail_ms": end - float(table["start_ms"].max()),
        "idle_worker_ms": idle,
        "idle_share": idle / (len(last_ends) * (end - begin)) if end > begin else 0.0,
    }


def stragglers(log: RunLog, top: int = 10) -> pd.DataFrame:
    """The simulations that kept the run from ending: those that ended after 95 % of them had, the last first.

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
    """How many intervals are open from each moment on: (moments in ms, counts). At one moment, ends come before starts."""
    known = ~(np.isnan(start) | np.isnan(end)) & (end > start)
    moments = np.round(np.concatenate([end[known], start[known]]), 3)
    changes = np.concatenate([-np.ones(known.sum(), dtype=np.int64), np.ones(known.sum(), dtype=np.int64)])
    order = np.lexsort((changes, moments))
    return moments[order], np.cumsum(changes[order])


def concurrency(log: RunLog) -> pd.DataFrame:
    """Time-weighted concurrency of simulations and of model and tool calls: what, mean, p50, p95, max, busy_ms (at least one open)."""
    import pandas as pd

    rows = []
    for what, types in (("simulation", ["task_end"]), *((type_, [type_]) for type_ in TIMED_TYPES)):
        table = log.select(["start_ms", "end_ms"], types=types)
        moments, counts = in_flight(as_floats(table["start_ms"]), as_floats(table["end_ms"]))
        if len(moments):
            rows.append({"what": what, **_weighted(np.diff(moments), counts[:-1])})
    return pd.DataFrame(rows, columns=["what", "mean", "p50", "p95", "max", "busy_ms"])


def _weighted(lengths: Any, counts: Any) -> dict[str, float]:
    """Statistics of the count over the time from the first start to the last end."""
    time = np.bincount(np.maximum(counts, 0), weights=lengths)
    total = float(time.sum())
    reached = np.cumsum(time)
    return {
        "mean": float(np.sum(np.arange(len(time)) * time)) / total if total else float("nan"),
        "p50": float(np.searchsorted(reached, 0.5 * total)),
        "p95": float(np.searchsorted(reached, 0.95 * total)),
        "max": float(counts.max()),
        "busy_ms": total - float(time[0]),
    }


def latency_by_concurrency(log: RunLog, type_: str = "llm_call") -> pd.DataFrame:
    """How long calls took, by how many of their kind were in flight when they began (itself included).

    Columns: in_flight (as `4-7`), n, mean_ms, p50_ms, p95_ms, queue_mean_ms; ranges double.
    """
    import pandas as pd

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


def context_growth(log: RunLog) -> pd.DataFrame:
    """How the agent's prompt grows: by its n-th call in a simulation, the calls, mean input tokens and the cached share of them."""
    calls = log.select([*KEY, "input_tokens", "cached_tokens"], types=["llm_call"]).dropna(subset=["input_tokens"])
    calls = calls.assign(
        turn=calls.groupby(KEY, dropna=False).cumcount() + 1,
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
