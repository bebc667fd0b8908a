"""Real litellm, openai and anthropic clients against a model server on loopback: what they get is what they would have got, measured."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Any

import pytest

from tau2_logging.events.levels import PROFILE
from tau2_logging.instrument import Instrumentation
from tau2_logging.logger import EventLogger, simulation_scope
from tau2_logging.models.simulated_server import Reply, ServerSettings, SimulatedServer, ToolUse
from tau2_logging.sinks import MemorySink
from tests.support.litellm_clients import LEFT_OPEN, no_collection

litellm = pytest.importorskip("litellm", reason="litellm is not installed")
openai = pytest.importorskip("openai")
anthropic = pytest.importorskip("anthropic")

pytestmark = LEFT_OPEN

MESSAGES = [{"role": "user", "content": "Where is my order?"}]
TOOL = {"name": "get_order", "description": "Look up", "parameters": {"type": "object", "properties": {"order_id": {"type": "string"}}}}
REPLIES = {
    "text": Reply(text="Your order is on its way; it arrives tomorrow."),
    "one tool": Reply(tools=(ToolUse("get_order", '{"order_id": "#W1 \\u00e9"}', id="call_1"),)),
    "three tools": Reply(tools=tuple(ToolUse("get_order", json.dumps({"order_id": f"#W{n}"}), id=f"call_{n}") for n in range(3))),
    "text and tool": Reply(text="One moment.", tools=(ToolUse("get_order", '{"order_id": "#W1"}', id="call_1"),)),
    "reasoning": Reply(text="It is 4.", reasoning="Two and two make four.", reasoning_tokens=7),
}
OPENAI_ONLY = {"refusal": Reply(refusal="I cannot help with that.")}


@pytest.fixture(scope="module")
def server() -> Iterator[SimulatedServer]:
    with SimulatedServer(ServerSettings(models=("sim",))) as running:
        yield running


@dataclass(frozen=True)
class Client:
    """A way of asking: `ask(base url, stream)` gives what the caller sees, `ask_async` the same by await."""

    ask: Callable[[SimulatedServer, bool], Any]
    ask_async: Callable[[SimulatedServer, bool], Any]


@pytest.fixture(scope="module", autouse=True)
def loop() -> Iterator[asyncio.AbstractEventLoop]:
    """One for all calls: litellm's async clients belong to the loop they were made in."""
    loop = asyncio.new_event_loop()
    asyncio.set_event_loop(loop)
    yield loop
    loop.run_until_complete(litellm.close_litellm_async_clients())
    left = asyncio.all_tasks(loop)  # litellm's logging worker
    for task in left:
        task.cancel()
    loop.run_until_complete(asyncio.gather(*left, return_exceptions=True))
    loop.run_until_complete(loop.shutdown_asyncgens())
    litellm.in_memory_llm_clients_cache.flush_cache()
    asyncio.set_event_loop(None)
    loop.close()


def litellm_client(model: str) -> Client:
    def arguments(server: SimulatedServer, stream: bool) -> dict[str, Any]:
        base = server.url if model.startswith("anthropic/") else server.base_url
        tools = [{"type": "function", "function": TOOL}]
        return {
            "model": model,
            "messages": MESSAGES,
            "tools": tools,
            "api_base": base,
            "api_key": "sk-x",
            "stream": stream,
            "max_retries": 0,
        }

    def ask(server: SimulatedServer, stream: bool) -> Any:
        response = litellm.completion(**arguments(server, stream))
        return [chunk.model_dump() for chunk in response] if stream else response.model_dump()

    async def ask_async(server: SimulatedServer, stream: bool) -> Any:
        response = await litellm.acompletion(**arguments(server, stream))
        return [chunk.model_dump() async for chunk in response] if stream else response.model_dump()

    return Client(ask, ask_async)


def openai_client() -> Client:
    arguments: dict[str, Any] = {"model": "sim", "messages": MESSAGES, "tools": [{"type": "function", "function": TOOL}]}

    def ask(server: SimulatedServer, stream: bool) -> Any:
        with openai.OpenAI(base_url=server.base_url, api_key="sk-x", max_retries=0) as client:
            response = client.chat.completions.create(**arguments, stream=stream)
            return [chunk.model_dump() for chunk in response] if stream else response.model_dump()

    async def ask_async(server: SimulatedServer, stream: bool) -> Any:
        async with openai.AsyncOpenAI(base_url=server.base_url, api_key="sk-x", max_retries=0) as client:
            response = await client.chat.completions.create(**arguments, stream=stream)
            return [chunk.model_dump() async for chunk in response] if stream else response.model_dump()

    return Client(ask, ask_async)


