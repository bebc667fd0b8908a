"""Agents with an SDK of their own: every request is an event, retries in secret included; servers that cannot stream are asked plainly."""

from __future__ import annotations

import asyncio
import importlib
import itertools
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any

import pytest

from tau2_logging.events import Event
from tau2_logging.instrument import Instrumentation, RateLimiter
from tau2_logging.models.simulated_server import Reply, ServerSettings, SimulatedServer
from tau2_logging.runner.model_calls.outages import NOBODY
from tau2_logging.runner.model_calls.retries import Retries
from tau2_logging.runner.model_calls.retry_policy import RetryPolicy
from tau2_logging.runner.model_calls.routing import Routing
from tests.support.litellm_clients import LEFT_OPEN
from tests.support.profiled import simulation

litellm = pytest.importorskip("litellm", reason="litellm is not installed")
openai = pytest.importorskip("openai")
anthropic = pytest.importorskip("anthropic")
pytestmark = LEFT_OPEN

MESSAGES = [{"role": "user", "content": "hello"}]
LIMITED = Reply(fault="rate_limit")


@contextmanager
def one_layer_retries() -> Iterator[None]:
    """Our retries on top, without a pause worth waiting for."""
    layer = Retries(RetryPolicy(max_retries=3, first_wait_s=0.01))
    layer.install()
    try:
        yield
    finally:
        layer.uninstall()


def with_openai(server: SimulatedServer, **how: Any) -> Any:
    with openai.OpenAI(base_url=server.base_url, api_key="sk-x") as client:
        response = client.chat.completions.create(**{"model": "sim", "messages": MESSAGES, **how})
        return list(response) if how.get("stream") else response


def with_anthropic(server: SimulatedServer) -> Any:
    with anthropic.Anthropic(base_url=server.url, api_key="sk-x") as client:
        return client.messages.create(model="sim", messages=MESSAGES, max_tokens=50)


def with_async_openai(server: SimulatedServer) -> Any:
    async def ask() -> Any:
        async with openai.AsyncOpenAI(base_url=server.base_url, api_key="sk-x") as client:
            return await client.chat.completions.create(model="sim", messages=MESSAGES)

    return asyncio.run(ask())


def with_litellm(server: SimulatedServer) -> Any:
    return litellm.completion(model="openai/sim", messages=MESSAGES, api_base=server.base_url, api_key="sk-x", max_retries=2)


WAYS: list[Callable[[SimulatedServer], Any]] = [with_openai, with_anthropic, with_async_openai, with_litellm]


def attempts(events: list[Event]) -> list[tuple[object, ...]]:
    return [(event.get("attempt"), event.get("error"), event.get("error_type")) for event in events]


@pytest.mark.parametrize("way", WAYS)
def test_retries_in_secret_are_attempts_of_their_own(way: Callable[[SimulatedServer], Any]) -> None:
    """Two refusals that a client swallows are two failed events before the one that succeeded, the client's pauses outside of all."""
    with SimulatedServer(ServerSettings(retry_after_s=0.2)) as server, simulation() as sink:
        server.script(LIMITED, LIMITED)
        way(server)
        requests = server.journal
    events = sink.of("llm_call")
    assert len(requests) == 3
    assert attempts(events) == [(1, True, "RateLimitError"), (2, True, "RateLimitError"), (3, False, None)]
    for before, after in itertools.pairwise(events):
        ended = float(before.get("start_ms") or 0) + float(before.get("duration_ms") or 0)
        assert float(after.get("start_ms") or 0) - ended > 100
    assert sink.of("retry") == []


@pytest.mark.parametrize("way", WAYS)
def test_one_layer_retries(way: Callable[[SimulatedServer], Any]) -> None:
    """With ours in place the client's own are off: each pause is a retry event, and no request says that it is a repetition."""
    with SimulatedServer(ServerSettings(retry_after_s=0.02)) as server, simulation() as sink, one_layer_retries():
        server.script(LIMITED, LIMITED)
        way(server)
        requests = server.journal
    assert attempts(sink.of("llm_call")) == [(1, True, "RateLimitError"), (2, True, "RateLimitError"), (3, False, None)]
    assert [(retry.get("attempt"), retry.get("wait_ms")) for retry in sink.of("retry")] == [(2, 20.0), (3, 20.0)]
    assert {watched.headers.get("x-stainless-retry-count", "0") for watched in requests} == {"0"}


@pytest.mark.parametrize("way", WAYS)
def test_when_retries_run_out_the_caller_gets_the_clients_own_error(way: Callable[[SimulatedServer], Any]) -> None:
    """Of the class it would have seen; four attempts, three pauses."""
    with SimulatedServer(ServerSettings()) as server, simulation() as sink, one_layer_retries():
        server.script(*[Reply(fault="server_error")] * 4)
        with pytest.raises((openai.InternalServerError, anthropic.InternalServerError, litellm.InternalServerError)):
            way(server)
    assert attempts(sink.of("llm_call")) == [(number, True, "InternalServerError") for number in (1, 2, 3, 4)]
    assert len(sink.of("retry")) == 3


