"""An attempt of a model call is one event, with exact times, whoever makes it and however it ends."""

from __future__ import annotations

import asyncio
import gc
import threading
import time
from collections.abc import AsyncIterator, Iterator
from types import SimpleNamespace as Of
from typing import Any

import pytest

from tau2_logging.events.levels import DEBUG, PROFILE
from tau2_logging.instrument.model_calls.measured_stream import MeasuredStream
from tau2_logging.instrument.model_calls.model_call import ATTEMPT, ModelCall, role_of
from tau2_logging.logger import EventLogger, FakeClock, Simulation
from tau2_logging.logger.context import CurrentExpert, expert_scope
from tau2_logging.logger.simulation import AGENT, EVALUATION, JUDGE, LIVE, USER
from tau2_logging.sinks import MemorySink


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
def sink() -> MemorySink:
    return MemorySink(PROFILE)


@pytest.fixture
def simulation(clock: FakeClock, sink: MemorySink) -> Simulation:
    simulation = Simulation(EventLogger("run", [sink], clock), "retail", "7", 0)
    simulation.phase, simulation.turn, simulation.step = LIVE, AGENT, 2
    return simulation


def reply(cost: float | None = 0.25) -> Any:
    """A reply with counts and a price."""
    return Of(
        choices=[Of(message=Of(content="hello", tool_calls=None), finish_reason="stop")],
        usage=Of(prompt_tokens=100, completion_tokens=20),
        _hidden_params={"response_cost": cost},
    )


def test_a_call_is_one_event_with_exact_times(simulation: Simulation, clock: FakeClock, sink: MemorySink) -> None:
    """What was asked, how long it took, what came back; finishing again changes nothing."""
    call = ModelCall(simulation, "gpt-4.1", "openai")
    call.endpoint, call.queue_ns = "api.openai.com:443", 3_000_000
    clock.advance(812.5)
    call.finish(reply())
    clock.advance(1000)
    call.finish(reply())
    call.fail(RuntimeError())
    (event,) = sink.of("llm_call")
    expected = {
        "step": 2, "model": "gpt-4.1", "call_type": "openai", "has_tool_calls": False, "start_ms": 0.0, "duration_ms": 812.5,
        "queue_ms": 3.0,
        "input_tokens": 100, "output_tokens": 20, "finish_reason": "stop", "attempt": 1, "endpoint": "api.openai.com:443", "cost_usd": 0.25,
        "error": False,
    }  # fmt: skip
    assert {name: event.get(name) for name in expected} == expected
    assert event.get("ttft_ms") is None
    assert simulation.usage.counts["llm_calls"] == 1
    assert simulation.usage.fields()["cost_usd"] == 0.25


def test_a_call_tells_the_cpu_time_of_its_thread(simulation: Simulation, sink: MemorySink) -> None:
    """What the thread computes, not what it waits; nothing where other calls use the thread too, or another thread ends the call."""
    before = time.thread_time()
    call = ModelCall(simulation, "m", "openai")
    sum(range(2_000_000))
    time.sleep(0.2)
    call.finish(reply())
    computed_ms = (time.thread_time() - before) * 1000
    elsewhere = ModelCall(simulation, "m", "openai")
    thread = threading.Thread(target=elsewhere.finish, args=(reply(),))
    thread.start()
    thread.join()
    asyncio.run(_asynchronous(simulation))
    own, other, shared = (event.get("cpu_ms") for event in sink.of("llm_call"))
    assert computed_ms / 2 < float(own or 0) <= computed_ms
    assert (other, shared) == (None, None)


async def _asynchronous(simulation: Simulation) -> None:
    ModelCall(simulation, "m", "openai").finish(reply())


def test_a_failed_call_is_the_same_event_with_its_error(simulation: Simulation, clock: FakeClock, sink: MemorySink) -> None:
    """Its class, what it said with keys masked, its duration; no tokens, and its price is not unknown but nothing."""
    call = ModelCall(simulation, "gpt-4.1", "openai")
    clock.advance(30)
    call.fail(ConnectionError("refused for Bearer abcdefgh12345678"))
    (event,) = sink.of("llm_call")
    assert (event.get("error"), event.get("error_type"), event.get("duration_ms")) == (True, "ConnectionError", 30.0)
    assert event.get("error_message") == "refused for Bearer ***"
    assert event.get("input_tokens") is None
    assert simulation.usage.counts["llm_errors"] == 1
    assert simulation.usage.cost_known


