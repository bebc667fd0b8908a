"""Structured events that wait to be written: their order, and that none is lost."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tau2_logging.events import ToolExecutionEvent
from tau2_logging.events.jsonl import read_events
from tau2_logging.logger import EventLogger
from tau2_logging.logger.event_queue import MOST_PENDING, Flusher
from tau2_logging.logger.scope import OK, Outcome, begin, end
from tau2_logging.logger.simulation import Simulation
from tau2_logging.sinks.memory import MemorySink
from tau2_logging.sinks.structured_file import StructuredFiles
from tests.support.patience import LONG_S


class Running:
    """A simulation whose sink can be looked at. Nothing is written for having waited, but `every_s` after it was made."""

    def __init__(self, every_s: float = 600.0) -> None:
        self.sink = MemorySink()
        self.logger = EventLogger("run", [self.sink])
        self.logger.flusher = Flusher(every_s)
        self.simulation: Simulation = begin(self.logger, "retail", "7")

    def written(self) -> list[str]:
        return [str(event.call_id or event.type) for event in self.sink.structured]


class Untellable:
    """A value that cannot be written, not even as text."""

    def __str__(self) -> str:
        raise RuntimeError("no")


@pytest.fixture
def running() -> Iterator[Running]:
    running = Running()
    yield running
    running.logger.close()


def test_events_are_written_in_the_order_in_which_they_were_made(running: Running) -> None:
    """A few together, each with the time in which it happened; whoever writes them leaves nothing behind."""
    for number in range(4):
        running.simulation.structured(ToolExecutionEvent, call_id=str(number))
        time.sleep(0.002)
    assert running.written() == []
    assert len(running.logger.flusher) == 1
    running.simulation.events.write()
    assert running.written() == ["0", "1", "2", "3"]
    times = [event.time for event in running.sink.structured]
    assert times == sorted(set(times))
    assert len(running.logger.flusher) == 0


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
        thread.join(LONG_S)
    assert running.written() == ["1"]
    running.simulation.structured(ToolExecutionEvent, call_id="2")
    deadline = time.monotonic() + LONG_S
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
    """What fails, in the making or for a field its kind does not have, is counted; its neighbors are written."""
    running.simulation.structured(ToolExecutionEvent, call_id="1")
    running.simulation.structured_by(lambda: 1 / 0)  # type: ignore[arg-type, return-value]
    running.simulation.structured_by(lambda: ((ToolExecutionEvent, {"call_id": 1 / number}) for number in (1, 0)))
    running.simulation.structured(ToolExecutionEvent, call_id="2", no_such_field=1)
    running.simulation.structured(ToolExecutionEvent, call_id="3")
    running.simulation.events.write()
    assert running.written() == ["1", "3"]
    assert running.logger.failures == 3


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
    running.simulation.events.write()
    found = [tuple(map(int, text.split())) for text in running.written()]
    assert sorted(found) == [(name, number) for name in range(8) for number in range(200)]
    assert all([number for other, number in found if other == name] == list(range(200)) for name in range(8))


def test_a_simulation_ends_after_its_events(running: Running) -> None:
    """When task_end is written, they are."""
    running.simulation.structured(ToolExecutionEvent, call_id="1")
    written_at_the_end = []
    emit = running.logger.emit_in
    running.logger.emit_in = lambda *words: (written_at_the_end.append(running.written()), emit(*words))  # type: ignore[method-assign, func-returns-value, assignment, return-value]
    end(running.simulation, Outcome(OK, reward=1.0))
    assert written_at_the_end == [["1"]]
    assert [event.type for event in running.sink.events] == ["task_start", "task_end"]
    assert running.logger.failures == 0


def test_a_simulation_that_is_given_up_keeps_what_it_did(running: Running) -> None:
    """An event made before is written all the same, at the latest when the log is closed; one made after is not."""
    running.simulation.structured(ToolExecutionEvent, call_id="1")
    running.simulation.abandon()
    running.simulation.structured(ToolExecutionEvent, call_id="2")
    running.logger.close()
    assert running.written() == ["1"]
