"""The traceparent header of model calls: of each attempt, by every client, as the exported trace has it; nothing else changes."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable
from typing import Any

import httpx
import pytest

from tau2_logging.events import Event
from tau2_logging.events.traces import TraceBuilder
from tau2_logging.instrument import Instrumentation
from tau2_logging.instrument.model_calls.model_call import CURRENT_CALL, ModelCall
from tau2_logging.logger.context import current
from tau2_logging.models.simulated_server import Reply, ServerSettings, SimulatedServer
from tests.support.litellm_clients import LEFT_OPEN
from tests.support.profiled import simulation

litellm = pytest.importorskip("litellm", reason="litellm is not installed")
openai = pytest.importorskip("openai")
anthropic = pytest.importorskip("anthropic")
pytestmark = LEFT_OPEN

MESSAGES = [{"role": "user", "content": "hello"}]
LIMITED = Reply(fault="rate_limit")
THEIRS = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-00"
LEGAL = re.compile(r"00-(?!0{32})[0-9a-f]{32}-(?!0{16})[0-9a-f]{16}-01")


def with_openai(server: SimulatedServer, **how: Any) -> None:
    with openai.OpenAI(base_url=server.base_url, api_key="sk-x") as client:
        client.chat.completions.create(model="sim", messages=MESSAGES, **how)


def with_openai_stream(server: SimulatedServer) -> None:
    with openai.OpenAI(base_url=server.base_url, api_key="sk-x") as client:
        list(client.chat.completions.create(model="sim", messages=MESSAGES, stream=True))


async def with_async_openai(server: SimulatedServer) -> None:
    async with openai.AsyncOpenAI(base_url=server.base_url, api_key="sk-x") as client:
        await client.chat.completions.create(model="sim", messages=MESSAGES)


def with_anthropic(server: SimulatedServer) -> None:
    with anthropic.Anthropic(base_url=server.url, api_key="sk-x") as client:
        client.messages.create(model="sim", messages=MESSAGES, max_tokens=50)


async def with_async_anthropic(server: SimulatedServer) -> None:
    async with anthropic.AsyncAnthropic(base_url=server.url, api_key="sk-x") as client:
        await client.messages.create(model="sim", messages=MESSAGES, max_tokens=50)


def with_litellm(server: SimulatedServer) -> None:
    litellm.completion(model="openai/sim", messages=MESSAGES, api_base=server.base_url, api_key="sk-x", max_retries=2)


async def with_async_litellm(server: SimulatedServer) -> None:
    await litellm.acompletion(model="openai/sim", messages=MESSAGES, api_base=server.base_url, api_key="sk-x", max_retries=2)


def twice_with_hosted_vllm(server: SimulatedServer) -> None:
    """litellm's own handler, which retries nothing."""
    for _ in range(2):
        litellm.completion(model="hosted_vllm/sim", messages=MESSAGES, api_base=server.base_url, api_key="sk-x")


WAYS: list[Callable[[SimulatedServer], Any]] = [
    with_openai, with_openai_stream, with_async_openai, with_anthropic, with_async_anthropic, with_litellm, with_async_litellm,
]  # fmt: skip


def ask(way: Callable[[SimulatedServer], Any], server: SimulatedServer) -> None:
    """Call it, in an event loop if it wants one."""
    result = way(server)
    if result is not None:
        asyncio.run(result)


def headers_of(server: SimulatedServer) -> list[str | None]:
    return [exchange.headers.get("traceparent") for exchange in server.journal]


def expected(events: list[Event]) -> list[str]:
    """The headers by the spans that --otlp sends of these events."""
    builder = TraceBuilder(0)
    spans = [span for event in events for span in builder.add(event)]
    calls = sorted((span for span in spans if span.leaves_process), key=lambda span: span.start_ns)
    return [f"00-{call.trace_id:032x}-{call.span_id:016x}-01" for call in calls]


