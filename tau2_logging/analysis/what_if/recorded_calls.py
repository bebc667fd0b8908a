"""The calls and waits of a run, each placed in the attempt that it belongs to."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from tau2_logging.analysis.measures.servers.server_waiting import calls_at_servers
from tau2_logging.analysis.tables.columns import as_floats, numbers
from tau2_logging.analysis.tables.simulations import KEY
from tau2_logging.events import MODEL_CALL_TYPES

if TYPE_CHECKING:
    from tau2_logging.analysis.tables.log_data import LogData

_CALL = ["type", "model", "call_type", "endpoint", "start_ms", "end_ms", "queue_ms", "cpu_ms", "error", "output_tokens", "span"]
_TOLD = {"server_queue_ms": "queue_told_ms", "network_ms": "outside_told_ms"}
_TOOLS = ("tool_call", "retrieval_call")
_COMPUTES_MS = 50.0
"""A tool call that takes longer waits for something else than this process's CPU."""


def placed_calls(log: LogData, attempts: pd.DataFrame) -> pd.DataFrame:
    """Return the model calls of attempts: `place` (row of the attempt), station, kind, start_ms, arrival_ms (at the server), end_ms,
    queue_ms (in this process), wasted, and what servers told of them (see `server_capacity.measure`).

    A call ends here by the CPU time earlier that it takes of this process (`cpu_ms`), which other simulations wait for: that is work of
    this process, after the call.
    """
    calls = _placed(log.select([*KEY, *_CALL], types=MODEL_CALL_TYPES), attempts)
    calls["station"] = calls["endpoint"].fillna(calls["model"]).fillna("model").astype(str)
    calls["kind"] = calls["type"].astype(str) + " " + calls["model"].astype(str)
    calls["queue_ms"] = np.clip(np.nan_to_num(numbers(calls, "queue_ms")), 0.0, numbers(calls, "end_ms") - numbers(calls, "start_ms"))
    calls["arrival_ms"] = calls["start_ms"] + calls["queue_ms"]
    calls["cpu_ms"] = np.clip(np.nan_to_num(numbers(calls, "cpu_ms")), 0.0, calls["end_ms"] - calls["arrival_ms"])
    calls["end_ms"] -= calls["cpu_ms"]
    return _with_told(log, calls.assign(wasted=_wasted(log, calls, attempts)))


def placed_waits(log: LogData, attempts: pd.DataFrame) -> pd.DataFrame:
    """Return waits before retries and for servers that were down, and tool calls that waited for something, as `placed_calls` does."""
    events = log.select([*KEY, "type", "start_ms", "end_ms", "wait_ms"], types=["retry", "server_wait", *_TOOLS])
    events["end_ms"] = as_floats(events["end_ms"].fillna(events["start_ms"] + events["wait_ms"]))
    waited = ~events["type"].isin(_TOOLS) | (events["end_ms"] - events["start_ms"] >= _COMPUTES_MS)
    waits = _placed(events[waited], attempts)
    length = waits["end_ms"] - waits["start_ms"]
    return waits.assign(work_ms=length, before_ms=0.0, after_ms=0.0, kind="", station=None, wasted=waits["type"] == "retry")


def judged_moments(log: LogData, attempts: pd.DataFrame, calls: pd.DataFrame, apart: bool) -> pd.DataFrame:
    """Return when each attempt that asked a judge about its conversation had played it (`played_ms`), and when its evaluation began
    (`judged_ms`), by place. They are one moment unless evaluations were made `apart` and it waited for its turn."""
    marks = _placed(log.select([*KEY, "type", "start_ms", "end_ms"], types=["evaluation", "step_complete"]), attempts)
    evaluated = marks["type"] == "evaluation"
    begun = marks[evaluated].groupby("place")["start_ms"].min()
    asked = calls[calls["type"] == "evaluator"].groupby("place")["start_ms"].max().reindex(begun.index)
    begun = begun[asked >= begun]
    played = marks[~evaluated].groupby("place")["end_ms"].max().reindex(begun.index)
    return pd.DataFrame({"played_ms": np.fmin(played, begun) if apart else begun, "judged_ms": begun})


def _placed(events: pd.DataFrame, attempts: pd.DataFrame) -> pd.DataFrame:
    """Return the events that lie in an attempt, with its row as `place`, in order of their start; their ends are cut to its end."""
    events = events.dropna(subset=["start_ms", "end_ms"]).astype({"start_ms": float, "end_ms": float})
    both = pd.concat([events[KEY].astype(object), attempts[KEY].astype(object)], ignore_index=True)
    keys = both.groupby(KEY, dropna=False, sort=False).ngroup().to_numpy()
    begin = as_floats(attempts["start_ms"]) - 1e-3
    spans = pd.DataFrame({"key": keys[len(events) :], "start_ms": begin, "until": as_floats(attempts["end_ms"]), "place": attempts.index})
    events = events.assign(key=keys[: len(events)]).sort_values("start_ms", kind="stable")
    found = pd.merge_asof(events, spans.sort_values("start_ms", kind="stable"), on="start_ms", by="key").dropna(subset=["place"])
    found = found[found["start_ms"] <= found["until"]]
    ends = np.maximum(np.minimum(found["end_ms"], found["until"]), found["start_ms"])
    return found.assign(end_ms=ends, place=found["place"].astype(int)).drop(columns=["key", "until"]).reset_index(drop=True)


def _wasted(log: LogData, calls: pd.DataFrame, attempts: pd.DataFrame) -> Any:
    """Return which calls failed and were made again: the last failed one that ended before each retry."""
    waits = log.select([*KEY, "start_ms", "wait_ms"], types=["retry"])
    retries = _placed(waits.assign(end_ms=waits["start_ms"] + waits["wait_ms"]), attempts)
    retries = retries.assign(start_ms=retries["start_ms"] + 1.0)[["place", "start_ms"]]
    failed = calls[calls["error"].fillna(False).astype(bool)]
    ends = pd.DataFrame({"place": failed["place"], "start_ms": failed["end_ms"], "call": failed.index})
    found = pd.merge_asof(retries, ends.sort_values("start_ms", kind="stable"), on="start_ms", by="place")
    return calls.index.isin(found["call"].dropna())


def _with_told(log: LogData, calls: pd.DataFrame) -> pd.DataFrame:
    told = calls_at_servers(log).drop_duplicates(["run", "span"])
    told = told.assign(served_told_ms=numbers(told, "server_e2e_ms") - numbers(told, "server_queue_ms")).rename(columns=_TOLD)
    calls = calls.merge(told[["run", "span", "served_told_ms", *_TOLD.values()]], on=["run", "span"], how="left")
    return calls.assign(outside_told_ms=calls["outside_told_ms"] - calls["cpu_ms"])
