"""Findings about waiting for a model: in the server's queue."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pandas as pd

from tau2_logging.analysis.findings.finding import TIME, Finding, Proof, Saving
from tau2_logging.analysis.findings.run_facts import RunFacts, line_names, listed, short, simulation_names
from tau2_logging.analysis.measures.servers.queue_by_load import LEAST_SHARE, queue_by_load, queues_from
from tau2_logging.analysis.tables.columns import as_floats
from tau2_logging.analysis.tables.simulations import KEY
from tau2_logging.units import duration, plural, share

LEAST_CALLS = 20
"""Fewer model calls are not told about."""


def waiting_at_server(run: RunFacts) -> Iterator[Finding]:
    """Tell of queues in model servers: at least LEAST_SHARE of a call's time, over at least LEAST_CALLS calls that servers told of, each
    by itself or in their own sums (/metrics).
    """
    source, table = _queues(run)
    calls = as_floats(table["calls"])
    queue, call = (as_floats(table[name]) * calls for name in ("queue_mean_ms", "call_mean_ms"))
    if calls.sum() < LEAST_CALLS or queue.sum() < LEAST_SHARE * call.sum():
        return
    endpoint = str(table["endpoint"].iloc[int(np.argmax(queue))])
    begins, running = queues_from(queue_by_load(run.log), endpoint), _peak_running(run, endpoint)
    number, mean_queue, mean_call = int(calls.sum()), queue.sum() / calls.sum(), call.sum() / calls.sum()
    slowest = _longest_queues(run)
    yield Finding(
        "waiting_at_server",
        f"{share(queue.sum() / call.sum())} of a model call is waiting in the server's queue ({duration(mean_queue)} of "
        f"{duration(mean_call)}, mean of {number:,} calls).{_begins(endpoint, begins, running)}",
        _fewer_calls(begins, running),
        run.time_share(float(queue.sum())),
        TIME,
        Proof(source, line_names(slowest), simulation_names(slowest)),
        {
            "queue_share": queue.sum() / call.sum(), "queue_mean_ms": mean_queue, "call_mean_ms": mean_call, "calls": number,
            "queues_from": begins, "peak_running": running,
        },
        Saving(run.wall_part(float(queue.sum()))),
    )  # fmt: skip


def _queues(run: RunFacts) -> tuple[str, pd.DataFrame]:
    """Return the name of a table and endpoint, calls, queue_mean_ms and call_mean_ms from it: of each call, else of the servers' sums."""
    each = run.log.waiting_at_servers().dropna(subset=["server_queue_mean_ms", "call_mean_ms"])
    if as_floats(each["told"]).sum() >= LEAST_CALLS:
        columns = {"told": "calls", "server_queue_mean_ms": "queue_mean_ms"}
        return "waiting_at_servers", each.drop(columns="calls").rename(columns=columns)
    servers = run.log.model_servers().dropna(subset=["queue_mean_ms", "client_mean_ms"])
    return "model_servers", servers.rename(columns={"client_mean_ms": "call_mean_ms"})


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


LEAST_SIMULATIONS = 5
LEAST_WAIT_HERE, LEAST_WAIT_TO_RETRY = 0.05, 0.02
LEAST_RETRIES = 3
_RATE_LIMIT = "RateLimitError"


def waiting_here(run: RunFacts) -> Iterator[Finding]:
    """Tell of waiting in this process: at least LEAST_WAIT_HERE of the time of at least LEAST_SIMULATIONS simulations."""
    waits = as_floats(run.budget["queue_ms"]) if len(run.budget) else np.empty(0)
    waited, known = float(np.nansum(waits)), int((~np.isnan(waits)).sum())
    if known < LEAST_SIMULATIONS or run.time_share(waited) < LEAST_WAIT_HERE:
        return
    longest = run.budget.sort_values("queue_ms", ascending=False, kind="stable")
    yield Finding(
        "waiting_here",
        f"{share(run.time_share(waited))} of the time of simulations is waiting in this process, for a connection or the rate limit "
        f"({duration(waited)} of {duration(run.simulation_ms)}, {known:,} simulations).",
        "Raise --rate-limit if it is set, or lower --max-concurrency: fewer simulations at a time take as long in all.",
        run.time_share(waited),
        TIME,
        Proof("budget", (), simulation_names(longest)),
        {"waited_ms": waited, "simulation_ms": run.simulation_ms, "simulations": known},
        Saving(run.wall_part(waited)),
    )


