"""A small discrete-event simulation: jobs in slots, each a chain of stages that need stations."""

from __future__ import annotations

import heapq
from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from tau2_logging.analysis.what_if.stations import Capacity, Station, Then


@dataclass(frozen=True)
class Visit:
    """A wait of `before_ms`, then `work_ms` at a station, then a wait of `after_ms`. Without a station the work is a wait too.

    `kind` names calls that are alike (type and model), "" for anything else; `wasted` calls failed and were made again, and so were the
    waits before that.
    """

    work_ms: float
    station: str | None = None
    before_ms: float = 0.0
    after_ms: float = 0.0
    kind: str = ""
    wasted: bool = False


Stage = tuple[Visit, ...]


@dataclass(frozen=True)
class Job:
    """One attempt at a simulation: stages one after another, the visits of a stage at the same time. `lasted_ms`: as recorded. `judged` are
    the stages of an evaluation that asks a judge, after the others."""

    stages: tuple[Stage, ...]
    lasted_ms: float = 0.0
    judged: tuple[Stage, ...] = ()

    @property
    def all_stages(self) -> tuple[Stage, ...]:
        """All of them."""
        return self.stages + self.judged


@dataclass(frozen=True)
class Pool:
    """How jobs get their slots: `slots` at a time, the first ones `apart_ms` from each other, later ones `turnaround_ms` after the job
    before them in the slot. With `evaluations`, a job that is to be judged leaves its slot, and so many are judged at a time, in the order
    in which they come.
    """

    slots: int
    apart_ms: float = 0.0
    turnaround_ms: float = 0.0
    evaluations: int | None = None


@dataclass(frozen=True)
class ScheduleResult:
    """`makespan_ms`: from the first job's start to the last one's end. `peaks`: the most requests at each station, waiting ones too."""

    makespan_ms: float
    peaks: Mapping[str, int]


def play(jobs: Sequence[Job], pool: Pool, capacities: Mapping[str, Capacity]) -> ScheduleResult:
    """Return how the jobs go, taken in the order given. A station that `capacities` does not name is unlimited."""
    return _Play(jobs, pool, capacities).run()


class _Play:
    def __init__(self, jobs: Sequence[Job], pool: Pool, capacities: Mapping[str, Capacity]) -> None:
        self._jobs = deque(jobs)
        self._pool = pool
        self._stations = {name: Station(capacity) for name, capacity in capacities.items()}
        self._timers: list[tuple[float, int, Then]] = []
        self._to_judge: deque[Job] = deque()
        self._judging = 0
        self._number = 0
        self._last = 0.0

    def run(self) -> ScheduleResult:
        for slot in range(min(self._pool.slots, len(self._jobs))):
            self._at(slot * self._pool.apart_ms, self._take)
        while self._step():
            pass
        return ScheduleResult(self._last, {name: station.peak for name, station in self._stations.items()})

    def _step(self) -> bool:
        """Let the next thing happen; False if there is none."""
        timer = self._timers[0][0] if self._timers else float("inf")
        station = min(self._stations.values(), key=Station.next_end, default=None)
        done = station.next_end() if station is not None else float("inf")
        if station is not None and done < timer:
            station.finish(done)(done)
        elif self._timers:
            moment, _, then = heapq.heappop(self._timers)
            then(moment)
        else:
            return False
        return True

    def _at(self, moment: float, then: Then) -> None:
        self._number += 1
        heapq.heappush(self._timers, (moment, self._number, then))

    def _take(self, now: float) -> None:
        """A slot is free: give it the next job."""
        if not self._jobs:
            return
        job = self._jobs.popleft()
        leaves = bool(job.judged) and self._pool.evaluations is not None

        def left(moment: float) -> None:
            self._last = max(self._last, moment)
            self._at(moment + self._pool.turnaround_ms, self._take)
            if leaves:
                self._to_judge.append(job)
                self._judge(moment)

        self._stage(deque(job.stages if leaves else job.all_stages), now, left)

    def _judge(self, now: float) -> None:
        """Begin the next evaluation if one may begin."""
        if not self._to_judge or self._judging >= (self._pool.evaluations or 0):
            return

        def judged(moment: float) -> None:
            self._last = max(self._last, moment)
            self._judging -= 1
            self._judge(moment)

        self._judging += 1
        self._stage(deque(self._to_judge.popleft().judged), now, judged)

    def _stage(self, left: deque[Stage], now: float, ended: Then) -> None:
        while left and not left[0]:
            left.popleft()
        if not left:
            ended(now)
            return
        visits = left.popleft()
        open_visits = [len(visits)]

        def done(moment: float) -> None:
            open_visits[0] -= 1
            if not open_visits[0]:
                self._stage(left, moment, ended)

        for visit in visits:
            self._visit(visit, now, done)

    def _visit(self, visit: Visit, now: float, done: Then) -> None:
        station = self._stations.get(visit.station or "")
        if station is None:
            self._at(now + visit.before_ms + visit.work_ms + visit.after_ms, done)
            return

        def served(moment: float) -> None:
            self._at(moment + visit.after_ms, done)

        then = served if visit.after_ms else done
        if visit.before_ms:
            self._at(now + visit.before_ms, lambda moment: station.enter(moment, visit.work_ms, then))
        else:
            station.enter(now, visit.work_ms, then)
