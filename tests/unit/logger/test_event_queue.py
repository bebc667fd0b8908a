"""Structured events that wait to be written, and those that wait for a hash: their order, and that none is lost."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from concurrent.futures import Future
from pathlib import Path
from typing import Any

import pytest

from tau2_logging.events import StateChangeEvent, StateSnapshot, ToolExecutionEvent
from tau2_logging.events.jsonl import read_events
from tau2_logging.logger import EventLogger
from tau2_logging.logger.event_queue import MOST_PENDING
from tau2_logging.logger.helper import Helper
from tau2_logging.logger.scope import OK, Outcome, begin, end
from tau2_logging.logger.simulation import Simulation
from tau2_logging.logger.unwritten import Unwritten
from tau2_logging.sinks.memory import MemorySink
from tau2_logging.sinks.structured_file import StructuredFiles


class Running:
    """A simulation whose sink can be looked at. Nothing is written for having waited, but `every_s` after it was made."""

    def __init__(self, every_s: float = 600.0) -> None:
        self.sink = MemorySink()
        self.logger = EventLogger("run", [self.sink])
        self.logger.unwritten = Unwritten(every_s)
        self.simulation: Simulation = begin(self.logger, "retail", "7")

    def written(self) -> list[str]:
        return [str(event.call_id or event.type) for event in self.sink.structured]

    def change(self, call_id: str, post_hash: Any) -> None:
        self.simulation.structured(StateChangeEvent, call_id=call_id, pre_hash="a", post_hash=post_hash)


class Untellable:
    """A value that cannot be written, not even as text."""

    def __str__(self) -> str:
        raise RuntimeError("no")


@pytest.fixture
def running() -> Iterator[Running]:
    running = Running()
    yield running
    running.logger.close()


def test_events_keep_their_order_while_one_waits(running: Running) -> None:
    """What was made before the hash is written, the rest when it has come, in the order and with the time in which it was made."""
    first, second = Future[str](), Future[str]()
    running.simulation.structured(ToolExecutionEvent, call_id="1")
    running.change("2", first)
    running.simulation.structured(ToolExecutionEvent, call_id="3")
    running.simulation.structured(StateSnapshot, call_id="4", agent_hash=second)
    running.simulation.events.write()
    assert running.written() == ["1"]
    second.set_result("c")
    running.simulation.events.write()
    assert running.written() == ["1"]
    assert len(running.logger.unwritten) == 1
    first.set_result("b")
    running.simulation.events.write()
    assert running.written() == ["1", "2", "3", "4"]
    changed, snapshot = running.sink.structured[1], running.sink.structured[3]
    assert isinstance(changed, StateChangeEvent)
    assert isinstance(snapshot, StateSnapshot)
    assert (changed.post_hash, snapshot.agent_hash) == ("b", "c")
    assert [event.time for event in running.sink.structured] == sorted(event.time for event in running.sink.structured)
    assert len(running.logger.unwritten) == 0


def test_what_is_said_of_an_event_is_how_it_was_when_it_happened(running: Running) -> None:
    """Step, phase and time are those of the moment it was put in, not those of the writing."""
    running.simulation.step, running.simulation.phase = 3, "live"
    before = running.logger.event_time()
    running.simulation.structured_by(lambda: [(ToolExecutionEvent, {"call_id": "1"})], span="s")
    after = running.logger.event_time()
    running.simulation.step, running.simulation.phase = 9, "evaluation"
    time.sleep(0.005)
    running.simulation.events.write()
    (event,) = running.sink.structured
    assert (event.step, event.phase, event.span, event.task, event.run) == (3, "live", "s", "7", "run")
    assert before <= event.time <= after


def test_a_simulation_that_hangs_has_its_events_written() -> None:
    """Nothing more happens in it, and they are there all the same; the thread that does it ends when there is nothing more to write."""
    running = Running(every_s=0.01)
    running.simulation.structured(ToolExecutionEvent, call_id="1")
    ticking = [thread for thread in threading.enumerate() if thread.name == "structured events"]
    for thread in ticking:
        thread.join(10)
    assert running.written() == ["1"]
    running.simulation.structured(ToolExecutionEvent, call_id="2")
    deadline = time.monotonic() + 10
    while running.written() != ["1", "2"] and time.monotonic() < deadline:
        time.sleep(0.01)
    assert running.written() == ["1", "2"]
    running.logger.close()


def test_many_events_do_not_pile_up(running: Running) -> None:
    """A simulation that makes events without end keeps only a few of them waiting."""
    for number in range(3 * MOST_PENDING + 1):
        running.simulation.structured(ToolExecutionEvent, call_id=str(number))
    assert running.written() == [str(number) for number in range(3 * MOST_PENDING)]
    running.logger.close()
    assert len(running.written()) == 3 * MOST_PENDING + 1


def test_an_event_that_cannot_be_made_takes_no_other_with_it(running: Running) -> None:
    """What fails, in the making or for a field its kind does not have, is counted; its neighbours are written."""
    running.simulation.structured(ToolExecutionEvent, call_id="1")
    running.simulation.structured_by(lambda: 1 / 0)  # type: ignore[arg-type, return-value]
    running.simulation.structured(ToolExecutionEvent, call_id="2", no_such_field=1)
    running.simulation.structured(ToolExecutionEvent, call_id="3")
    running.simulation.events.write()
    assert running.written() == ["1", "3"]
    assert running.logger.failures == 2


def test_an_event_that_cannot_be_encoded_takes_no_other_with_it(tmp_path: Path) -> None:
    """In a file, too: what is written together is encoded one by one."""
    logger = EventLogger("run", [StructuredFiles(tmp_path, ["retail"])])
    simulation = begin(logger, "retail", "7")
    simulation.structured(ToolExecutionEvent, call_id="1")
    simulation.structured(ToolExecutionEvent, call_id="2", arguments={"no text": Untellable()})
    simulation.structured(ToolExecutionEvent, call_id="3")
    end(simulation, Outcome(OK))
    logger.close()
    events = [event for event in read_events(tmp_path / "events_retail.jsonl") if isinstance(event, ToolExecutionEvent)]
    assert [event.call_id for event in events] == ["1", "3"]
    assert logger.failures == 1


def test_threads_of_a_simulation_lose_nothing(running: Running) -> None:
    """Eight threads make events of one simulation while another writes them: each is there once, each thread's in its order."""

    def work(name: int) -> None:
        for number in range(200):
            running.simulation.structured(ToolExecutionEvent, call_id=f"{name} {number}")

    threads = [threading.Thread(target=work, args=(name,)) for name in range(8)]
    for thread in threads:
        thread.start()
    while any(thread.is_alive() for thread in threads):
        running.simulation.events.write()
    running.simulation.events.finish()
    found = [tuple(map(int, text.split())) for text in running.written()]
    assert sorted(found) == [(name, number) for name in range(8) for number in range(200)]
    assert all([number for other, number in found if other == name] == list(range(200)) for name in range(8))


