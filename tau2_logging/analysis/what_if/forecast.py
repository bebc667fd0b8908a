"""The answer to a what-if: wall time and money before and after, how sure that is, and what it rests on."""

from __future__ import annotations

import random
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from tau2_logging.analysis.what_if.money import money_if
from tau2_logging.analysis.what_if.recorded_jobs import THIS_PROCESS, RecordedRun, pool_of, recorded_jobs
from tau2_logging.analysis.what_if.schedule import Job, Stage, Visit, play
from tau2_logging.analysis.what_if.server_capacity import told_text
from tau2_logging.errors import UserError
from tau2_logging.units import duration

if TYPE_CHECKING:
    from tau2_logging.analysis.measures.costs.prices import PriceTable
    from tau2_logging.analysis.tables.log_data import LogData
    from tau2_logging.analysis.what_if.scenario import Scenario

_MOST_REPLAYS, _LEAST_REPLAYS, _MOST_VISITS = 40, 5, 200_000
_RANGE = (5, 95)
_LEFT_OUT = 0.05
"""The share of the wall time by which forecasts are usually off in benchmarks.what_if at most."""

_WRONG = 0.05
_RATE_LIMIT_SHARE = 0.01


@dataclass(frozen=True)
class Forecast:
    """One answered question. Times in ms, start-up included if the log knows it; `wall_replayed_ms` is the simulation with the run's own
    settings, `low_ms` to `high_ms` its likely range. Money in USD. None: unknown, or not asked for.
    """

    what_if: str
    wall_before_ms: float
    wall_replayed_ms: float
    wall_after_ms: float
    low_ms: float
    high_ms: float
    money_before_usd: float | None
    money_after_usd: float | None
    changes_time: bool
    changes_money: bool
    rests_on: tuple[str, ...]

    def as_json(self) -> dict[str, Any]:
        """Return the fields for stats.json."""
        return asdict(self)


def forecasts(log: LogData, scenarios: Sequence[Scenario], prices: PriceTable | None = None) -> tuple[Forecast, ...]:
    """Answer each question. Raises UserError if the log cannot answer it."""
    return tuple(forecast(log, scenario, prices) for scenario in scenarios)


def forecast(log: LogData, scenario: Scenario, prices: PriceTable | None = None) -> Forecast:
    """Answer one question. Raises UserError if the log cannot answer it."""
    if len(log.by_run) > 1 or log.attempts.empty:
        raise UserError("--what-if needs one run with task_start and task_end events; choose it with --run, or record one")
    recorded = recorded_jobs(log, scenario.server_slots)
    if not recorded.servers and (scenario.model_speed != 1.0 or scenario.retries is not None):
        raise UserError(f"--what-if {scenario.text} needs the model calls, which this log's level leaves out; run with --log-level PROFILE")
    return _answer(log, recorded, scenario, prices)


def _answer(log: LogData, recorded: RecordedRun, scenario: Scenario, prices: PriceTable | None) -> Forecast:
    before = sum(session.makespan_ms for session in recorded.sessions)
    times = _times(recorded, scenario, before) if scenario.changes_time else _Times(before, before, before, before)
    cost = money_if(log, scenario, prices) if scenario.changes_money else None
    started = recorded.start_up_ms or 0.0
    return Forecast(
        scenario.text, before + started, times.replayed + started, times.after + started, times.low + started, times.high + started,
        cost.before if cost else None, cost.after if cost else None, scenario.changes_time, cost is not None,
        (*times.rests_on, *(cost.rests_on if cost else ())),
    )  # fmt: skip


@dataclass(frozen=True)
class _Times:
    """In ms, without the start-up."""

    replayed: float
    after: float
    low: float
    high: float
    rests_on: tuple[str, ...] = ()


def _times(recorded: RecordedRun, scenario: Scenario, before: float) -> _Times:
    unchanged = replace(scenario, concurrency=None, order="recorded", model_speed=1.0, retries=None, server_slots=None, evaluations=None)
    replayed, seen = _wall(recorded, unchanged, None)
    after, peaks = _wall(recorded, scenario, None)
    low, high = _range(recorded, scenario, after, abs(replayed - before) / before if before else 0.0)
    sentences = [_reproduced(before, replayed), *_sources(recorded), *_beyond(recorded, seen, peaks)]
    return _Times(replayed, after, low, high, (*sentences, *_assumed(recorded, scenario, before)))


def _wall(recorded: RecordedRun, scenario: Scenario, drawn: random.Random | None) -> tuple[float, Mapping[str, int]]:
    """Return (time of all sessions together, peak of requests at each station)."""
    whole, peaks = 0.0, dict[str, int]()
    works = _works(recorded) if drawn is not None else {}
    for session in recorded.sessions:
        jobs = [_changed(job, scenario, works, drawn) for job in ordered(session.jobs, scenario.order)]
        outcome = play(jobs, pool_of(session, scenario.concurrency, scenario.evaluations), recorded.capacities(scenario.server_slots))
        whole += outcome.makespan_ms
        peaks = {name: max(peak, peaks.get(name, 0)) for name, peak in outcome.peaks.items()}
    return whole, peaks


