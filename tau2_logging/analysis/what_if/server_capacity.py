"""What each model server of a run can do: as it told, else as the calls' durations show, else without a limit."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from tau2_logging.analysis.measures.servers.server_load import server_table
from tau2_logging.analysis.tables.columns import numbers
from tau2_logging.analysis.what_if.stations import Capacity, served_from, work_of
from tau2_logging.units import duration, plural

if TYPE_CHECKING:
    from tau2_logging.analysis.tables.log_data import LogData

_LEAST_CALLS, _LEAST_OF_A_KIND = 20, 5
_CLEARLY = 12.0
"""How much the log-likelihood, doubled, has to gain before durations count as evidence of a limit (p < 0.001)."""

_NOTABLY = 0.1
"""The least gain a call: what is left unexplained of durations is a tenth smaller."""

_SLOWDOWNS = tuple(step / 20 for step in range(1, 21))
_MOST_OUTSIDE, _STEPS = 0.25, 25
_FULL_SAMPLES, _FULL_SHARE = 2, 0.25
_QUEUED_MS = 5.0
_OTHERS = 1.05


@dataclass(frozen=True)
class Measured:
    """What is known of a server: its capacity, the time of a call outside it (network, client's work), and how that is known."""

    capacity: Capacity
    outside_ms: float
    source: str


def measure(log: LogData, name: str, calls: pd.DataFrame) -> Measured:
    """Return what is known of the server `name`, whose calls these are: arrival_ms, end_ms, queue_ms, cpu_ms, call_type, kind,
    output_tokens, and the server's own queue_told_ms, served_told_ms and outside_told_ms of each call if it told them.
    """
    played = calls["call_type"].isin(("scripted", "recorded"))
    if played.all():
        return Measured(Capacity(), 0.0, "scripted and recorded models only wait: no limit")
    outside_ms = _outside_ms(log, name, calls)
    ends = _left(calls, outside_ms)
    slots, source = _told_slots(log, name, calls)
    candidates = [Capacity(slots)] if source else [Capacity(count) for count in _counts(calls, ends)]
    capacity, clear = _best(calls, ends, candidates)
    if not source and clear and capacity.slots is not None and not outside_ms:
        outside_ms = _likely_outside_ms(calls, capacity)
    if not source:
        source = _inferred(capacity, calls) if clear else f"no limit seen with up to {_peak(calls, ends)} calls in flight"
    elif capacity.slowdown:
        source += _slower(capacity)
    return Measured(capacity, outside_ms, source)


def _left(calls: pd.DataFrame, outside_ms: float) -> Any:
    """Return when each call left the server."""
    return np.maximum(numbers(calls, "end_ms") - outside_ms, numbers(calls, "arrival_ms"))


def _likely_outside_ms(calls: pd.DataFrame, capacity: Capacity) -> float:
    """Return the time outside the server that explains the durations best. A call that queued starts when another leaves the server, not
    when our client has its answer; so calls that queued seem shorter than others by that time.
    """
    longest = float(np.mean(numbers(calls, "end_ms") - numbers(calls, "arrival_ms"))) * _MOST_OUTSIDE
    steps = [longest * step / _STEPS for step in range(_STEPS + 1)]
    likelihoods = [_likelihood(calls, _left(calls, step), capacity) for step in steps]
    best = int(np.argmax(likelihoods))
    return steps[best] if _is_clear(likelihoods[best] - likelihoods[0], len(calls)) else 0.0


def _counts(calls: pd.DataFrame, ends: Any) -> list[int | None]:
    return [None, *range(1, _peak(calls, ends))]


def _peak(calls: pd.DataFrame, ends: Any) -> int:
    begin = np.sort(numbers(calls, "arrival_ms"))
    return int(max((np.searchsorted(begin, begin, side="right") - np.searchsorted(np.sort(ends), begin, side="right")).max(), 1))


def _inferred(capacity: Capacity, calls: pd.DataFrame) -> str:
    how = f"inferred from the durations of {len(calls):,} calls by how many were in flight"
    if capacity.slots is not None:
        return f"{plural(capacity.slots, 'request')} at a time, {how}"
    return f"no limit of requests{_slower(capacity)}, {how}"


def _slower(capacity: Capacity) -> str:
    return f", and each request more makes all {capacity.slowdown * 100:.0f} % slower"


def _outside_ms(log: LogData, name: str, calls: pd.DataFrame) -> float:
    """Return the mean time of a call that its server does not know of; 0 if the server told nothing."""
    told = numbers(calls, "outside_told_ms")
    if not np.isnan(told).all():
        return max(float(np.nanmean(told)), 0.0)
    servers = server_table(log)
    own = servers[servers["endpoint"] == name]
    if own.empty or not 0 < float(own["requests"].iloc[0]) <= _OTHERS * len(calls):
        return 0.0
    spent = float(own["client_mean_ms"].iloc[0]) - float(np.mean(numbers(calls, "queue_ms") + numbers(calls, "cpu_ms")))
    outside = spent - float(own["e2e_mean_ms"].iloc[0])
    return outside if 0 <= outside < spent / 2 else 0.0


def _told_slots(log: LogData, name: str, calls: pd.DataFrame) -> tuple[int | None, str]:
    """Return (requests at a time, how that is known); no source if the server told nothing."""
    found = _queued_at(calls)
    if found is not None:
        return found, f"{plural(found, 'request')} at a time: so many ran whenever another queued, by the server's own times of its calls"
    samples = log.select(["endpoint", "running", "waiting"], types=["server_metrics"])
    samples = samples[samples["endpoint"] == name]
    running, waiting = numbers(samples, "running"), numbers(samples, "waiting")
    known = ~(np.isnan(running) | np.isnan(waiting))
    if not known.any():
        told = not np.isnan(numbers(calls, "queue_told_ms")).all()
        return None, f"no call queued at the server, with up to {_peak(calls, numbers(calls, 'end_ms'))} in flight" if told else ""
    running, waiting = running[known], waiting[known]
    top = running.max()
    full = waiting[running == top] > 0
    if full.sum() >= _FULL_SAMPLES and full.mean() >= _FULL_SHARE:
        return int(
            top
        ), f"{plural(int(top), 'request')} at a time, by its own metrics ({full.sum()} samples with {top:.0f} running and others waiting)"
    return None, f"no queue in its own metrics, with up to {top:.0f} running"


def _queued_at(calls: pd.DataFrame) -> int | None:
    """Return how many requests ran, most often, when one had to queue; None if hardly any did."""
    queue, served = numbers(calls, "queue_told_ms"), numbers(calls, "served_told_ms")
    known = ~(np.isnan(queue) | np.isnan(served))
    queue, served = queue[known], served[known]
    end = numbers(calls, "end_ms")[known] - np.nan_to_num(numbers(calls, "outside_told_ms")[known])
    queued = queue > _QUEUED_MS
    if queued.sum() < max(_LEAST_OF_A_KIND, 0.05 * len(queue)):
        return None
    half = (end - served - queue / 2)[queued]  # in the middle of the wait
    running = np.searchsorted(np.sort(end - served), half, side="right") - np.searchsorted(np.sort(end), half, side="right")
    return max(int(np.bincount(np.maximum(running, 0)).argmax()), 1)


def _best(calls: pd.DataFrame, ends: Any, candidates: list[Capacity]) -> tuple[Capacity, bool]:
    """Return (the capacity that explains the durations best, whether it does so clearly better than the first of the candidates)."""
    first = candidates[0]
    if len(calls) < _LEAST_CALLS:
        return first, False
    slower = [Capacity(first.slots, slowdown) for slowdown in _SLOWDOWNS]
    likelihoods = {capacity: _likelihood(calls, ends, capacity) for capacity in [*candidates, *slower]}
    best = max(likelihoods, key=lambda capacity: likelihoods[capacity])
    clear = _is_clear(likelihoods[best] - likelihoods[first], len(calls))
    return (best, True) if clear else (first, False)


def _is_clear(gain: float, calls: int) -> bool:
    """Return whether a gain in log-likelihood is no accident, and more than the odd slow call or a busy client makes."""
    return 2 * gain > _CLEARLY and gain > _NOTABLY * calls


def _likelihood(calls: pd.DataFrame, ends: Any, capacity: Capacity) -> float:
    """Return the log-likelihood of the durations, if the work of calls of a kind lies around a line in their output tokens (Laplace's
    distribution, in which single slow calls count little).

    Work is duration less the wait for a place, times the speed; that factor is the density's too (the Jacobian), without which the
    slowest server, whose calls need the least work, would always seem best.
    """
    begin = served_from(numbers(calls, "arrival_ms"), ends, capacity.slots)
    work, length, tokens = work_of(begin, ends, capacity), ends - begin, np.nan_to_num(numbers(calls, "output_tokens"))
    left = np.zeros(len(work))
    for places in calls.groupby("kind").indices.values():
        terms = np.column_stack([np.ones(len(places)), tokens[places]])
        fitted = terms @ np.linalg.lstsq(terms, work[places], rcond=None)[0]
        left[places] = (work[places] - fitted) / max(float((numbers(calls, "end_ms") - numbers(calls, "arrival_ms"))[places].mean()), 1e-9)
    moved = length > 0
    speeds = np.log(np.maximum(work[moved] / length[moved], 1e-9))
    return float(speeds.sum() - len(work) * np.log(np.mean(np.abs(left)) + 1e-3))


def told_text(ms: float) -> str:
    """Return how the time outside a server is said."""
    return f"; {duration(ms)} of a call are outside the server" if ms else ""
