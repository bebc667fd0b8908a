"""The recorded run as jobs for the simulation: each attempt's calls, waits and work in between, as work instead of time."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from tau2_logging.analysis.measures.run_time.makespan import start_up_ms
from tau2_logging.analysis.tables.columns import as_floats, numbers
from tau2_logging.analysis.tables.lanes import pack
from tau2_logging.analysis.what_if.recorded_calls import judged_moments, placed_calls, placed_waits
from tau2_logging.analysis.what_if.schedule import Job, Pool, Stage, Visit
from tau2_logging.analysis.what_if.server_capacity import Measured, measure
from tau2_logging.analysis.what_if.stations import Capacity, served_from, work_of
from tau2_logging.units import plural

if TYPE_CHECKING:
    from tau2_logging.analysis.tables.log_data import LogData

THIS_PROCESS = "this process"
_LONGEST_APART_MS, _LONGEST_RAMP_MS = 500.0, 2000.0
_CONCURRENCY = re.compile(r"--max-concurrency[ =](\d+)")


@dataclass(frozen=True)
class Session:
    """One start of the run: its jobs in the order they were started, its pool, and how long it lasted."""

    jobs: tuple[Job, ...]
    pool: Pool
    makespan_ms: float


@dataclass(frozen=True)
class RecordedRun:
    """The run as it can be replayed. `start_up_ms` None is unknown. `rate_limit_ms`: what calls waited in this process, in all."""

    sessions: tuple[Session, ...]
    servers: Mapping[str, Measured]
    local: Capacity
    start_up_ms: float | None
    rate_limit_ms: float

    def capacities(self, server_slots: int | None = None) -> dict[str, Capacity]:
        """Return the capacity of each station; with `server_slots` every server runs so many requests at a time."""
        servers = {name: one.capacity for name, one in self.servers.items()}
        if server_slots is not None:
            servers = {name: replace(capacity, slots=server_slots) for name, capacity in servers.items()}
        return {THIS_PROCESS: self.local, **servers}


def recorded_jobs(log: LogData, server_slots: int | None = None) -> RecordedRun:
    """Return the run as jobs. `server_slots` is the limit of those servers of which the log shows none."""
    attempts = log.attempts.reset_index(drop=True)
    calls = placed_calls(log, attempts)
    evaluations = _evaluations(log)
    attempts = attempts.join(judged_moments(log, attempts, calls, evaluations is not None))
    servers = {str(name): _server(log, str(name), group, server_slots) for name, group in calls.groupby("station", sort=False)}
    items = pd.concat([_at_servers(calls, servers), placed_waits(log, attempts)], ignore_index=True)
    local = _local_capacity(log) if servers else Capacity()
    jobs = _jobs(attempts, items, local)
    told = _told_concurrency(log)
    groups = [rows for _, rows in attempts.groupby("session")]
    sessions = tuple(_session(rows, [jobs[place] for place in rows.index], told, evaluations) for rows in groups)
    return RecordedRun(sessions, servers, local, start_up_ms(log), float(np.nansum(numbers(calls, "queue_ms"))))


def _local_capacity(log: LogData) -> Capacity:
    """An interpreter runs one thread at a time, and each worker process is one."""
    return Capacity(slowdown=1.0, free=max(int(log.select(["worker"], types=["task_start"])["worker"].nunique()), 1))


def _evaluations(log: LogData) -> int | None:
    """Return how many evaluations at a time were made beside the simulations; None if each was a part of its simulation."""
    told = numbers(log.select(["max_evaluations"], types=["run_start"]), "max_evaluations")
    known = told[~np.isnan(told)]
    return int(known[-1]) if len(known) else None


def _session(attempts: pd.DataFrame, jobs: Sequence[Job], told: int | None, evaluations: int | None) -> Session:
    if evaluations is not None:
        left = attempts["played_ms"].fillna(attempts["end_ms"])
        attempts = attempts.assign(slot=pack(attempts["start_ms"], left), left_ms=left)
    slots = max(told or 0, int(attempts["slot"].max()) + 1)
    begin = np.sort(as_floats(attempts["start_ms"]))
    first = begin[: min(slots, len(begin))]
    apart = (first[-1] - first[0]) / max(len(first) - 1, 1) if len(first) > 1 else 20.0
    by_slot = attempts.groupby("slot")
    idle = (attempts["start_ms"] - by_slot["end_ms" if evaluations is None else "left_ms"].shift()).dropna()
    turnaround = float(idle.clip(lower=0).mean()) if len(idle) else 0.0
    length = float(attempts["end_ms"].max() - attempts["start_ms"].min())
    return Session(tuple(jobs), Pool(slots, min(float(apart), _LONGEST_APART_MS), turnaround, evaluations), length)


def pool_of(session: Session, slots: int | None, evaluations: int | None) -> Pool:
    """Return the session's pool with another number of slots or of evaluations beside them; the ramp at its start is at most two seconds,
    as the executor's is."""
    pool = session.pool if evaluations is None else replace(session.pool, evaluations=evaluations)
    return pool if slots is None else replace(pool, slots=slots, apart_ms=min(pool.apart_ms, _LONGEST_RAMP_MS / slots))