def ordered(jobs: Sequence[Job], order: str) -> list[Job]:
    """Return the jobs in the order in which they are started."""
    if order == "recorded":
        return list(jobs)
    return sorted(jobs, key=lambda job: job.lasted_ms, reverse=order == "longest")


_Works = Mapping[tuple[str | None, str], Sequence[float]]


def _works(recorded: RecordedRun) -> _Works:
    """Return the work of every call, by server and kind."""
    found: dict[tuple[str | None, str], list[float]] = defaultdict(list)
    for session in recorded.sessions:
        for visit in (visit for job in session.jobs for stage in job.all_stages for visit in stage if visit.kind):
            found[visit.station, visit.kind].append(visit.work_ms)
    return found


def _changed(job: Job, scenario: Scenario, works: _Works, drawn: random.Random | None) -> Job:
    def changed(stages: Sequence[Stage]) -> tuple[Stage, ...]:
        kept = (tuple(visit for visit in stage if not (visit.wasted and scenario.retries == 0)) for stage in stages)
        return tuple(tuple(_visit(visit, scenario, works, drawn) for visit in stage) for stage in kept if stage)

    return replace(job, stages=changed(job.stages), judged=changed(job.judged))


def _visit(visit: Visit, scenario: Scenario, works: _Works, drawn: random.Random | None) -> Visit:
    if not visit.kind:
        return visit
    work = drawn.choice(works[visit.station, visit.kind]) if drawn is not None else visit.work_ms
    return replace(visit, work_ms=work / scenario.model_speed)


def _range(recorded: RecordedRun, scenario: Scenario, after: float, error: float) -> tuple[float, float]:
    """Return the likely range of the forecast: 90 % of replays of the same calls with durations drawn again from the log, widened by the
    error of the replay and by what the simulation leaves out.
    """
    visits = sum(len(job.all_stages) for session in recorded.sessions for job in session.jobs)
    replays = int(np.clip(_MOST_VISITS // max(visits, 1), _LEAST_REPLAYS, _MOST_REPLAYS))
    walls = [_wall(recorded, scenario, random.Random(f"what if|{number}"))[0] for number in range(replays)]
    middle = float(np.median(walls))
    low, high = (float(np.percentile(walls, at)) / middle if middle else 1.0 for at in _RANGE)
    more = error + _LEFT_OUT
    return after * max(min(low, 1.0) - more, 0.0), after * (max(high, 1.0) + more)


def _reproduced(before: float, again: float) -> str:
    off = again / before - 1 if before else 0.0
    warning = "" if abs(off) <= _WRONG else " It does not reproduce the run, so do not rely on the forecast."
    return f"With the run's own settings the simulation takes {duration(again)}, measured {duration(before)} ({off * 100:+.1f} %).{warning}"


def _sources(recorded: RecordedRun) -> list[str]:
    if not recorded.servers:
        return ["The log has no model calls: each simulation is taken to last as long as recorded, at any concurrency."]
    servers = [f"{name}: {one.source}{told_text(one.outside_ms)}." for name, one in recorded.servers.items()]
    local = sum(
        visit.work_ms for session in recorded.sessions for job in session.jobs for stage in job.all_stages for visit in stage
        if visit.station == THIS_PROCESS
    )  # fmt: skip
    where = "one interpreter" if recorded.local.free == 1 else f"{recorded.local.free} worker processes"
    return [*servers, f"Work of this process, between calls and in client libraries, {duration(local)} in all, shares {where}."]


def _beyond(recorded: RecordedRun, seen: Mapping[str, int], peaks: Mapping[str, int]) -> list[str]:
    """Return where the forecast goes beyond what the log saw of a server whose limit is not known."""
    unlimited = [name for name, one in recorded.servers.items() if one.capacity.slots is None and "only wait" not in one.source]
    return [
        f"{name} had at most {seen[name]} calls at a time in this run and would have {peaks[name]}; whether it keeps its speed is not "
        "known. If you know its limit, add server-slots=N."
        for name in unlimited
        if peaks[name] > seen[name]
    ]


def _assumed(recorded: RecordedRun, scenario: Scenario, before: float) -> list[str]:
    found = []
    if recorded.start_up_ms is None:
        found.append("Start-up is not in the log and not in these times.")
    if recorded.rate_limit_ms > _RATE_LIMIT_SHARE * before:
        found.append(f"Waiting in this process (rate limit, connections), {duration(recorded.rate_limit_ms)} in all, is kept as recorded.")
    if scenario.order != "recorded":
        found.append(f"{scenario.order.capitalize()} first by the durations of this run, which the next run does not know exactly.")
    return found
