"""Structured events that wait for a hash: their order, and what becomes of them when the simulation or the run ends first."""

from __future__ import annotations

import threading
from concurrent.futures import Future
from typing import Any

import pytest

from tau2_logging.events import StateChangeEvent, StateSnapshot, ToolExecutionEvent
from tau2_logging.logger import EventLogger
from tau2_logging.logger.helper import Helper
from tau2_logging.logger.scope import OK, Outcome, begin, end
from tau2_logging.logger.simulation import Simulation
from tau2_logging.sinks.memory import MemorySink


class Running:
    """A simulation whose sink can be looked at."""

    def __init__(self) -> None:
        self.sink = MemorySink()
        self.logger = EventLogger("run", [self.sink])
        self.simulation: Simulation = begin(self.logger, "retail", "7")

    def written(self) -> list[str]:
        return [str(event.call_id or event.type) for event in self.sink.structured]

    def change(self, call_id: str, post_hash: Any) -> None:
        self.simulation.structured(StateChangeEvent, call_id=call_id, pre_hash="a", post_hash=post_hash)


@pytest.fixture
def running() -> Running:
    return Running()


def test_events_keep_their_order_while_one_waits(running: Running) -> None:
    """What was made before the hash is there at once, the rest when it comes, in the order and with the time in which it was made."""
    first, second = Future[str](), Future[str]()
    running.simulation.structured(ToolExecutionEvent, call_id="1")
    running.change("2", first)
    running.simulation.structured(ToolExecutionEvent, call_id="3")
    running.simulation.structured(StateSnapshot, call_id="4", agent_hash=second)
    assert running.written() == ["1"]
    second.set_result("c")
    assert running.written() == ["1"]
    first.set_result("b")
    assert running.written() == ["1", "2", "3", "4"]
    changed, snapshot = running.sink.structured[1], running.sink.structured[3]
    assert isinstance(changed, StateChangeEvent)
    assert isinstance(snapshot, StateSnapshot)
    assert (changed.post_hash, snapshot.agent_hash) == ("b", "c")
    assert [event.time for event in running.sink.structured] == sorted(event.time for event in running.sink.structured)
    assert not running.logger.unwritten


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
    for queue in tuple(running.logger.unwritten):
        queue.finish(timeout_s=0.01)
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
