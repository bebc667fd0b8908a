"""The run's side of several worker processes: deals units out to them, takes what they report, and puts another in the place of one that
ends.

Workers differ in how they are started and spoken to (`processes`, `ray_cluster`); what they say is a `Turn`.
"""

from __future__ import annotations

import queue
import threading
from collections import Counter, deque
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from tau2_logging.errors import Tau2LoggingError, UserError
from tau2_logging.logger.content.masking import mask_text, shorten
from tau2_logging.logger.scope import ERROR, Outcome, begin
from tau2_logging.logger.simulation import InFlight
from tau2_logging.runner.executors.executor import Failure, Held, Report, free
from tau2_logging.runner.executors.worker_session import Turn
from tau2_logging.runner.work.checkpoint import Key
from tau2_logging.runner.work.plan import Unit
from tau2_logging.runner.work.run_spec import Post
from tau2_logging.runner.work.run_unit import Bench, conclude

MOST_LIVES = 3
"""How many workers may end over a simulation before it is taken to be what ends them."""
MOST_STILLBORN = 3
"""How many workers in a row may end before they are ready."""
SILENT_S = 120.0
"""A worker tells how it stands five times a second. One that has said nothing for so long is stuck as a whole, and is ended."""
LEAVE_S = 5.0
"""How long workers are given to leave, all together."""


class WorkerLost(Tau2LoggingError):
    """The worker that ran a simulation ended, again and again."""


@dataclass(frozen=True)
class Lost:
    """A worker is gone, and why."""

    reason: str


_SILENT = Lost(f"it has said nothing for {SILENT_S:.0f} s")


class Worker(Protocol):
    """A worker as the crew sees it. It puts (itself, Turn or Lost) into the inbox it was made with; nothing comes after a Lost."""

    name: str
    slots: int

    def send(self, unit: Unit) -> None:
        """Give it a unit. Does not raise: a worker that is gone says so in the inbox."""

    def ask_to_leave(self) -> None:
        """Tell it that there is nothing more to do."""

    def end(self) -> None:
        """Have it gone."""


Inbox = queue.SimpleQueue[tuple[Worker, "Turn | Lost"] | None]
Hire = Callable[[int, int, Inbox], Worker]
"""Starts a worker, given how many there have been, and its slots."""


class Staff(Protocol):
    """Where workers come from. `cpus` can be at work at a time; `own_files`: they write into the run's files themselves; `environment`:
    variables that they do not have by themselves.
    """

    cpus: int
    own_files: bool
    environment: Mapping[str, str]

    def hire(self, post: Post, inbox: Inbox) -> Worker:
        """Start a worker. Returns at once."""

    def close(self) -> None:
        """Leave nothing behind. Called when all workers have ended."""


class Member:
    """What the crew knows of a worker."""

    def __init__(self, worker: Worker) -> None:
        self.worker = worker
        self.host: str | None = None
        self.units: dict[Key, Unit] = {}
        self.in_flight: list[InFlight] = []
        self.heard_ns = 0
        self.left = False

    @property
    def free(self) -> int:
        """Slots without a unit; none before it is ready."""
        return self.worker.slots - len(self.units) if self.host is not None and not self.left else 0