@pytest.mark.parametrize("way", [with_openai, with_litellm])
def test_a_server_that_cannot_stream_is_asked_plainly_and_that_is_said_once(way: Any, caplog: pytest.LogCaptureFixture) -> None:
    """The first refusal is an attempt of its own, and there is no second."""
    with SimulatedServer(ServerSettings(can_stream=False)) as server, simulation(ttft="on") as sink:
        for _ in range(3):
            assert way(server).choices[0].message.content
        asked = [watched.stream for watched in server.journal]
    assert asked == [True, False, False, False]
    assert attempts(sink.of("llm_call")) == [(1, True, "StreamRefused"), (2, False, None), (1, False, None), (1, False, None)]
    assert [event.get("ttft_ms") for event in sink.of("llm_call")] == [None] * 4
    assert len([record for record in caplog.records if "Streaming is off" in record.message]) == 1


def test_a_server_that_streams_without_counts_is_asked_plainly(caplog: pytest.LogCaptureFixture) -> None:
    """Of the first stream the counts are unknown, and so is its price; the answer that counts has them."""
    with SimulatedServer(ServerSettings(stream_usage=False)) as server, simulation(ttft="on") as sink:
        for _ in range(2):
            with_openai(server)
        asked = [watched.stream for watched in server.journal]
    assert asked == [True, False, False]
    assert [event.get("input_tokens") is None for event in sink.of("llm_call")] == [True, False, False]
    assert sink.of("llm_call")[0].get("cost_usd") is None
    assert len([record for record in caplog.records if "Streaming is off" in record.message]) == 1


def test_without_streaming_nothing_is_asked_differently() -> None:
    """`ttft="off"`: requests go out as they are, a caller's own stream included."""
    with SimulatedServer(ServerSettings()) as server, simulation(ttft="off") as sink:
        with_openai(server)
        with_openai(server, stream=True)
        first, second = server.journal
    assert "stream" not in first.request
    assert "stream_options" not in second.request
    assert [event.get("ttft_ms") is None for event in sink.of("llm_call")] == [True, False]
    assert sink.of("llm_call")[1].get("input_tokens") is None


def test_a_callers_stream_that_ends_without_a_reason_was_cut_though_nobody_raises() -> None:
    """The openai SDK and litellm hand out such a stream as if it were whole."""
    with SimulatedServer(ServerSettings()) as server, simulation() as sink:
        server.script(Reply(text="half of what was to", fault="stream_end"))
        with_openai(server, stream=True)
        server.script(Reply(text="half of what was to", fault="stream_end"))
        list(litellm.completion(model="openai/sim", messages=MESSAGES, api_base=server.base_url, api_key="sk-x", stream=True))
    assert attempts(sink.of("llm_call")) == [(1, True, "StreamCut")] * 2


def test_a_stream_that_its_reader_leaves_is_one_call_and_no_failure() -> None:
    """With the time of its first token."""
    with SimulatedServer(ServerSettings(itl_ms=5)) as server, simulation() as sink:
        server.script(Reply(text="a long answer that nobody wants to hear to its end"))
        with openai.OpenAI(base_url=server.base_url, api_key="sk-x") as client:
            stream = client.chat.completions.create(model="sim", messages=MESSAGES, stream=True)
            next(chunk for chunk in stream if chunk.choices[0].delta.content)
            stream.close()
    (event,) = sink.of("llm_call")
    assert event.get("error") is False
    assert event.get("ttft_ms") is not None


def test_an_error_in_the_middle_of_a_stream_is_the_answer_it_would_have_been() -> None:
    """A caller that asked for no stream gets the status, not half an answer."""
    with SimulatedServer(ServerSettings()) as server, simulation() as sink, one_layer_retries():
        server.script(Reply(fault="stream_error"))
        assert with_openai(server).choices[0].finish_reason == "stop"
    assert attempts(sink.of("llm_call")) == [(1, True, "InternalServerError"), (2, False, None)]


def test_a_known_price_is_paid_for_each_kind_of_token() -> None:
    """Through litellm and directly alike: cached tokens at their own price; a stream costs what the whole answer does."""
    prices = litellm.model_cost["gpt-4.1"]
    expected = 900 * prices["input_cost_per_token"] + 100 * prices["cache_read_input_token_cost"] + 50 * prices["output_cost_per_token"]
    counted = Reply(text="hello", prompt_tokens=1000, cached_tokens=100, completion_tokens=50)
    with SimulatedServer(ServerSettings(models=("gpt-4.1",))) as server, simulation() as sink:
        for stream in (False, True):
            server.script(counted, counted)
            how = {"stream": True, "stream_options": {"include_usage": True}} if stream else {}
            with_openai(server, model="gpt-4.1", **how)
            arguments = {"api_base": server.base_url, "api_key": "sk-x", **how}
            for _ in litellm.completion(model="openai/gpt-4.1", messages=MESSAGES, **arguments):
                pass
    assert [event.get("cost_usd") for event in sink.of("llm_call")] == pytest.approx([expected] * 4)


