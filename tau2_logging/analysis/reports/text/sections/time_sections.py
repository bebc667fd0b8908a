"""Where the time went: time budget, critical path, concurrency, worker processes, context growth."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from tau2_logging.analysis.measures.run_time import makespan
from tau2_logging.analysis.measures.run_time.critical_path import chain, critical_kinds
from tau2_logging.analysis.measures.run_time.time_budget import total_budget
from tau2_logging.analysis.reports.text.sections.call_columns import CALL_COLUMNS
from tau2_logging.analysis.reports.text.sections.section import Section, Show, mean, section, text
from tau2_logging.units import count, duration, number, plural, share
from tau2_logging.units import milliseconds as ms

if TYPE_CHECKING:
    from tau2_logging.analysis.run_log import RunLog


def chain_note(log: RunLog) -> str:
    """Return what the critical path is, and how much of the wall time it covers."""
    idle, links = makespan.idle_tail(log), chain(log)
    whole = idle["makespan_ms"] or float("nan")
    took = f"{duration(idle['chain_ms'])}, {share((idle['chain_ms'] or 0.0) / whole)} of the wall time"
    return (
        f"{plural(len(links), 'simulation')} one after the other in one slot, back from the one that ended last, took {took}. Shares are "
        "of the chain's time; calls at the same time each count their own. After the last simulation had started, "
        f"{duration(idle['tail_ms'])} passed, and workers waited {duration(idle['idle_worker_ms'])} in all."
    )


def time_sections(log: RunLog) -> Iterator[Section]:
    """Yield time budget, makespan, concurrency, context."""
    budget = log.budget()
    shows: dict[str, tuple[str, Show]] = {
        "kind": ("kind", text), "total_ms": ("total ms", ms), "share": ("share", share), "mean_ms": ("ms a simulation", ms),
        "simulations": ("of simulations", count),
    }  # fmt: skip
    yield section("Time budget", total_budget(budget), shows, BUDGET_NOTE, key=True)
    path = log.critical_path()
    if len(path):
        kinds: dict[str, tuple[str, Show]] = {"type": ("type", text), "name": ("model or function", text), "n": ("n", count),
            "duration_ms": ("total ms", ms), "share_of_chain": ("share of chain", share)}  # fmt: skip
        yield section("Critical path", critical_kinds(path), kinds, chain_note(log), top=12)
        yield section("Slowest on the critical path", path.nlargest(8, "duration_ms"), CALL_COLUMNS)
    yield section("Stragglers", log.stragglers(), CALL_COLUMNS, "Simulations that ended after 95 % of them had.")
    levels: dict[str, tuple[str, Show]] = {
        "what": ("what", text), "mean": ("mean", number), "p50": ("p50", number), "p95": ("p95", number), "max": ("max", number),
        "busy_ms": ("busy ms", ms),
    }  # fmt: skip
    yield section("Concurrency", log.concurrency(), levels, "How many were open at once, weighted by time.")
    processes: dict[str, tuple[str, Show]] = {"worker": ("worker", text), "host": ("host", text), "ready_ms": ("ready at ms", ms),
        "simulations": ("simulations", count), "failed": ("failed", count), "mean_ms": ("mean ms", ms), "lost": ("lost", count),
        "ended_because": ("ended because", text)}  # fmt: skip
    yield section("Worker processes", log.worker_processes(), processes, WORKER_NOTE)
    by_level: dict[str, tuple[str, Show]] = {"in_flight": ("in flight", text), "n": ("n", count), "mean_ms": ("mean ms", mean),
        "p50_ms": ("p50", ms), "p95_ms": ("p95", ms), "queue_mean_ms": ("queue mean", ms)}  # fmt: skip
    yield section("llm_call by concurrency", log.latency_by_concurrency(), by_level)
    growth: dict[str, tuple[str, Show]] = {"turn": ("call", count), "calls": ("calls", count),
        "mean_input_tokens": ("mean input tokens", number),
        "cached_share": ("cached", share)}  # fmt: skip
    yield section("Context growth", log.context_growth(), growth, "By the agent's n-th call in a simulation.", top=20)


BUDGET_NOTE = (
    "Exclusive times: they add up to 100 % of the simulations' wall time. A kind that is not in the log is unknown (-) and its time "
    "untracked."
)
WORKER_NOTE = "Simulations that ended there; those lost with a worker were run again by another."