def _told_concurrency(log: LogData) -> int | None:
    """Return what the command line of the run says; None if it does not."""
    for fields in log.run_start.values():
        if found := _CONCURRENCY.search(str(fields.get("argv") or "")):
            return int(found[1])
    return None


def _server(log: LogData, name: str, calls: pd.DataFrame, slots: int | None) -> Measured:
    measured = measure(log, name, calls)
    if slots is None or measured.capacity.slots is not None:
        return measured
    told = f"{plural(slots, 'request')} at a time, as --what-if says"
    return Measured(replace(measured.capacity, slots=slots), measured.outside_ms, told)


def _at_servers(calls: pd.DataFrame, servers: Mapping[str, Measured]) -> pd.DataFrame:
    """Return the calls as items: place, start_ms, end_ms, station, kind, wasted, work_ms, before_ms, after_ms."""
    parts = [_at_server(group, servers[str(name)]) for name, group in calls.groupby("station", sort=False)]
    return pd.concat(parts, ignore_index=True) if parts else calls.assign(work_ms=0.0, before_ms=0.0, after_ms=0.0)


def _at_server(calls: pd.DataFrame, server: Measured) -> pd.DataFrame:
    arrival, end = numbers(calls, "arrival_ms"), numbers(calls, "end_ms")
    left = np.maximum(end - server.outside_ms, arrival)
    begin = served_from(arrival, left, server.capacity.slots)
    return calls.assign(work_ms=work_of(begin, left, server.capacity), before_ms=calls["queue_ms"], after_ms=end - left)


def _jobs(attempts: pd.DataFrame, items: pd.DataFrame, local: Capacity) -> list[Job]:
    """Return each attempt as a job, in the order of attempts. Between the items of an attempt, this process works for it."""
    columns = ["start_ms", "end_ms", "work_ms", "station", "before_ms", "after_ms", "kind", "wasted"]
    by_place = {place: list(group[columns].itertuples(index=False)) for place, group in items.sort_values("start_ms").groupby("place")}
    laid, pieces = [], []
    for row in attempts.itertuples():
        mine, begin, end = by_place.get(row.Index, []), float(row.start_ms), float(row.end_ms)
        ended = bool(row.ended) and row.status != "timeout"
        parts: tuple[list[Any], list[Any]]
        if np.isnan(row.judged_ms):
            parts = _stages(mine, begin, end, ended), []
        else:
            before = [item for item in mine if item.start_ms < row.judged_ms]
            parts = _stages(before, begin, float(row.played_ms), True), _stages(mine[len(before) :], float(row.judged_ms), end, ended)
        laid.append((parts, end - begin))
        pieces += [stage for part in parts for stage in part if _is_local(stage)]
    work = iter(work_of(np.array([piece[0] for piece in pieces]), np.array([piece[1] for piece in pieces]), local))
    return [Job(_worked(stages, work), length, _worked(judged, work)) for (stages, judged), length in laid]


def _worked(stages: Sequence[Any], work: Iterator[float]) -> tuple[Stage, ...]:
    """Return stages with what this process did in between as work."""
    return tuple((_local(next(work)),) if _is_local(stage) else stage for stage in stages)


def _is_local(stage: Any) -> bool:
    return isinstance(stage[0], float)


def _local(work: float) -> Visit:
    return Visit(float(work), THIS_PROCESS)


def _stages(items: Sequence[Any], begin: float, end: float, ended: bool) -> list[Any]:
    """Return the stages of one attempt: a tuple of visits for items that overlap, (start, end) for what this process did in between."""
    stages: list[Any] = []
    cursor = begin
    for group in _overlapping(items):
        at = max(group[0].start_ms, cursor)
        if at > cursor:
            stages.append((cursor, at))
        stages.append(tuple(_visit(item, item.start_ms - at) for item in group))
        cursor = max(cursor, *(item.end_ms for item in group))
    if end > cursor:
        stages.append((cursor, end) if ended else (Visit(end - cursor),))
    return stages


def _visit(item: Any, offset: float) -> Visit:
    station = None if item.station is None or item.station != item.station else str(item.station)
    return Visit(
        float(item.work_ms), station, float(item.before_ms) + max(offset, 0.0), float(item.after_ms), str(item.kind), bool(item.wasted)
    )


def _overlapping(items: Sequence[Any]) -> list[list[Any]]:
    groups: list[list[Any]] = []
    until = float("-inf")
    for item in items:
        if item.start_ms < until:
            groups[-1].append(item)
        else:
            groups.append([item])
        until = max(until, item.end_ms)
    return groups
