"""The worker pool, on workers that are told what to say."""

from __future__ import annotations

import queue
from collections.abc import Iterator
from dataclasses import dataclass, replace
from types import SimpleNamespace
from typing import Any

import pytest

from tau2_logging.errors import UserError
from tau2_logging.events import encode
from tau2_logging.events.event import Event
from tau2_logging.logger.clock import FakeClock
from tau2_logging.logger.event_logger import EventLogger
from tau2_logging.logger.simulation import InFlight
from tau2_logging.runner.executors.executor import RunFailure
from tau2_logging.runner.executors.worker_pool import (
    MAX_DEATHS_PER_SIMULATION,
    MAX_FAILED_STARTS,
    SILENT,
    SILENT_S,
    Inbox,
    Lost,
    WorkerPool,
    shared_slots,
)
from tau2_logging.runner.executors.worker_session import WorkerReport
from tau2_logging.runner.work.checkpoint import PLAYED, Row
from tau2_logging.runner.work.run_plan import PlayedConversation, Unit
from tau2_logging.runner.work.run_unit import RunContext
from tau2_logging.sinks import MemorySink
from tests.support.patience import LONG_S, until


def row(unit: Unit) -> Row:
    """A finished simulation of a unit."""
    return Row(unit.domain, str(unit.task.id), unit.trial, unit.seed, "ok", 1.0, "user_stop", 1.0)


@dataclass(eq=False)
class TestWorker:
    """Keeps what it is given; `say` puts news into the pool's inbox."""

    name: str
    slots: int
    inbox: Inbox
    given: queue.SimpleQueue[Unit]
    asked: bool = False
    ended: bool = False
    __test__ = False

    def say(self, news: WorkerReport | Lost) -> None:
        self.inbox.put((self, news))

    def next(self) -> Unit:
        return self.given.get(timeout=LONG_S)

    def finish(self, unit: Unit) -> None:
        self.say(WorkerReport(rows=[row(unit)]))

    def send(self, unit: Unit) -> None:
        self.given.put(unit)

    def ask_to_leave(self) -> None:
        self.asked = True
        self.say(Lost("it has left"))

    def end(self) -> None:
        self.ended = True


class Scene:
    """A pool of such workers over `units` units."""

    def __init__(self, units: int, slots: list[int]) -> None:
        self.sink = MemorySink()
        self.kept: list[Row] = []
        self.said: list[str] = []
        self.workers: list[TestWorker] = []
        self.started: queue.SimpleQueue[TestWorker] = queue.SimpleQueue()
        self.units = [Unit("mock", SimpleNamespace(id=f"t{number}"), 0, 7) for number in range(units)]
        self.clock = FakeClock()
        self.logger = EventLogger("r", [self.sink], self.clock)
        context = RunContext(SimpleNamespace(), self.logger, {}, self.kept.append)  # type: ignore[arg-type]
        backend: Any = SimpleNamespace(own_files=False, close=lambda: None)
        self.held: str | None = None
        self.pool = WorkerPool(context, self.units, slots, backend, self.start_worker, self.said.append, lambda: self.held, True)

    def start_worker(self, number: int, slots: int, inbox: Inbox) -> TestWorker:
        worker = TestWorker(f"w{number}", slots, inbox, queue.SimpleQueue())
        self.workers.append(worker)
        self.started.put(worker)
        return worker

    def report(self) -> Any:
        return self.pool.reports.get(timeout=LONG_S)


@pytest.fixture
def scene() -> Iterator[Scene]:
    """Two workers, of two slots and one, for six units."""
    made = Scene(6, [2, 1])
    made.pool.start()
    yield made
    made.pool.close()
    assert all(worker.ended for worker in made.workers)


