"""Findings about waiting for a model: in the server's queue."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pandas as pd

from tau2_logging.analysis.findings.finding import TIME, Finding, Proof, Saving
from tau2_logging.analysis.findings.run_facts import RunFacts, line_names, short, simulation_names
from tau2_logging.analysis.measures.servers.queue_by_load import LEAST_SHARE, queue_by_load, queues_from
from tau2_logging.analysis.tables.columns import as_floats
from tau2_logging.analysis.tables.simulations import KEY
from tau2_logging.units import duration, share

LEAST_CALLS = 20
"""Fewer model calls are not told about."""


def waiting_at_server(run: RunFacts) -> Iterator[Finding]:
    """Tell of queues in model servers: at least LEAST_SHARE of a call's time, over at least LEAST_CALLS calls that servers told of."""
    table = run.log.waiting_at_servers().dropna(subset=["server_queue_mean_ms", "call_mean_ms"])
    told = as_floats(table["told"])
    queue, call = (as_floats(table[name]) * told for name in ("server_queue_mean_ms", "call_mean_ms"))
    if told.sum() < LEAST_CALLS or queue.sum() < LEAST_SHARE * call.sum():
        return
    endpoint = str(table["endpoint"].iloc[int(np.argmax(queue))])
    begins, running = queues_from(queue_by_load(run.log), endpoint), _peak_running(run, endpoint)
    calls, mean_queue, mean_call = int(told.sum()), queue.sum() / told.sum(), call.sum() / told.sum()
    slowest = _longest_queues(run)
    yield Finding(
        "waiting_at_server",
        f"{share(queue.sum() / call.sum())} of a model call is waiting in the server's queue ({duration(mean_queue)} of "
        f"{duration(mean_call)}, mean of {calls:,} calls).{_begins(endpoint, begins, running)}",
        _fewer_calls(begins, running),
        run.time_share(float(queue.sum())),
        TIME,
        Proof("waiting_at_servers", line_names(slowest), simulation_names(slowest)),
        {
            "queue_share": queue.sum() / call.sum(), "queue_mean_ms": mean_queue, "call_mean_ms": mean_call, "calls": calls,
            "queues_from": begins, "peak_running": running,
        },
        Saving(run.wall_part(float(queue.sum()))),
    )  # fmt: skip


def _begins(endpoint: str, begins: int | None, running: int | None) -> str:
    parts = []
    if begins is not None:
        parts.append(f"it begins at {begins} calls in flight")
    if running is not None:
        parts.append(f"the server worked on at most {running} at a time")
    return f" At {short(endpoint)} {' and '.join(parts)}." if parts else ""


def _fewer_calls(begins: int | None, running: int | None) -> str:
    most = running or (begins - 1 if begins is not None else None)
    fewer = f"--max-concurrency {most}" if most else "a lower --max-concurrency"
    return f"Add a server (--endpoint, --num-servers) or let it take more at once; {fewer} gives latencies without this queue."


def _peak_running(run: RunFacts, endpoint: str) -> int | None:
    """Return how many requests the server was seen to work on at most, if others waited then."""
    table = run.log.model_servers()
    found = table[(table["endpoint"] == endpoint) & (as_floats(table["peak_waiting"]) > 0)]["peak_running"].dropna()
    return int(found.iloc[0]) if len(found) and found.iloc[0] > 0 else None


def _longest_queues(run: RunFacts) -> pd.DataFrame:
    events: Any = run.log.select([*KEY, "server_queue_ms", "file", "line"], types=["server_call"])
    return events.sort_values("server_queue_ms", ascending=False, kind="stable").head(3)
