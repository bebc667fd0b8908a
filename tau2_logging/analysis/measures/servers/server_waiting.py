"""Where each model call waited, by its server's own clock: in the server's queue, for its prompt, for its tokens, or on the way."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from tau2_logging.analysis.tables.columns import numbers
from tau2_logging.events import MODEL_CALL_TYPES
from tau2_logging.events.kinds import SERVER_CALL_MS

if TYPE_CHECKING:
    from tau2_logging.analysis.tables.log_data import LogData

_CALL = ["run", "span"]
_KEYS = ["role", "model", "endpoint"]
_FIGURES = ("server_queue", "server_prefill", "server_ttft", "server_decode", "server_e2e", "network", "call")
WAITING_COLUMNS = (
    *_KEYS, "source", "calls", "told", *(f"{name}_mean_ms" for name in _FIGURES), "server_queue_p95_ms", "server_prefill_p95_ms",
)  # fmt: skip


def calls_at_servers(log: LogData) -> pd.DataFrame:
    """Return one row a model call that went over HTTP: run, span, role, model, endpoint, error, duration_ms, queue_ms, SERVER_CALL_MS,
    source, network_ms.

    A request that was made more than once within a call (a proxy's retry, a stream that was repeated plainly) counts with the sum of its
    times. What the reply says is used if no trace was received. `network_ms` is what is left of a successful call: its duration less our
    own queue and the server's e2e, so the network, proxies, and the client's own work. NaN if the server does not say.
    """
    calls = log.select([*_KEYS, *_CALL, "error", "duration_ms", "queue_ms"], types=MODEL_CALL_TYPES)
    calls = calls[calls["endpoint"].notna()]
    calls = calls.merge(_told(log), on=_CALL, how="left")
    failed = calls["error"].astype("boolean").fillna(False).to_numpy(dtype=bool)
    left_ms = numbers(calls, "duration_ms") - np.nan_to_num(numbers(calls, "queue_ms")) - numbers(calls, "server_e2e_ms")
    return calls.assign(network_ms=np.where(failed, np.nan, left_ms))


def _told(log: LogData) -> pd.DataFrame:
    """Return the server's times of each call, once a call."""
    told = log.select([*_CALL, "server_source", *SERVER_CALL_MS], types=["server_call"]).rename(columns={"server_source": "source"})
    traced = set(zip(*(told.loc[told["source"] == "trace", name] for name in _CALL), strict=True))
    doubled = np.array([key in traced for key in zip(told["run"], told["span"], strict=True)], dtype=bool)
    told = told[(told["source"] == "trace") | ~doubled].astype(dict.fromkeys(SERVER_CALL_MS, float))
    groups = told.groupby(_CALL, sort=False)
    return groups[list(SERVER_CALL_MS)].sum(min_count=1).join(groups["source"].last()).reset_index()


def with_server_times(log: LogData, events: pd.DataFrame) -> pd.DataFrame:
    """Return the events with the SERVER_CALL_MS in the rows of the model calls whose server told them."""
    told = _told(log)
    if told.empty:
        return events
    places = pd.MultiIndex.from_frame(events[_CALL])
    found = told.set_index(_CALL)[list(SERVER_CALL_MS)].reindex(places)
    return events.assign(**{name: found[name].to_numpy() for name in SERVER_CALL_MS})


def waiting_table(log: LogData) -> pd.DataFrame:
    """By role, model, endpoint and source: WAITING_COLUMNS. `told` of the `calls` have figures of their server; means and 95th
    percentiles are of those that have the figure, in ms, NaN if none has. Empty if no server told anything.
    """
    if log.select(["type"], types=["server_call"]).empty:
        return pd.DataFrame(columns=WAITING_COLUMNS)
    calls = calls_at_servers(log)
    told = calls[calls["source"].notna()]
    counts = calls.groupby(_KEYS, dropna=False).size()
    rows = [{**dict(zip([*_KEYS, "source"], key, strict=True)), **_figures(group)} for key, group in told.groupby([*_KEYS, "source"])]
    table = pd.DataFrame(rows, columns=[name for name in WAITING_COLUMNS if name != "calls"])
    return table.assign(calls=[int(counts[key]) for key in zip(*(table[name] for name in _KEYS), strict=True)])[list(WAITING_COLUMNS)]


def _figures(calls: pd.DataFrame) -> dict[str, Any]:
    values = {name: numbers(calls, f"{name}_ms") for name in _FIGURES if name != "call"}
    failed = calls["error"].astype("boolean").fillna(False).to_numpy(dtype=bool)
    values["call"] = np.where(failed, np.nan, numbers(calls, "duration_ms"))
    known = {name: column[~np.isnan(column)] for name, column in values.items()}
    return {
        "told": len(calls),
        **{f"{name}_mean_ms": float(column.mean()) if len(column) else np.nan for name, column in known.items()},
        **{f"{name}_p95_ms": _p95(known[name]) for name in ("server_queue", "server_prefill")},
    }


def _p95(values: Any) -> float:
    return float(np.percentile(values, 95)) if len(values) else float("nan")