def test_nothing_is_given_out_while_units_are_held_back(scene: Scene) -> None:
    """A worker that is ready has to wait; what it says next gets it its units."""
    first = scene.workers[0]
    scene.held = "waiting for a server"
    first.say(WorkerReport(host="a"))
    first.say(WorkerReport())
    with pytest.raises(queue.Empty):
        first.given.get(timeout=0.2)
    scene.held = None
    first.say(WorkerReport())
    assert first.next() is not first.next()


def test_nobody_is_given_more_than_its_slots(scene: Scene) -> None:
    """A worker that is ready gets as many units as it has slots, and the next when one has ended; each unit is given out once."""
    first, second = scene.workers
    first.say(WorkerReport(host="a"))
    given = [first.next(), first.next()]
    assert first.given.empty()
    second.say(WorkerReport(host="b"))
    given.append(second.next())
    for _ in range(3):
        first.finish(given[0])
        assert scene.report().task == str(given[0].task.id)
        given = [*given[1:2], first.next(), *given[2:]]
    for unit in given[:2]:
        first.finish(unit)
    second.finish(given[2])
    assert [scene.report() for _ in range(3)]
    assert sorted(item.task for item in scene.kept) == [f"t{number}" for number in range(6)]
    assert scene.pool.idle


def test_what_a_lost_worker_ran_is_run_again_once(scene: Scene) -> None:
    """Its units go to others, before those that nobody has begun; a worker takes its place; a row that it sent before its end counts."""
    first, second = scene.workers
    first.say(WorkerReport(host="a"))
    units = [first.next(), first.next()]
    first.finish(units[0])
    again = [units[1], first.next()]
    first.say(Lost("killed by SIGKILL"))
    for _ in range(3):
        third = scene.started.get(timeout=LONG_S)
    assert (third.name, third.slots) == ("w2", 2)
    third.say(WorkerReport(host="a"))
    assert [third.next(), third.next()] == again
    first.finish(again[0])  # too late: it is not its unit any more
    third.finish(again[0])
    assert [scene.report().task for _ in range(2)] == ["t0", "t1"]
    assert [item.task for item in scene.kept] == ["t0", "t1"]
    (down,) = scene.sink.of("worker_down")
    assert (down.get("worker"), down.get("host"), down.get("simulations"), down.get("error_message")) == ("w0", "a", 2, "killed by SIGKILL")
    assert second.given.empty()
    assert any("2 simulations are run again" in text for text in scene.said)


def test_a_simulation_that_ends_its_workers_is_given_up() -> None:
    """After three workers it is an error with a reason, and the others go on."""
    scene = Scene(1, [1])
    scene.pool.start()
    for life in range(MAX_DEATHS_PER_SIMULATION):
        worker = scene.started.get(timeout=LONG_S)
        worker.say(WorkerReport(host="a"))
        worker.next()
        worker.say(Lost(f"death {life}"))
    report = scene.report()
    assert (report.status, report.reward) == ("error", None)
    assert f"{MAX_DEATHS_PER_SIMULATION} workers ended while they ran it; the last: death 2" in report.error
    (end,) = scene.sink.of("task_end")
    assert (end.get("status"), end.get("error_type")) == ("error", "WorkerLost")
    assert len(scene.workers) == MAX_DEATHS_PER_SIMULATION
    scene.pool.close()


def test_workers_that_never_come_up_end_the_run() -> None:
    """Not for ever: three in a row, and the reason is said."""
    scene = Scene(2, [1])
    scene.pool.start()
    for _ in range(MAX_FAILED_STARTS):
        scene.started.get(timeout=LONG_S).say(Lost("exit code 1; it said: no module named x"))
    report = scene.report()
    assert isinstance(report, RunFailure)
    assert isinstance(report.error, UserError)
    assert "no module named x" in str(report.error)
    scene.pool.close()


def test_a_worker_that_is_refused_ends_the_run_with_its_sentence() -> None:
    """What is wrong with the person's input is found by a worker: one line, no traceback."""
    scene = Scene(2, [1])
    scene.pool.start()
    scene.workers[0].say(WorkerReport(refused="no domain 'x'"))
    report = scene.report()
    assert isinstance(report, RunFailure)
    assert str(report.error) == "no domain 'x'"
    scene.pool.close()