def test_a_simulation_ends_after_its_events(running: Running) -> None:
    """task_end waits for a hash that another thread is making; of one that failed, the event is there without it."""
    future, failed = Future[str](), Future[str]()
    failed.set_exception(ValueError("no hash"))
    running.change("1", future)
    running.change("2", failed)
    timer = threading.Timer(0.05, future.set_result, ["b"])
    timer.start()
    end(running.simulation, Outcome(OK, reward=1.0))
    timer.join()
    assert running.written() == ["1", "2"]
    assert [getattr(event, "post_hash", "") for event in running.sink.structured] == ["b", None]
    assert [event.type for event in running.sink.events] == ["task_start", "task_end"]
    assert running.logger.failures == 0


def test_a_simulation_that_is_given_up_keeps_what_it_did(running: Running) -> None:
    """An event made before is written all the same, at the latest when the log is closed; one made after is not."""
    running.change("1", Future[str]())
    running.simulation.abandon()
    running.simulation.structured(ToolExecutionEvent, call_id="2")
    running.simulation.events.finish(timeout_s=0.01)
    running.logger.close()
    assert running.written() == ["1"]


def test_a_helper_works_in_order_and_what_is_too_much_is_done_at_once() -> None:
    """With two waiting, the next is done by whoever brings it; a helper with nothing to do ends, and starts again."""
    helper, go, done = Helper("test", most=2, idle_s=0.01), threading.Event(), list[tuple[int, str]]()
    started = threading.Event()

    def work(number: int) -> None:
        started.set()
        go.wait(10)
        done.append((number, threading.current_thread().name))

    helper.do(lambda: work(0))
    assert started.wait(10)
    helper.do(lambda: work(1))
    helper.do(lambda: work(2))
    here = threading.current_thread().name
    helper.do(lambda: done.append((3, threading.current_thread().name)))
    assert done == [(3, here)]
    go.set()
    last = [thread for thread in threading.enumerate() if thread.name == "test"]
    for thread in last:
        thread.join(10)
    assert done[1:] == [(0, "test"), (1, "test"), (2, "test")]
    again = Future[str]()
    helper.do(lambda: again.set_result("done"))
    assert again.result(10) == "done"
