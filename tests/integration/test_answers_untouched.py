"""Real clients against servers that stream otherwise than they answer: with our layer they get what they get without it, and each request
that was made is told."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from tau2_logging.events.levels import PROFILE
from tau2_logging.instrument import Instrumentation
from tau2_logging.logger import EventLogger, simulation_scope
from tau2_logging.sinks import MemorySink
from tests.support.byte_server import Answers, ByteServer, byte_server
from tests.support.litellm_clients import LEFT_OPEN
from tests.support.odd_streams import CHAT, MESSAGES, RESPONSES

litellm = pytest.importorskip("litellm", reason="litellm is not installed")
openai = pytest.importorskip("openai")
anthropic = pytest.importorskip("anthropic")
pytestmark = LEFT_OPEN

Way = Callable[[ByteServer], Any]

ASK: Any = [{"role": "user", "content": "hello"}]
KEY: dict[str, Any] = {"api_key": "sk-x", "max_retries": 0, "timeout": 30}


def chat(server: ByteServer) -> Any:
    with openai.OpenAI(base_url=f"{server.url}/v1", **KEY) as client:
        return client.chat.completions.create(model="sim", messages=ASK).to_dict()


def chat_async(server: ByteServer) -> Any:
    async def ask() -> Any:
        async with openai.AsyncOpenAI(base_url=f"{server.url}/v1", **KEY) as client:
            return (await client.chat.completions.create(model="sim", messages=ASK)).to_dict()

    return asyncio.run(ask())


def chat_litellm(server: ByteServer) -> Any:
    return litellm.completion(model="hosted_vllm/sim", messages=ASK, api_base=f"{server.url}/v1", **KEY).model_dump()


def messages(server: ByteServer) -> Any:
    with anthropic.Anthropic(base_url=server.url, **KEY) as client:
        return client.messages.create(model="sim", messages=ASK, max_tokens=50).to_dict()


def messages_async(server: ByteServer) -> Any:
    async def ask() -> Any:
        async with anthropic.AsyncAnthropic(base_url=server.url, **KEY) as client:
            return (await client.messages.create(model="sim", messages=ASK, max_tokens=50)).to_dict()

    return asyncio.run(ask())


def messages_litellm(server: ByteServer) -> Any:
    return litellm.completion(model="anthropic/sim", messages=ASK, api_base=server.url, **KEY).model_dump()


def responses(server: ByteServer) -> Any:
    with openai.OpenAI(base_url=f"{server.url}/v1", **KEY) as client:
        return client.responses.create(model="sim", input="hello").to_dict()


def responses_async(server: ByteServer) -> Any:
    async def ask() -> Any:
        async with openai.AsyncOpenAI(base_url=f"{server.url}/v1", **KEY) as client:
            return (await client.responses.create(model="sim", input="hello")).to_dict()

    return asyncio.run(ask())


WAYS: list[tuple[Way, dict[str, Any]]] = [
    (chat, CHAT), (chat_async, CHAT), (chat_litellm, CHAT), (messages, MESSAGES), (messages_async, MESSAGES), (messages_litellm, MESSAGES),
    (responses, RESPONSES), (responses_async, RESPONSES),
]  # fmt: skip
CASES = [pytest.param(way, answers, id=f"{way.__name__}: {name}") for way, cases in WAYS for name, answers in cases.items()]


def outcome(way: Way, server: ByteServer) -> str:
    """The answer as the agent sees it, or the class and status of the error."""
    try:
        found = way(server)
    except (openai.APIError, anthropic.APIError) as error:
        return f"{type(error).__name__} {getattr(error, 'status_code', None)}"
    return json.dumps(_timeless(found), sort_keys=True)


def _timeless(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _timeless(item) for name, item in value.items() if name not in ("created", "id") and item is not None}
    return [_timeless(item) for item in value] if isinstance(value, list) else value


@pytest.mark.parametrize(("way", "cases"), WAYS)
@pytest.mark.parametrize("mode", ["auto", "off"])
@pytest.mark.filterwarnings("ignore:The model:DeprecationWarning")
def test_a_server_that_nobody_knows_is_asked_as_the_client_asks(mode: str, way: Way, cases: dict[str, Answers]) -> None:
    """The body goes out byte for byte as without our layer; nothing is known of a first token."""
    sink = MemorySink(PROFILE)
    with byte_server(cases["no end"]) as server:
        without = outcome(way, server)
        with Instrumentation(ttft=mode), simulation_scope(EventLogger("r", [sink]), "mock", "t", 0):
            assert outcome(way, server) == without
        assert server.bodies[0] == server.bodies[1]
    (event,) = sink.of("llm_call")
    assert (event.get("ttft_ms"), event.get("decode_ms"), event.get("error")) == (None, None, False)


@pytest.fixture(scope="module")
def everywhere() -> Iterator[None]:
    """Every call is made as a stream."""
    with Instrumentation(ttft="on"):
        yield


@pytest.mark.usefixtures("everywhere")
@pytest.mark.parametrize(("way", "answers"), CASES)
@pytest.mark.filterwarnings("ignore:The model:DeprecationWarning")
def test_the_agent_gets_what_it_would_have_got(way: Way, answers: Answers) -> None:
    """The same answer or the same error, by at most one plain request after the stream; an event for each request, no first token of a
    plain one, and the last event has the counts of the answer."""
    sink = MemorySink(PROFILE)
    with byte_server(answers) as server:
        without = outcome(way, server)
        before = len(server.asked)
        with simulation_scope(EventLogger("r", [sink]), "mock", "t", 0):
            seen = outcome(way, server)
        asked = server.asked[before:]
    found = sink.of("llm_call")
    assert seen == without
    assert asked in ([True], [True, False])
    assert len(found) == len(asked)
    assert all(event.get("ttft_ms") is None for event, stream in zip(found, asked, strict=True) if not stream)
    assert [event.get("attempt") for event in found] == [1, 2][: len(asked)]
    assert all(event.get("error") for event in found[:-1])
    assert found[-1].get("input_tokens") in ((5, 15) if seen.startswith("{") else (None,))


@pytest.mark.usefixtures("everywhere")
def test_a_clients_own_stream_is_left_as_it_is() -> None:
    """What it asks for goes out as it stands, compressed answers are read beside it, and what the server does not count is unknown."""
    sink = MemorySink(PROFILE)
    for name in ("in order", "gzip", "no usage"):
        with byte_server(CHAT[name]) as server, openai.OpenAI(base_url=f"{server.url}/v1", **KEY) as client:
            without = [chunk.to_dict() for chunk in client.chat.completions.create(model="sim", messages=ASK, stream=True)]
            with simulation_scope(EventLogger("r", [sink]), "mock", "t", 0):
                seen = [chunk.to_dict() for chunk in client.chat.completions.create(model="sim", messages=ASK, stream=True)]
            assert server.bodies[0] == server.bodies[1]
            assert seen == without
    in_order, gzip, no_usage = sink.of("llm_call")
    assert [event.get("error") for event in (in_order, gzip, no_usage)] == [False] * 3
    assert [event.get("input_tokens") for event in (in_order, gzip, no_usage)] == [5, 5, None]
    assert all(event.get("ttft_ms") is not None for event in (in_order, gzip, no_usage))