def waiting_to_retry(run: RunFacts) -> Iterator[Finding]:
    """Tell of waits before retries, by cause: at least LEAST_RETRIES that took LEAST_WAIT_TO_RETRY of the simulations' time."""
    table = run.log.retries()
    waited, number = float(table["wait_ms"].sum()), int(table["n"].sum())
    if number < LEAST_RETRIES or run.time_share(waited) < LEAST_WAIT_TO_RETRY:
        return
    causes = table.groupby("error_type")[["n", "wait_ms"]].sum().sort_values("wait_ms", ascending=False, kind="stable")
    listed_causes = ", ".join(f"{duration(row.wait_ms)} after {row.n:,} {short(row.Index)}" for row in causes.head(3).itertuples())
    events = run.log.select([*KEY, "wait_ms", "file", "line"], types=["retry"])
    events = events.sort_values("wait_ms", ascending=False, kind="stable")
    yield Finding(
        "waiting_to_retry",
        f"{share(run.time_share(waited))} of the time of simulations is waiting before {number:,} retries ({duration(waited)} of "
        f"{duration(run.simulation_ms)}): {listed_causes}.",
        _calmer(str(causes.index[0])),
        run.time_share(waited),
        TIME,
        Proof("retries", line_names(events), simulation_names(events)),
        {"waited_ms": waited, "simulation_ms": run.simulation_ms, "retries": number, "by_cause_ms": causes["wait_ms"].to_dict()},
        Saving(run.wall_part(waited)),
    )


def _calmer(cause: str) -> str:
    if cause == _RATE_LIMIT:
        return "Stay below the provider's limit with --rate-limit or a lower --max-concurrency, or ask for a higher limit."
    return f"Find out why calls end in {short(cause)}; --max-retry-wait limits each wait."


def server_down(run: RunFacts) -> Iterator[Finding]:
    """Tell of servers that were down, if calls waited for them or at least LEAST_RETRIES failed there."""
    table = run.log.outages()
    waited, waits, failed = (float(table[name].sum()) for name in ("wait_ms", "waits", "failed_calls"))
    if table.empty or (waits == 0 and failed < LEAST_RETRIES):
        return
    most = table.sort_values(["simulations", "wait_ms"], ascending=False, kind="stable").iloc[0]
    events = run.log.select([*KEY, "file", "line"], types=["server_down"])
    waiting = run.log.select([*KEY, "file", "line"], types=["server_wait"])
    yield Finding(
        "server_down",
        f"Model servers were down {len(table):,} time{'s' * (len(table) > 1)} ({listed(table['endpoint'].unique(), 3)}): "
        f"{_waited_or_failed(int(waits), waited, int(failed))}, in the worst outage in {int(most['simulations']):,} of "
        f"{plural(int(most['of_simulations']), 'simulation')}.",
        "Read why the server was left out in the first lines; --server-wait says how long calls wait for it.",
        run.time_share(waited),
        TIME,
        Proof("outages", line_names(events), simulation_names(waiting)),
        {"outages": len(table), "waits": int(waits), "waited_ms": waited, "failed_calls": int(failed)},
        Saving(run.wall_part(waited)),
    )


def _waited_or_failed(waits: int, waited: float, failed: int) -> str:
    parts = [f"{plural(waits, 'call')} waited {duration(waited)} in all"] if waits else []
    return " and ".join([*parts, *([f"{plural(failed, 'call')} failed"] if failed else [])])