def test_a_reply_that_is_none_is_an_error_that_was_paid_for(simulation: Simulation, sink: MemorySink) -> None:
    """An empty reply has tokens and a price."""
    empty = reply()
    empty.choices[0].message.content = ""
    ModelCall(simulation, "m", "openai").finish(empty)
    (event,) = sink.of("llm_call")
    assert (event.get("error"), event.get("error_type"), event.get("cost_usd")) == (True, "EmptyReply", 0.25)


@pytest.mark.parametrize(
    ("phase", "turn", "role", "type_", "counter"),
    [
        (LIVE, AGENT, "agent", "llm_call", "llm_calls"),
        (LIVE, USER, "user", "user_sim", "user_calls"),
        (LIVE, JUDGE, "judge", "evaluator", "judge_calls"),
        (LIVE, None, "agent", "llm_call", "llm_calls"),
        (EVALUATION, None, "judge", "evaluator", "judge_calls"),
        (EVALUATION, USER, "judge", "evaluator", "judge_calls"),
    ],
)
def test_a_call_is_counted_for_whoever_acts(
    simulation: Simulation, sink: MemorySink, phase: str, turn: str | None, role: str, type_: str, counter: str
) -> None:
    """By the phase and by whose turn it is, not by the model's name."""
    simulation.phase, simulation.turn = phase, turn
    assert role_of(simulation) == role
    ModelCall(simulation, "m", "openai").finish(reply())
    assert [event.type for event in sink.events] == [type_]
    assert simulation.usage.counts[counter] == 1
    assert (simulation.usage.fields()["agent_cost_usd"] == 0.25) == (role == "agent")


@pytest.mark.parametrize(
    ("asked", "cost"),
    [(CurrentExpert("planner"), 0.25), (CurrentExpert("planner", 0.01, 0.1), 3.0), (CurrentExpert("planner", 0.0, 0.0), 0.0)],
)
def test_a_call_made_for_an_expert_is_the_experts(simulation: Simulation, sink: MemorySink, asked: CurrentExpert, cost: float) -> None:
    """By its alias, in time of its own, on the agent's bill, at the price a person gave for it."""
    with expert_scope(asked):
        call = ModelCall(simulation, "m", "openai")
        assert simulation.waiting().what == "expert_call"
    call.finish(reply())
    (event,) = sink.of("expert_call")
    assert (event.get("expert"), event.get("cost_usd"), event.get("input_tokens")) == ("planner", pytest.approx(cost), 100)
    assert simulation.usage.counts["expert_calls"] == 1
    assert simulation.usage.fields()["agent_cost_usd"] == pytest.approx(cost)


@pytest.mark.parametrize(
    ("phase", "turn", "type_"), [(EVALUATION, None, "evaluator"), (LIVE, USER, "user_sim"), (LIVE, JUDGE, "evaluator")]
)
def test_only_the_agent_has_experts(simulation: Simulation, sink: MemorySink, phase: str, turn: str | None, type_: str) -> None:
    """A judge's or user's call that happens to be made in an expert's context stays theirs."""
    simulation.phase, simulation.turn = phase, turn
    with expert_scope(CurrentExpert("planner")):
        ModelCall(simulation, "m", "openai").finish(reply())
    (event,) = sink.events
    assert (event.type, event.get("expert")) == (type_, None)


def test_the_attempt_is_that_of_whoever_retries(simulation: Simulation, sink: MemorySink) -> None:
    """Set by the layer that retries, or told by the one that saw the failure."""
    token = ATTEMPT.set(3)
    ModelCall(simulation, "m", "openai").finish(reply())
    ATTEMPT.reset(token)
    ModelCall(simulation, "m", "openai", attempt=2).finish(reply())
    assert [event.get("attempt") for event in sink.events] == [3, 2]


def test_debug_adds_what_was_sent_and_replied_with_keys_masked() -> None:
    """In an event of its own with the same span; the messages stay as they are."""
    sink = MemorySink(DEBUG)
    simulation = Simulation(EventLogger("run", [sink], FakeClock()), "retail", "7")
    simulation.step = 2
    messages = [{"role": "system", "content": "use api_key=abcdef123456"}]
    ModelCall(simulation, "m", "openai", messages).finish(reply())
    call, part, payload = sink.events
    assert (payload.type, payload.get("span"), payload.get("step")) == ("llm_payload", call.get("span"), 2)
    assert (part.type, part.get("text")) == ("prompt_part", '{"role": "system", "content": "use api_key=***"}')
    assert payload.get("sent") == part.get("hash")
    assert "hello" in str(payload.get("reply"))
    assert messages == [{"role": "system", "content": "use api_key=abcdef123456"}]


def test_without_debug_no_payload_is_made(simulation: Simulation, sink: MemorySink) -> None:
    """Messages that cannot be turned into text are then no trouble."""
    cycle: list[object] = []
    cycle.append(cycle)
    ModelCall(simulation, "m", "openai", cycle).finish(reply())
    assert [event.type for event in sink.events] == ["llm_call"]
    assert simulation.logger.failures == 0


