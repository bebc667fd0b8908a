"""A simulation knows what it waits on, what it has used and where its time went."""

from __future__ import annotations

import threading

import pytest

from tau2_logging.errors import SimulationTimeout
from tau2_logging.events import EXCLUSIVE_MS
from tau2_logging.logger import EventLogger, FakeClock, Outcome, Simulation, current, simulation_scope
from tau2_logging.logger.operation import Operation, error_fields
from tau2_logging.logger.scope import ERROR, OK, TIMEOUT, begin, end, stop_token
from tau2_logging.logger.simulation import Usage
from tau2_logging.sinks import MemorySink
from tests.support.patience import LONG_S


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
def sink() -> MemorySink:
    return MemorySink()


@pytest.fixture
def logger(clock: FakeClock, sink: MemorySink) -> EventLogger:
    return EventLogger("run-1", [sink], clock)


def test_an_operation_is_one_event_with_exact_times(logger: EventLogger, clock: FakeClock, sink: MemorySink) -> None:
    """Start since the run began, duration from the clock, its place in the tree of spans."""
    clock.advance(100)
    simulation = Simulation(logger, "retail", "7", 1)
    simulation.step, simulation.step_span = 3, "5a"
    operation = Operation(simulation, "tool_call", "tool", "get_order")
    clock.advance(12.5)
    assert operation.stop()
    clock.advance(50)
    operation.write({"function": "get_order"})
    (event,) = sink.events
    assert (event.get("start_ms"), event.get("duration_ms"), event.get("step")) == (100.0, 12.5, 3)
    assert (event.get("span"), event.get("parent")) == (operation.span, "5a")