def test_what_a_worker_tells_reaches_every_sink(scene: Scene) -> None:
    """Lines as events, texts, notes, and what is in flight."""
    event = Event(20, "2026-11-20 17:45:01.123", "7", 5, "task_start", {"seed": 3, "domain": "mock", "worker": "w0"})
    flying = InFlight("mock", "7", 10.0, "llm_call", "gpt", 5.0)
    scene.workers[0].say(
        WorkerReport(host="a", lines=[("mock", encode(event))], texts=[("mock", "said")], said=["note: x"], in_flight=[flying])
    )
    scene.workers[0].next()
    until(lambda: bool(scene.pool.in_flight()))  # what is done last with a report
    assert scene.pool.in_flight() == [flying]
    assert event in scene.sink.events
    assert encode(event) in scene.sink.lines
    assert ("mock", "said") in scene.sink.texts
    assert "note: x" in scene.said


def test_a_worker_that_says_nothing_any_more_is_ended(scene: Scene) -> None:
    """Stuck as a whole: what it ran goes to another. One that speaks stays."""
    first, second = scene.workers
    first.say(WorkerReport(host="a"))
    units = [first.next(), first.next()]
    second.say(WorkerReport(host="b"))
    second.finish(second.next())
    scene.report()
    scene.clock.sleep(SILENT_S - 1)
    second.finish(second.next())
    scene.report()
    scene.pool.tick()
    scene.clock.sleep(2)
    second.inbox.put((second, SILENT))  # as if its last words had waited in the inbox: it is asked about again
    scene.pool.tick()
    third = [scene.started.get(timeout=LONG_S) for _ in range(3)][-1]
    third.say(WorkerReport(host="a"))
    assert [third.next(), third.next()] == units
    assert (first.ended, second.ended) == (True, False)
    assert [event.get("error_message") for event in scene.sink.of("worker_down")] == ["no message for 120 s"]


def test_after_stop_nothing_is_given_out(scene: Scene) -> None:
    """What runs goes on to its end, and then the crew is idle."""
    first, _ = scene.workers
    first.say(WorkerReport(host="a"))
    units = [first.next(), first.next()]
    scene.pool.stop()
    for unit in units:
        first.finish(unit)
        scene.report()
    assert first.given.empty()
    assert scene.pool.idle


@pytest.mark.parametrize(
    ("concurrency", "workers", "units", "expected"),
    [(3, 2, 100, [2, 1]), (64, 2, 278, [32, 32]), (2, 8, 100, [1, 1]), (8, 4, 3, [1, 1, 1]), (1, 1, 0, [1])],
)
def test_slots_add_up_to_the_concurrency(concurrency: int, workers: int, units: int, expected: list[int]) -> None:
    """And nobody is hired for nothing."""
    assert shared_slots(concurrency, workers, units) == expected


def test_a_played_conversation_holds_no_slot_and_is_not_played_again(scene: Scene) -> None:
    """The row is kept at once and is no report; its worker gets the next unit meanwhile, and if the worker ends, whoever gets the unit then
    gets its conversation."""
    first, second = scene.workers
    first.say(WorkerReport(host="a"))
    played, other = first.next(), first.next()
    kept = replace(row(played), status=PLAYED, simulation='{"messages": []}', calls="[]")
    first.say(WorkerReport(rows=[kept]))
    third = first.next()
    assert third not in (played, other)
    assert scene.kept == [kept]
    assert scene.pool.reports.empty()
    second.say(WorkerReport(host="b"))
    assert second.next().played is None
    first.say(Lost("killed"))
    second.say(WorkerReport(rows=[row(scene.units[3])]))
    again = second.next()
    assert (again.key, again.played) == (played.key, PlayedConversation('{"messages": []}', "[]"))
