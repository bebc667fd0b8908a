"""Spans of model servers find the calls they belong to, in whatever order both come, and no others."""

from __future__ import annotations

from tau2_logging.events import Event
from tau2_logging.events.levels import PROFILE
from tau2_logging.events.trace_ids import span_id
from tau2_logging.instrument.model_calls.model_call import ModelCall
from tau2_logging.logger import EventLogger, Simulation
from tau2_logging.logger.clock import FakeClock
from tau2_logging.sinks import MemorySink
from tau2_logging.sinks.server_calls import LONGEST_S, QUIET_S, JoinCounts, ServerCalls
from tau2_logging.sinks.server_spans import ServerSpan

ANSWER = {"choices": [{"message": {"role": "assistant", "content": "Hello"}, "finish_reason": "stop"}]}


class Desk:
    """A run with one simulation, and its join."""

    def __init__(self) -> None:
        self.calls = ServerCalls()
        self.clock = FakeClock()
        self.sink = MemorySink(PROFILE)
        self.logger = EventLogger("run", [self.sink, self.calls], self.clock)
        self.simulation = Simulation(self.logger, "retail@calm", "7", 2)
        self.simulation.step = 3
        self.calls.write_with(self.logger)

    def call(self, endpoint: str | None = "gpu:8000", model: str = "hosted_vllm/m") -> ModelCall:
        call = ModelCall(self.simulation, model, "vllm")
        call.endpoint = endpoint
        return call

    def span_of(self, call: ModelCall, queue_s: float = 0.5) -> ServerSpan:
        return ServerSpan(99, span_id("run", call.span), {"gen_ai.latency.time_in_queue": queue_s, "gen_ai.latency.e2e": 1.0})

    @property
    def told(self) -> list[Event]:
        return self.sink.of("server_call")


def test_a_span_after_its_call_and_one_before_it_are_both_joined() -> None:
    """The event is in the call's place: task, trial, domain, run, step, span and parent; model and endpoint are the call's."""
    desk = Desk()
    first, second = desk.call(), desk.call()
    first.finish(ANSWER)
    desk.calls.take([desk.span_of(first), desk.span_of(second)])
    second.finish(ANSWER)
    assert len(desk.told) == 1
    desk.calls.take([])
    calls = desk.sink.of("llm_call")
    for call, told in zip(calls, desk.told, strict=True):
        assert (told.task, told.level) == ("7", PROFILE)
        for name in ("domain", "trial", "run", "step", "span", "parent", "model", "endpoint"):
            assert told.get(name) == call.get(name) is not None
        assert (told.get("server_source"), told.get("server_queue_ms"), told.get("server_e2e_ms")) == ("trace", 500.0, 1000.0)
        assert told.get("server_decode_ms") is None
    assert desk.calls.counts() == JoinCounts(calls=2, joined=2, foreign=0)


def test_spans_of_nobody_here_are_counted_and_not_written() -> None:
    """Of clients without a header, of other clients' traces; a server's own spans of other things do not even count."""
    desk = Desk()
    call = desk.call()
    call.finish(ANSWER)
    times = {"gen_ai.latency.e2e": 1.0}
    desk.calls.take([ServerSpan(1, None, times), ServerSpan(2, 12345, times), ServerSpan(3, None, {}), desk.span_of(call)])
    assert len(desk.told) == 1
    assert desk.calls.counts() == JoinCounts(calls=1, joined=1, foreign=2)


def test_a_span_below_those_of_a_proxy_is_joined_in_any_order() -> None:
    """A proxy that traces stands between the call and the server: its span is the child of the call's and the parent of the server's."""
    for order in ([0, 1, 2], [2, 1, 0], [1, 2, 0]):
        desk = Desk()
        call = desk.call()
        call.finish(ANSWER)
        spans = [
            ServerSpan(50, span_id("run", call.span), {}), ServerSpan(51, 50, {}), ServerSpan(52, 51, {"gen_ai.latency.e2e": 1.0}),
        ]  # fmt: skip
        for place in order:
            desk.calls.take([spans[place]])
        assert [told.get("span") for told in desk.told] == [call.span]


def test_every_request_of_a_call_is_written() -> None:
    """A proxy may try twice; the call counts once."""
    desk = Desk()
    call = desk.call()
    call.finish(ANSWER)
    desk.calls.take([desk.span_of(call, 0.1), desk.span_of(call, 0.2)])
    assert [told.get("server_queue_ms") for told in desk.told] == [100.0, 200.0]
    assert desk.calls.counts() == JoinCounts(calls=1, joined=1, foreign=0)


def test_a_call_without_a_server_is_not_waited_for() -> None:
    """A scripted model has no endpoint, a failed call may have no span; a server that tells nothing is left alone once another does."""
    desk = Desk()
    desk.call(endpoint=None).finish(ANSWER)
    desk.call().fail(OSError("refused"))
    assert desk.calls.wait() == JoinCounts(calls=0, joined=0, foreign=0)
    told, silent = desk.call(), desk.call("api.openai.com:443", "gpt-4.1")
    told.finish(ANSWER)
    silent.finish(ANSWER)
    desk.calls.take([desk.span_of(told)])
    assert desk.calls.wait() == JoinCounts(calls=2, joined=1, foreign=0)


def test_all_servers_of_a_model_are_waited_for() -> None:
    """One has sent its last batch; that of the other, its first, is still to come."""
    desk = Desk()
    one, two = desk.call("gpu:8000"), desk.call("gpu:8001")
    one.finish(ANSWER)
    two.finish(ANSWER)
    desk.calls.take([desk.span_of(one)])

    def arrives() -> bool:
        desk.calls.take([desk.span_of(two)])
        return False

    assert desk.calls.wait(arrives) == JoinCounts(calls=2, joined=2, foreign=0)


def test_the_wait_for_the_last_batch_is_bounded() -> None:
    """By silence, by a limit in all, and by whoever stops the run."""
    desk = Desk()
    desk.call().finish(ANSWER)
    looks: list[float] = []

    def look() -> bool:
        looks.append(desk.clock.now_ns() / 1e9)
        desk.clock.advance(2000)
        return False

    assert desk.calls.wait(look) == JoinCounts(calls=1, joined=0, foreign=0)
    assert QUIET_S - 2 <= looks[-1] <= QUIET_S
    begun_s = desk.clock.now_ns() / 1e9
    looks.clear()

    def look_and_hear() -> bool:
        desk.calls.take([ServerSpan(1, None, {"gen_ai.latency.e2e": 1.0})])
        return look()

    desk.calls.wait(look_and_hear)
    assert LONGEST_S - 2 <= looks[-1] - begun_s <= LONGEST_S
    assert desk.calls.wait(lambda: True).calls == 1


def test_what_cannot_be_written_harms_nobody() -> None:
    """Spans that come before there is a logger wait for it; a span that breaks the join is counted."""
    calls = ServerCalls()
    calls.take([ServerSpan(1, 7, {"gen_ai.latency.e2e": 1.0}), ServerSpan(1, 7, None)])  # type: ignore[arg-type]
    assert calls.counts().foreign == 2
    assert calls.wait() == JoinCounts(0, 0, 0)