def anthropic_client() -> Client:
    tool = {"name": TOOL["name"], "description": TOOL["description"], "input_schema": TOOL["parameters"]}
    arguments: dict[str, Any] = {"model": "sim", "messages": MESSAGES, "max_tokens": 500, "tools": [tool]}

    def ask(server: SimulatedServer, stream: bool) -> Any:
        with anthropic.Anthropic(base_url=server.url, api_key="sk-x", max_retries=0) as client:
            response = client.messages.create(**arguments, stream=stream)
            return [event.model_dump() for event in response] if stream else response.model_dump()

    async def ask_async(server: SimulatedServer, stream: bool) -> Any:
        async with anthropic.AsyncAnthropic(base_url=server.url, api_key="sk-x", max_retries=0) as client:
            response = await client.messages.create(**arguments, stream=stream)
            return [event.model_dump() async for event in response] if stream else response.model_dump()

    return Client(ask, ask_async)


CLIENTS = {
    "litellm openai": litellm_client("openai/sim"),
    "litellm vllm": litellm_client("hosted_vllm/sim"),
    "litellm anthropic": litellm_client("anthropic/sim"),
    "openai": openai_client(),
    "anthropic": anthropic_client(),
}
SPEAK_ANTHROPIC = ("anthropic", "litellm anthropic")
CASES = [(client, reply) for client in CLIENTS for reply in REPLIES] + [
    (client, reply) for client in CLIENTS if client not in SPEAK_ANTHROPIC for reply in OPENAI_ONLY
]


def asked(server: SimulatedServer, client: str, reply: str, stream: bool, by_await: bool) -> Any:
    """What the caller sees of a scripted reply, without what is new each time."""
    server.script(replace({**REPLIES, **OPENAI_ONLY}[reply], cached_tokens=16))  # else the second to ask would find its prompt cached
    way = CLIENTS[client]
    with no_collection():
        return timeless(asyncio.get_event_loop().run_until_complete(way.ask_async(server, stream)) if by_await else way.ask(server, stream))


def timeless(value: Any) -> Any:
    """Without ids of answers and times of day."""
    if isinstance(value, dict):
        fresh = ("created",) if "created" in value or "id" not in value else ()
        answer = ("id",) if str(value.get("id", "")).startswith(("chatcmpl", "msg_")) else ()
        return {name: timeless(item) for name, item in value.items() if name not in (*fresh, *answer)}
    return [timeless(item) for item in value] if isinstance(value, list) else value


@pytest.fixture(scope="module")
def unwrapped(server: SimulatedServer) -> dict[tuple[str, str, bool, bool], Any]:
    """What every client sees of every reply while nothing of ours is in place."""
    ways = [(stream, by_await) for stream in (False, True) for by_await in (False, True)]
    return {(*case, *way): asked(server, *case, *way) for case in CASES for way in ways}


@pytest.fixture(scope="module")
def instrumented(unwrapped: object) -> Iterator[None]:
    """Our wrapping, put in place afterwards; whole answers are asked for as streams."""
    with Instrumentation(ttft="on"):
        yield


@pytest.mark.usefixtures("instrumented")
@pytest.mark.parametrize("by_await", [False, True], ids=["sync", "async"])
@pytest.mark.parametrize("stream", [False, True], ids=["whole", "stream"])
@pytest.mark.parametrize(("client", "reply"), CASES)
def test_the_caller_sees_what_it_would_have_seen(
    server: SimulatedServer, unwrapped: dict[Any, Any], client: str, reply: str, stream: bool, by_await: bool
) -> None:
    """Field by field the same with and without our wrapping, and exactly one event, with a TTFT and the counts of the server: unknown only
    to a caller of OpenAI's protocol who asked for a stream and not for its counts."""
    sink = MemorySink(PROFILE)
    with simulation_scope(EventLogger("r", [sink]), "mock", "t", 0):
        seen = asked(server, client, reply, stream, by_await)
    exchange = server.journal[-1]
    assert seen == unwrapped[client, reply, stream, by_await]
    _, event, _ = sink.events
    assert event.type == "llm_call"
    assert event.get("endpoint") == server.endpoint
    assert event.get("error") is (reply == "refusal")
    told = client in SPEAK_ANTHROPIC or not stream
    counted = (exchange.prompt_tokens, exchange.completion_tokens) if told else (None, None)
    assert (event.get("input_tokens"), event.get("output_tokens")) == counted
    assert ("stream_options" in exchange.request) is (told and client not in SPEAK_ANTHROPIC)  # a caller's own stream is left as it is
    assert event.get("has_tool_calls") is ("tool" in reply)
    assert exchange.stream  # asked for as one, whatever the caller wanted
    assert 0 <= float(event.get("ttft_ms") or -1) <= float(event.get("duration_ms") or 0)
    assert "sk-x" not in str(event)
