"""The run's side of several worker processes: hands out units, takes reports, and replaces a worker that ends.

A backend (`processes`, `ray_cluster`) starts workers and passes messages; every message of a worker is a `WorkerReport`.
"""

from __future__ import annotations

import queue
import threading
from collections import Counter, deque
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Protocol

from tau2_logging.errors import Tau2LoggingError, UserError
from tau2_logging.events.secrets.masking import mask_text, shorten
from tau2_logging.logger.scope import ERROR, Outcome, begin
from tau2_logging.logger.simulation import InFlight
from tau2_logging.runner.executors.executor import Held, Report, RunFailure, free
from tau2_logging.runner.executors.worker_session import WorkerReport
from tau2_logging.runner.work.checkpoint import PLAYED, Key, Row
from tau2_logging.runner.work.run_plan import PlayedConversation, Unit
from tau2_logging.runner.work.run_spec import WorkerSpec
from tau2_logging.runner.work.run_unit import RunContext, conclude
from tau2_logging.units import plural

MAX_DEATHS_PER_SIMULATION = 3
"""After this many workers have ended while running a simulation, the simulation is given up as the cause."""
MAX_FAILED_STARTS = 3
"""After this many workers in a row have ended before they were ready, the run is given up."""
SILENT_S = 120.0
"""A worker reports five times a second. One that has been silent for this long is stuck as a whole, and is ended."""
LEAVE_S = 5.0
"""How long all workers together are given to leave."""


class WorkerLost(Tau2LoggingError):
    """Every worker that ran a simulation has ended while running it."""


@dataclass(frozen=True)
class Lost:
    """A worker is gone, and why."""

    reason: str


SILENT = Lost(f"no message for {SILENT_S:.0f} s")


class Worker(Protocol):
    """A worker as the pool sees it. It puts (itself, WorkerReport or Lost) into the inbox it was made with; nothing comes after a Lost."""

    name: str
    slots: int

    def send(self, unit: Unit) -> None:
        """Give it a unit. Does not raise: a worker that is gone says so in the inbox."""

    def ask_to_leave(self) -> None:
        """Tell it that there is nothing more to do."""

    def end(self) -> None:
        """Have it gone."""


Inbox = queue.SimpleQueue[tuple[Worker, "WorkerReport | Lost"] | None]
StartWorker = Callable[[int, int, Inbox], Worker]
"""Starts a worker, given the number of workers started before, its slots and the inbox."""


class WorkerBackend(Protocol):
    """Starts workers. `cpus` can work at a time; `own_files`: workers write into the run's files themselves; `environment`: variables
    that they need and do not have.
    """

    cpus: int
    own_files: bool
    environment: Mapping[str, str]

    def start(self, worker_spec: WorkerSpec, inbox: Inbox) -> Worker:
        """Start a worker. Returns at once."""

    def close(self) -> None:
        """Leave nothing behind. Called when all workers have ended."""


class WorkerState:
    """What the pool knows of a worker."""

    def __init__(self, worker: Worker) -> None:
        self.worker = worker
        self.host: str | None = None
        self.units: dict[Key, Unit] = {}
        self.played: set[Key] = set()
        """Those of `units` whose conversation is over, if they hold no slot then."""
        self.in_flight: list[InFlight] = []
        self.heard_ns = 0
        self.left = False

    @property
    def free(self) -> int:
        """Slots without a unit; none before it is ready."""
        return self.worker.slots - len(self.units) + len(self.played) if self.host is not None and not self.left else 0