@pytest.mark.filterwarnings("ignore:The model:DeprecationWarning")
def test_anthropics_cached_tokens_are_part_of_the_input() -> None:
    """Its protocol counts them apart; the event does not, and the price is that of both."""
    model = "claude-sonnet-4-5"
    prices = litellm.model_cost[model]
    expected = 900 * prices["input_cost_per_token"] + 100 * prices["cache_read_input_token_cost"] + 50 * prices["output_cost_per_token"]
    counted = Reply(text="hello", prompt_tokens=1000, cached_tokens=100, completion_tokens=50)
    with SimulatedServer(ServerSettings(models=(model,))) as server, simulation() as sink:
        server.script(counted, counted)
        with anthropic.Anthropic(base_url=server.url, api_key="sk-x") as client:
            client.messages.create(model=model, messages=MESSAGES, max_tokens=50)
        litellm.completion(model=f"anthropic/{model}", messages=MESSAGES, api_base=server.url, api_key="sk-x")
    for event in sink.of("llm_call"):
        assert (event.get("input_tokens"), event.get("cached_tokens"), event.get("output_tokens")) == (1000, 100, 50)
        assert event.get("cost_usd") == pytest.approx(expected)


class Narrow(RateLimiter):
    """Lets every call wait a little."""

    def __init__(self) -> None:
        self.tokens: list[int] = []

    def reserve(self, model: str) -> float:
        return 0.05

    def record_usage(self, model: str, tokens: int) -> None:
        self.tokens.append(tokens)


@pytest.mark.parametrize("way", WAYS)
def test_waiting_for_the_rate_is_queueing(way: Callable[[SimulatedServer], Any]) -> None:
    """Part of the call and not of its time to first token; what it used is told to the rate_limiter."""
    rate_limiter = Narrow()
    with SimulatedServer(ServerSettings(ttft_ms=30)) as server, simulation(rate_limiter=rate_limiter, ttft="on") as sink:
        way(server)
    (event,) = sink.of("llm_call")
    queued, first = float(event.get("queue_ms") or 0), float(event.get("ttft_ms") or 0)
    assert queued >= 50
    assert first >= 30
    assert queued + first <= float(event.get("duration_ms") or 0)
    assert rate_limiter.tokens == [int(event.get("input_tokens") or 0) + int(event.get("output_tokens") or 0)]


def test_an_answer_that_trickles_times_out_as_a_whole() -> None:
    """A stream whose every piece comes in time would never end; the caller's time-out holds for the answer it asked for."""
    with SimulatedServer(ServerSettings(itl_ms=100)) as server, simulation() as sink:
        server.script(Reply(text="word " * 400))
        with (
            openai.OpenAI(base_url=server.base_url, api_key="sk-x", timeout=0.5, max_retries=0) as client,
            pytest.raises(openai.APITimeoutError),
        ):
            client.chat.completions.create(model="sim", messages=MESSAGES)
    (event,) = sink.of("llm_call")
    assert event.get("error_type") == "Timeout"
    assert 450 < float(event.get("duration_ms") or 0) < 40_000 / 2  # it would have taken 40 s


def bound() -> list[Any]:
    """What is there of other people's functions that our layers of model calls wrap."""
    module = importlib.import_module
    functions = [getattr(litellm, name) for name in ("completion", "acompletion")] + [litellm.main.completion, litellm.main.acompletion]
    clients = [(sdk._base_client, name) for sdk in (openai, anthropic) for name in ("SyncAPIClient", "AsyncAPIClient")]
    methods = [vars(getattr(home, name))["request"] for home, name in clients]
    httpx = module("httpx")
    sent = [vars(httpx.Client)["send"], vars(httpx.AsyncClient)["send"], vars(httpx.HTTPTransport)["handle_request"]]
    return [*functions, module("tau2.utils.llm_utils").completion, *methods, *sent, vars(threading.Thread)["start"]]


@pytest.mark.parametrize("order", list(itertools.permutations(range(3))))
def test_measurement_routing_and_retries_come_off_in_any_order_without_a_trace(order: tuple[int, ...]) -> None:
    """Another tool's wrapper of litellm that is put between them stays; when it is taken off itself, what was under it goes with our next
    layer."""
    before = bound()
    layers: list[Any] = [Instrumentation(), Routing(NOBODY, ["openai/m"]), Retries(RetryPolicy())]
    for layer in layers[:2]:
        layer.install()
    below = litellm.completion
    litellm.completion = theirs = partial(below)
    layers[2].install()
    assert all(one is not other for one, other in zip(bound(), before, strict=True))
    for number in order:
        layers[number].uninstall()
    assert litellm.completion is theirs
    litellm.completion = below  # a layer of ours that is not there any more
    with Instrumentation():
        pass
    assert all(one is other for one, other in zip(bound(), before, strict=True))