def test_an_operation_stops_once(logger: EventLogger) -> None:
    """Of many threads that stop it, one is told to write its event."""
    operation = Operation(Simulation(logger, "retail", "7"), "llm_call", "llm", "llm_call")
    won: list[bool] = []
    threads = [threading.Thread(target=lambda: won.append(operation.stop())) for _ in range(16)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(won) == [False] * 15 + [True]


def test_it_waits_on_what_has_been_open_longest(logger: EventLogger, clock: FakeClock) -> None:
    """Between calls it waits on nobody but tau2 itself, in its phase."""
    simulation = Simulation(logger, "retail", "7")
    assert simulation.waiting().what == "setup"
    simulation.ledger.enter("setup")
    simulation.go_live()
    assert simulation.waiting().what == "tau2"
    call = Operation(simulation, "llm_call", "llm", "llm_call", "gpt-4.1")
    clock.advance(5)
    tool = Operation(simulation, "tool_call", "tool", "get_order")
    assert (simulation.waiting().what, simulation.waiting().model) == ("llm_call", "gpt-4.1")
    call.stop()
    assert simulation.waiting().what == "get_order"
    tool.stop()
    assert simulation.waiting().what == "tau2"


def test_task_end_accounts_for_every_moment(logger: EventLogger, clock: FakeClock, sink: MemorySink) -> None:
    """Setup, a model call with an expert inside, a tool beside it, the rest: exact, and in sum the duration."""
    simulation = begin(logger, "retail", "7", 0, 42)
    clock.advance(30)
    simulation.go_live()
    clock.advance(1)
    call = Operation(simulation, "llm_call", "llm", "llm_call")
    clock.advance(10)
    expert = Operation(simulation, "expert_call", "expert", "expert_call")
    clock.advance(7)
    expert.stop()
    tool = Operation(simulation, "tool_call", "tool", "t")
    clock.advance(2)
    call.stop()
    clock.advance(4)
    tool.stop()
    end(simulation, Outcome(OK, reward=1.0))
    fields = sink.of("task_end")[0].fields
    assert {name: fields[name] for name in EXCLUSIVE_MS} == {
        "llm_ms": 12.0, "user_ms": 0.0, "tool_ms": 4.0, "expert_ms": 7.0, "judge_ms": 0.0, "evaluation_ms": 0.0, "retrieval_ms": 0.0,
        "embedding_ms": 0.0,
        "setup_ms": 30.0, "other_ms": 1.0,
    }  # fmt: skip
    assert fields["duration_ms"] == 54.0
    assert (fields["status"], fields["reward"]) == ("ok", 1.0)
    assert (sink.events[0].type, sink.events[0].get("seed")) == ("task_start", 42)


def test_a_simulation_ends_once(logger: EventLogger, sink: MemorySink) -> None:
    """Worker and watchdog may both try: one task_end, and nothing after it."""
    simulation = begin(logger, "retail", "7")
    assert end(simulation, Outcome(TIMEOUT))
    assert not end(simulation, Outcome(OK))
    simulation.emit("llm_call", {})
    assert [event.type for event in sink.events] == ["task_start", "task_end"]
    assert sink.events[-1].get("status") == "timeout"


def test_a_scope_says_how_it_ended_and_lets_the_exception_through(logger: EventLogger, sink: MemorySink) -> None:
    """As ok, as error with its class and masked text, as timeout; the simulation is current inside only."""
    with simulation_scope(logger, "retail", "1") as simulation:
        assert current() is simulation
    with pytest.raises(ValueError, match="key"), simulation_scope(logger, "retail", "2"):
        raise ValueError("bad key sk-abcdefgh12345678")
    with pytest.raises(SimulationTimeout), simulation_scope(logger, "retail", "3") as late:
        give_up(late)
    assert current() is None
    ends = sink.of("task_end")
    assert [(event.get("status"), event.get("error_type")) for event in ends] == [
        ("ok", None), ("error", "ValueError"), ("timeout", "SimulationTimeout"),
    ]  # fmt: skip
    assert "sk-abcdefgh" not in "".join(sink.lines) + str(sink.texts)
    assert "Traceback" in sink.texts[0][1]
    assert [event.get("error_type") for event in sink.of("traceback")] == ["ValueError", "SimulationTimeout"]


def give_up(simulation: Simulation) -> None:
    """What the watchdog and the next step do."""
    simulation.timed_out.set()
    simulation.check_timeout()


def test_one_call_of_unknown_price_makes_the_sum_unknown() -> None:
    """Unknown is never counted as nothing; the agent's own price stays known where only others are not."""
    usage = Usage()
    usage.add_cost(0.25, agent=True)
    usage.add_cost(0.5, agent=False)
    assert (usage.fields()["cost_usd"], usage.fields()["agent_cost_usd"]) == (0.75, 0.25)
    usage.add_cost(None, agent=False)
    assert (usage.fields()["cost_usd"], usage.fields()["agent_cost_usd"]) == (None, 0.25)
    usage.add_cost(None, agent=True)
    assert usage.fields()["agent_cost_usd"] is None


def test_tokens_no_provider_reports_are_absent_not_zero() -> None:
    """A zero that was reported stays a zero."""
    usage = Usage()
    usage.add_tokens(input_tokens=10, output_tokens=0, cached_tokens=None)
    usage.add_tokens(input_tokens=5, output_tokens=0, cached_tokens=None)
    fields = usage.fields()
    assert (fields["input_tokens"], fields["output_tokens"], fields["cached_tokens"]) == (15, 0, None)


@pytest.mark.parametrize(
    ("text", "token"),
    [("Thanks ###STOP###", "stop"), ("###TRANSFER###", "transfer"), ("###OUT-OF-SCOPE###", "out_of_scope"), ("bye", None), (None, None)],
)
def test_the_token_that_ended_the_talk_is_read(text: str | None, token: str | None) -> None:
    """tau2 ends all three as user_stop."""
    assert stop_token(text) == token


def test_an_errors_text_is_masked_and_shortened() -> None:
    """A provider's answer may hold the key and be long."""
    fields = error_fields(RuntimeError("Authorization: Bearer abcdefghijkl1234 " + "x" * 1000))
    assert (fields["error"], fields["error_type"]) == (True, "RuntimeError")
    assert "abcdefghijkl" not in str(fields["error_message"])
    assert len(str(fields["error_message"])) < 350
    assert error_fields(KeyError())["error_message"] == "KeyError()"


def test_statuses_are_those_of_the_field_table() -> None:
    """The words a reader knows."""
    assert (OK, ERROR, TIMEOUT) == ("ok", "error", "timeout")


class _Slow(MemorySink):
    """A sink that takes its time for one kind of event."""

    def __init__(self) -> None:
        super().__init__()
        self.begun, self.go_on = threading.Event(), threading.Event()

    def write_line(self, domain: str | None, line: str) -> None:
        if "type=user_sim" in line:
            self.begun.set()
            self.go_on.wait(LONG_S)
        super().write_line(domain, line)


@pytest.mark.parametrize("stopped", [False, True])
def test_an_event_that_is_being_written_comes_before_the_end(clock: FakeClock, stopped: bool) -> None:
    """task_end, and what the run writes after it has given a simulation up, follow the event that another thread was writing."""
    sink = _Slow()
    logger = EventLogger("run-1", [sink], clock)
    simulation = Simulation(logger, "retail", "7")
    writer = threading.Thread(target=simulation.emit, args=("user_sim", {}))
    writer.start()
    assert sink.begun.wait(LONG_S)
    threading.Timer(0.05, sink.go_on.set).start()
    if stopped:
        simulation.abandon()
        logger.emit("run_end", {}, domain="retail")
    else:
        end(simulation, Outcome(OK))
    writer.join()
    simulation.emit("user_sim", {})
    assert [event.type for event in sink.events] == ["user_sim", "run_end" if stopped else "task_end"]