class Crew:
    """Runs units on workers with so many `slots` each. All is done in one thread of its own.

    `say` is told when a worker ends that should not. No unit is given out while `held` says why.
    """

    def __init__(
        self,
        bench: Bench,
        units: Iterable[Unit],
        slots: Sequence[int],
        staff: Staff,
        hire: Hire,
        say: Callable[[str], None],
        held: Held = free,
    ) -> None:
        self.reports: queue.SimpleQueue[Report] = queue.SimpleQueue()
        self._bench = bench
        self._pending = deque(units)
        self._slots = tuple(slots)
        self._hire = hire
        self._staff = staff
        self._say = say
        self._held = held
        self._inbox: Inbox = queue.SimpleQueue()
        self._members: dict[Worker, Member] = {}
        self._hired = 0
        self._stillborn = 0
        self._deaths: Counter[Key] = Counter()
        self._stopped = False
        self._closing = threading.Event()
        self._all_left = threading.Event()
        self._thread = threading.Thread(target=self._work, name="crew", daemon=True)

    def start(self) -> None:
        """Start the workers. Returns at once."""
        self._say(f"{len(self._slots)} workers start")
        for slots in self._slots:
            self._hire_one(slots)
        self._thread.start()

    def look(self) -> None:
        """Workers look after what they run themselves, as long as they can."""
        for member in list(self._members.values()):
            if self._is_silent(member):
                self._inbox.put((member.worker, _SILENT))

    def _is_silent(self, member: Member) -> bool:
        waited_ns = self._bench.logger.clock.now_ns() - member.heard_ns
        return member.host is not None and not member.left and waited_ns > SILENT_S * 1e9

    def in_flight(self) -> list[InFlight]:
        """The simulations that run now, as the workers have told last."""
        return [item for member in list(self._members.values()) for item in member.in_flight]

    @property
    def idle(self) -> bool:
        """No worker has a unit, and nothing is left to report."""
        return not any(member.units for member in list(self._members.values())) and self.reports.empty()

    def stop(self) -> None:
        """Deal out no more units."""
        self._stopped = True

    def close(self) -> None:
        """Let the workers leave; what they say until then is still heard. One that does not leave in time is ended."""
        self.stop()
        self._closing.set()
        members = list(self._members.values())
        for member in members:
            if member.host is not None:
                member.worker.ask_to_leave()
        self._inbox.put(None)
        if self._thread.is_alive():
            self._all_left.wait(LEAVE_S)
        for member in (*members, *self._members.values()):  # one may have been hired meanwhile
            member.worker.end()
        self._staff.close()

    def _hire_one(self, slots: int) -> None:
        worker = self._hire(self._hired, slots, self._inbox)
        self._hired += 1
        self._members[worker] = Member(worker)

    def _work(self) -> None:
        try:
            while not (self._closing.is_set() and not any(member.host and not member.left for member in self._members.values())):
                news = self._inbox.get()
                if news is not None:
                    self._hear(*news)
                    self._deal()
        except BaseException as error:
            self.reports.put(Failure(error))
        finally:
            self._all_left.set()

    def _hear(self, worker: Worker, news: Turn | Lost) -> None:
        member = self._members.get(worker)
        if member is None:  # taken for lost: its units are others' by now
            return
        if news is _SILENT and not self._is_silent(member):  # what it said was still waiting to be heard
            return
        member.heard_ns = self._bench.logger.clock.now_ns()
        if isinstance(news, Lost):
            self._lost(member, news.reason)
            return
        if news.host is not None:
            self._ready(member, news.host)
        if news.refused is not None:
            self.reports.put(Failure(UserError(news.refused)))
        if news.broken is not None:
            self.reports.put(Failure(RuntimeError(f"worker {worker.name}: {news.broken}")))
        self._relay(news)
        if news.unwritten[0]:
            self._bench.logger.lost_elsewhere[worker.name] = news.unwritten
        for row in news.rows:
            if member.units.pop(row.key, None) is not None:
                self._bench.keep(row)
                self.reports.put(row)
        member.in_flight = news.in_flight

    def _relay(self, turn: Turn) -> None:
        logger = self._bench.logger
        for domain, line in turn.lines:
            logger.relay(domain, line, self._staff.own_files)
        for domain, text in turn.texts:
            logger.text(domain, text)
        logger.relay_structured(turn.structured, self._staff.own_files)
        for text in turn.said:
            self._say(text)

    def _ready(self, member: Member, host: str) -> None:
        member.host = host
        self._stillborn = 0
        self._tell("worker_up", member, simulations=member.worker.slots)
        if self._hired == len(self._slots) and all(other.host is not None for other in self._members.values()):
            self._say(f"{self._hired} workers are ready")

    def _tell(self, type_: str, member: Member, **fields: object) -> None:
        logger = self._bench.logger
        place = {"run": logger.run_id, "host": member.host, "worker": member.worker.name}
        logger.emit(type_, {"start_ms": logger.since_start_ms(logger.clock.now_ns()), **fields, **place})

    def _lost(self, member: Member, reason: str) -> None:
        member.left = True
        member.in_flight = []
        if self._closing.is_set():
            return
        reason = shorten(mask_text(reason))
        self._tell("worker_down", member, simulations=len(member.units), error_message=reason)
        again = f"; {len(member.units)} simulations are run again" if member.units else ""
        self._say(f"worker {member.worker.name} ended: {reason}{again}")
        del self._members[member.worker]
        member.worker.end()
        self._run_again(member, reason)
        self._replace(member, reason)

    def _run_again(self, member: Member, reason: str) -> None:
        for key, unit in reversed(member.units.items()):
            self._deaths[key] += 1
            if self._deaths[key] < MOST_LIVES:
                self._pending.appendleft(unit)
            else:
                self._give_up(unit, reason)
        member.units.clear()

    def _give_up(self, unit: Unit, reason: str) -> None:
        lost = WorkerLost(f"{MOST_LIVES} workers ended while they ran it; the last: {reason}")
        simulation = begin(self._bench.logger, unit.domain, str(unit.task.id), unit.trial, unit.seed)
        row = conclude(unit, simulation, Outcome(ERROR, error=lost), self._bench)
        if row is not None:
            self.reports.put(row)

    def _replace(self, member: Member, reason: str) -> None:
        if member.host is None:
            self._stillborn += 1
        if self._stillborn >= MOST_STILLBORN:
            self.reports.put(Failure(UserError(f"{MOST_STILLBORN} workers in a row ended before they were ready; the last: {reason}")))
        elif self._pending:
            self._hire_one(member.worker.slots)

    def _deal(self) -> None:
        """Give out what there is, to whoever has the most room."""
        while self._pending and not self._stopped and self._held() is None:
            member = max(self._members.values(), key=lambda member: member.free, default=None)
            if member is None or member.free <= 0:
                return
            unit = self._pending.popleft()
            member.units[unit.key] = unit
            member.worker.send(unit)


def shared_slots(concurrency: int, workers: int, units: int) -> list[int]:
    """How many simulations each of at most `workers` workers runs at a time: `concurrency` in all, and none is without one."""
    at_a_time = max(min(concurrency, units), 1)
    number = min(workers, at_a_time)
    return [at_a_time // number + (place < at_a_time % number) for place in range(number)]