def test_a_response_nobody_can_read_raises_nothing(simulation: Simulation, sink: MemorySink) -> None:
    """The failure of the telemetry is counted; the call is not left open."""

    class Odd:
        def __getattr__(self, name: str) -> Any:
            raise RuntimeError(name)

    call = ModelCall(simulation, "m", "openai")
    call.finish(Odd())
    assert call.done
    assert simulation.logger.failures == 1
    assert simulation.waiting().what != "llm_call"


def chunk(text: str | None) -> Any:
    """A piece of a stream."""
    return Of(choices=[Of(delta=Of(content=text))])


def pieces(clock: FakeClock, *waits: float) -> Iterator[Any]:
    """A role, then a token after each wait."""
    yield chunk(None)
    for number, ms in enumerate(waits):
        clock.advance(ms)
        yield chunk(f"token {number}")


def assemble(chunks: list[Any]) -> Any:
    """What litellm does with the chunks."""
    whole = reply()
    whole.choices[0].message.content = "".join(piece.choices[0].delta.content or "" for piece in chunks)
    return whole


def test_a_stream_is_one_call_with_the_times_of_its_tokens(simulation: Simulation, clock: FakeClock, sink: MemorySink) -> None:
    """To the first token (not the role before it), from the first to the end; the chunks are passed on as they are."""
    stream = MeasuredStream(pieces(clock, 200, 50, 30), ModelCall(simulation, "m", "openai"), assemble)
    assert [piece.choices[0].delta.content for piece in stream] == [None, "token 0", "token 1", "token 2"]
    (event,) = sink.of("llm_call")
    assert (event.get("ttft_ms"), event.get("decode_ms"), event.get("duration_ms")) == (200.0, 80.0, 280.0)
    assert (event.get("output_tokens"), event.get("error")) == (20, False)


@pytest.mark.parametrize("way", ["close", "with", "drop"])
def test_a_stream_that_is_left_is_still_one_event(simulation: Simulation, clock: FakeClock, sink: MemorySink, way: str) -> None:
    """Closed, left by a block, or simply forgotten."""
    stream = MeasuredStream(pieces(clock, 200, 50, 30), ModelCall(simulation, "m", "openai"), assemble)
    next(stream)
    next(stream)
    if way == "close":
        stream.close()
    elif way == "with":
        with stream:
            pass
    del stream
    gc.collect()
    (event,) = sink.of("llm_call")
    assert (event.get("ttft_ms"), event.get("duration_ms")) == (200.0, 200.0)


def test_a_stream_that_breaks_is_a_failed_call_and_the_error_goes_on(simulation: Simulation, clock: FakeClock, sink: MemorySink) -> None:
    """With the time until it broke."""

    def breaking() -> Iterator[Any]:
        yield from pieces(clock, 10)
        raise ConnectionResetError("gone")

    with pytest.raises(ConnectionResetError, match="gone"):
        list(MeasuredStream(breaking(), ModelCall(simulation, "m", "openai"), assemble))
    (event,) = sink.of("llm_call")
    assert (event.get("error"), event.get("error_type"), event.get("ttft_ms")) == (True, "ConnectionResetError", 10.0)


def test_an_async_stream_is_measured_alike(simulation: Simulation, clock: FakeClock, sink: MemorySink) -> None:
    """Read to its end, and another closed by `aclose`."""

    async def source() -> AsyncIterator[Any]:
        for piece in pieces(clock, 200, 50):
            yield piece

    async def read() -> None:
        whole = MeasuredStream(source(), ModelCall(simulation, "m", "openai"), assemble)
        assert [piece.choices[0].delta.content async for piece in whole] == [None, "token 0", "token 1"]
        left = MeasuredStream(source(), ModelCall(simulation, "m", "openai"), assemble)
        await left.__anext__()
        await left.aclose()

    asyncio.run(read())
    assert [event.get("duration_ms") for event in sink.of("llm_call")] == [250.0, 0.0]


def test_a_measured_stream_passes_for_the_one_it_wraps(simulation: Simulation) -> None:
    """isinstance and attributes are the stream's own."""

    class Stream:
        model = "m"

        def __next__(self) -> Any:
            raise StopIteration

    measured = MeasuredStream(Stream(), ModelCall(simulation, "m", "openai"), assemble)
    assert isinstance(measured, Stream)
    assert isinstance(measured, MeasuredStream)
    assert measured.model == "m"
    with pytest.raises(AttributeError):
        _ = measured.no_such_thing
    measured.close()