class WorkerPool:
    """Runs units on workers with so many `slots` each. All is done in one thread of its own.

    `say` is told when a worker ends that should not. No unit is given out while `held` says why. `judges_apart`: a unit whose conversation
    is over holds no slot of its worker.
    """

    def __init__(
        self,
        context: RunContext,
        units: Iterable[Unit],
        slots: Sequence[int],
        backend: WorkerBackend,
        start: StartWorker,
        say: Callable[[str], None],
        held: Held = free,
        judges_apart: bool = False,
    ) -> None:
        self.reports: queue.SimpleQueue[Report] = queue.SimpleQueue()
        self._context = context
        self._pending = deque(units)
        self._slots = tuple(slots)
        self._start_worker = start
        self._backend = backend
        self._say = say
        self._held = held
        self._judges_apart = judges_apart
        self._inbox: Inbox = queue.SimpleQueue()
        self._states: dict[Worker, WorkerState] = {}
        self._started = 0
        self._failed_starts = 0
        self._deaths: Counter[Key] = Counter()
        self._stopped = False
        self._closing = threading.Event()
        self._all_left = threading.Event()
        self._thread = threading.Thread(target=self._work, name="worker pool", daemon=True)

    def start(self) -> None:
        """Start the workers. Returns at once."""
        self._say(f"starting {plural(len(self._slots), 'worker')}")
        for slots in self._slots:
            self._start_one(slots)
        self._thread.start()

    def tick(self) -> None:
        """End workers that have been silent for too long; everything else workers watch themselves."""
        for state in list(self._states.values()):
            if self._is_silent(state):
                self._inbox.put((state.worker, SILENT))

    def _is_silent(self, state: WorkerState) -> bool:
        waited_ns = self._context.logger.clock.now_ns() - state.heard_ns
        return state.host is not None and not state.left and waited_ns > SILENT_S * 1e9

    def in_flight(self) -> list[InFlight]:
        """Return the simulations that run now, as the workers have told last."""
        return [item for state in list(self._states.values()) for item in state.in_flight]

    @property
    def idle(self) -> bool:
        """No worker has a unit, and nothing is left to report."""
        return not any(state.units for state in list(self._states.values())) and self.reports.empty()

    def stop(self) -> None:
        """Hand out no more units."""
        self._stopped = True

    def close(self) -> None:
        """Let the workers leave; what they say until then is still heard. One that does not leave in time is ended."""
        self.stop()
        self._closing.set()
        states = list(self._states.values())
        for state in states:
            if state.host is not None:
                state.worker.ask_to_leave()
        self._inbox.put(None)
        if self._thread.is_alive():
            self._all_left.wait(LEAVE_S)
        for state in (*states, *self._states.values()):  # one may have been started meanwhile
            state.worker.end()
        self._backend.close()

    def _start_one(self, slots: int) -> None:
        worker = self._start_worker(self._started, slots, self._inbox)
        self._started += 1
        self._states[worker] = WorkerState(worker)

    def _work(self) -> None:
        try:
            while not (self._closing.is_set() and not any(state.host and not state.left for state in self._states.values())):
                news = self._inbox.get()
                if news is not None:
                    self._handle(*news)
                    self._hand_out()
        except BaseException as error:
            self.reports.put(RunFailure(error))
        finally:
            self._all_left.set()

    def _handle(self, worker: Worker, news: WorkerReport | Lost) -> None:
        state = self._states.get(worker)
        if state is None:  # taken for lost: its units are others' by now
            return
        if news is SILENT and not self._is_silent(state):  # what it said was still waiting to be heard
            return
        state.heard_ns = self._context.logger.clock.now_ns()
        if isinstance(news, Lost):
            self._lost(state, news.reason)
            return
        if news.host is not None:
            self._ready(state, news.host)
        if news.refused is not None:
            self.reports.put(RunFailure(UserError(news.refused)))
        if news.broken is not None:
            self.reports.put(RunFailure(RuntimeError(f"worker {worker.name}: {news.broken}")))
        self._relay(news)
        if news.unwritten[0]:
            self._context.logger.lost_elsewhere[worker.name] = news.unwritten
        for row in news.rows:
            if row.key in state.units:
                self._context.keep(row)
                self._take_row(state, row)
        state.in_flight = news.in_flight

    def _take_row(self, state: WorkerState, row: Row) -> None:
        if row.status == PLAYED and row.simulation is not None:
            state.units[row.key] = replace(state.units[row.key], played=PlayedConversation(row.simulation, row.calls))
            if self._judges_apart:
                state.played.add(row.key)
            return
        del state.units[row.key]
        state.played.discard(row.key)
        self.reports.put(row)

    def _relay(self, report: WorkerReport) -> None:
        logger = self._context.logger
        for domain, line in report.lines:
            logger.relay(domain, line, self._backend.own_files)
        for domain, text in report.texts:
            logger.text(domain, text)
        logger.relay_structured(report.structured, self._backend.own_files)
        for text in report.said:
            self._say(text)

    def _ready(self, state: WorkerState, host: str) -> None:
        state.host = host
        self._failed_starts = 0
        self._emit("worker_up", state, simulations=state.worker.slots)
        if self._started == len(self._slots) and all(other.host is not None for other in self._states.values()):
            self._say(f"{self._started} workers are ready")

    def _emit(self, type_: str, state: WorkerState, **fields: object) -> None:
        logger = self._context.logger
        where = {"run": logger.run_id, "host": state.host, "worker": state.worker.name}
        logger.emit(type_, {"start_ms": logger.since_start_ms(logger.clock.now_ns()), **fields, **where})

    def _lost(self, state: WorkerState, reason: str) -> None:
        state.left = True
        state.in_flight = []
        if self._closing.is_set():
            return
        reason = shorten(mask_text(reason))
        self._emit("worker_down", state, simulations=len(state.units), error_message=reason)
        again = f"; {plural(len(state.units), 'simulation')} {'is' if len(state.units) == 1 else 'are'} run again" if state.units else ""
        self._say(f"worker {state.worker.name} ended: {reason}{again}")
        del self._states[state.worker]
        state.worker.end()
        self._run_again(state, reason)
        self._replace(state, reason)

    def _run_again(self, state: WorkerState, reason: str) -> None:
        for key, unit in reversed(state.units.items()):
            self._deaths[key] += 1
            if self._deaths[key] < MAX_DEATHS_PER_SIMULATION:
                self._pending.appendleft(unit)
            else:
                self._give_up(unit, reason)
        state.units.clear()
        state.played.clear()

    def _give_up(self, unit: Unit, reason: str) -> None:
        lost = WorkerLost(f"{MAX_DEATHS_PER_SIMULATION} workers ended while they ran it; the last: {reason}")
        simulation = begin(self._context.logger, unit.domain, str(unit.task.id), unit.trial, unit.seed)
        row = conclude(unit, simulation, Outcome(ERROR, error=lost), self._context)
        if row is not None:
            self.reports.put(row)

    def _replace(self, state: WorkerState, reason: str) -> None:
        if state.host is None:
            self._failed_starts += 1
        if self._failed_starts >= MAX_FAILED_STARTS:
            self.reports.put(
                RunFailure(UserError(f"{MAX_FAILED_STARTS} workers in a row ended before they were ready; the last: {reason}"))
            )
        elif self._pending:
            self._start_one(state.worker.slots)

    def _hand_out(self) -> None:
        """Hand out units, each to the worker with the most free slots."""
        while self._pending and not self._stopped and self._held() is None:
            state = max(self._states.values(), key=lambda state: state.free, default=None)
            if state is None or state.free <= 0:
                return
            unit = self._pending.popleft()
            state.units[unit.key] = unit
            state.worker.send(unit)


def shared_slots(concurrency: int, workers: int, units: int) -> list[int]:
    """Return how many simulations each of at most `workers` workers runs at a time: `concurrency` in all, and none is without one."""
    at_a_time = max(min(concurrency, units), 1)
    number = min(workers, at_a_time)
    return [at_a_time // number + (index < at_a_time % number) for index in range(number)]