@pytest.mark.parametrize("way", [*WAYS, twice_with_hosted_vllm])
def test_each_attempt_names_its_own_span_as_the_export_has_it(way: Callable[[SimulatedServer], Any]) -> None:
    """A refusal that the client retries in secret, then the answer: two requests, two spans of one trace."""
    with SimulatedServer(ServerSettings(retry_after_s=0.01)) as server, simulation() as sink:
        server.script(*[LIMITED] * (way in WAYS))
        ask(way, server)
        sent = headers_of(server)
    assert len(sent) == len(set(sent)) == 2
    assert sent == expected(sink.events)
    assert all(LEGAL.fullmatch(str(header)) for header in sent)
    assert len({str(header).split("-")[1] for header in sent}) == 1


def test_a_header_that_the_client_has_set_is_left_alone() -> None:
    """Its own trace goes on."""
    with SimulatedServer(ServerSettings()) as server, simulation() as sink:
        with_openai(server, extra_headers={"TraceParent": THEIRS})
        assert headers_of(server) == [THEIRS]
    assert len(sink.of("llm_call")) == 1


def test_a_request_that_a_client_sends_again_is_an_attempt_with_a_span_of_its_own() -> None:
    """The header of the first sending is ours, not the client's."""
    with SimulatedServer(ServerSettings()) as server, simulation() as sink, httpx.Client() as client:
        request = client.build_request("POST", f"{server.base_url}/chat/completions", json={"model": "sim", "messages": MESSAGES})
        for _ in range(2):
            client.send(request)
        sent = headers_of(server)
    assert len(set(sent)) == 2
    assert sent == expected(sink.events)


@pytest.mark.parametrize("how", [{"trace_header": False}, None])
def test_off_means_no_header(how: dict[str, Any] | None) -> None:
    """With the switch, and outside of a simulation."""
    with SimulatedServer(ServerSettings()) as server:
        if how is None:
            with Instrumentation():
                with_litellm(server)
        else:
            with simulation(**how):
                with_litellm(server)
        assert headers_of(server) == [None]


def test_only_the_header_is_added() -> None:
    """Body, address, method and every other header of a request are the client's."""
    seen: list[httpx.Request] = []

    def answer(request: httpx.Request) -> httpx.Response:
        seen.append(request)
        return httpx.Response(200, json={"choices": [{"message": {"role": "assistant", "content": "x"}, "finish_reason": "stop"}]})

    for how in ({}, {"trace_header": False}):
        client = openai.OpenAI(
            base_url="http://gpu-box/v1", api_key="sk-x", http_client=httpx.Client(transport=httpx.MockTransport(answer))
        )
        with client, simulation(ttft="off", **how):
            client.chat.completions.create(model="sim", messages=MESSAGES, temperature=0)
    traced, plain = seen
    assert (traced.method, traced.url, traced.content) == (plain.method, plain.url, plain.content)
    assert [item for item in traced.headers.items() if item[0] != "traceparent"] == list(plain.headers.items())
    assert "traceparent" in traced.headers


def test_a_call_of_an_unknown_protocol_has_the_header_too() -> None:
    """litellm's call of a provider whose answers nobody here reads is measured, so it is named as well."""
    seen: list[httpx.Request] = []

    def answer(request: httpx.Request) -> httpx.Response:
        seen.append(request)
        return httpx.Response(200, json={"message": {"role": "assistant", "content": "x"}, "done": True, "model": "m"})

    with simulation() as sink, httpx.Client(transport=httpx.MockTransport(answer)) as client:
        call = ModelCall(current(), "m", "ollama")
        token = CURRENT_CALL.set(call)
        client.post("http://gpu-box/api/chat", json={"model": "m"})
        client.get("http://gpu-box/api/tags")
        CURRENT_CALL.reset(token)
        call.finish({})
    assert [request.headers.get("traceparent") for request in seen] == [*expected(sink.events), None]
