"""The simulated server as real clients see it: the openai and anthropic SDKs, and httpx."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator
from typing import Any

import pytest

from tau2_logging.models.simulated_server import FAULTS, Reply, ServerSettings, SimulatedServer, ToolUse
from tests.support.journals import settled
from tests.support.patience import LONG_S

anthropic = pytest.importorskip("anthropic")
httpx = pytest.importorskip("httpx")
openai = pytest.importorskip("openai")

HELLO = [{"role": "user", "content": "Hello, what can you do?"}]
THREE = tuple(ToolUse(name, json.dumps({"order": name * 7, "count": 3}), id=f"call_{name}") for name in ("first", "second", "third"))
SHAPES = {
    "text": Reply(text="A text of a few words."),
    "one tool": Reply(tools=THREE[:1]),
    "three parallel tools": Reply(tools=THREE),
    "text and a tool": Reply(text="Let me see.", tools=THREE[:1]),
    "reasoning": Reply(text="So it is.", reasoning="First this, then that.", reasoning_tokens=77, completion_tokens=90),
    "refusal": Reply(refusal="I cannot help with that."),
    "pieces of its own": Reply(tokens=["A", " tex", "t", " in four"]),
    "counted by hand": Reply(text="x", prompt_tokens=1000, completion_tokens=5, cached_tokens=960),
    "empty": Reply(),
    "not ASCII": Reply(text="Grüße aus Köln: 東京", tools=(ToolUse("sage", '{"was": "grüß dich"}', id="call_1"),)),
}


@pytest.fixture(scope="module")
def server() -> Iterator[SimulatedServer]:
    with SimulatedServer() as running:
        yield running


@pytest.fixture(scope="module")
def gpt(server: SimulatedServer) -> Iterator[Any]:
    with openai.OpenAI(base_url=server.base_url, api_key="sk-secret", max_retries=0) as client:
        yield client


@pytest.fixture(scope="module")
def claude(server: SimulatedServer) -> Iterator[Any]:
    with anthropic.Anthropic(base_url=server.url, api_key="sk-secret", max_retries=0) as client:
        yield client


def gpt_says(client: Any, stream: bool, **more: Any) -> Any:
    """An answer, put together by the SDK itself where it is streamed."""
    asked = {"model": "sim", "messages": HELLO, **more}
    if not stream:
        return client.chat.completions.create(**asked)
    with client.chat.completions.stream(**asked, stream_options={"include_usage": True}) as events:
        return events.get_final_completion()


def claude_says(client: Any, stream: bool, **more: Any) -> Any:
    """The same of the other protocol."""
    asked = {"model": "sim", "messages": HELLO, "max_tokens": 100, **more}
    if not stream:
        return client.messages.create(**asked)
    with client.messages.stream(**asked) as events:
        return events.get_final_message()


def information(answer: Any) -> Any:
    """All that is in an answer but its own id and time, and what the SDK's parser adds."""
    kept = json.loads(answer.model_dump_json(exclude={"id", "created"}, exclude_none=True, warnings=False))
    return without(kept, {"parsed", "parsed_arguments", "parsed_output", "index"})


def without(value: Any, names: set[str]) -> Any:
    """Without these keys, everywhere; None and missing are the same."""
    if isinstance(value, dict):
        return {key: without(item, names) for key, item in value.items() if key not in names}
    return [without(item, names) for item in value] if isinstance(value, list) else value


@pytest.mark.parametrize("shape", SHAPES)
def test_a_stream_says_what_the_whole_says(shape: str, server: SimulatedServer, gpt: Any, claude: Any) -> None:
    """One reply, streamed and not, is the same to the SDK, in both protocols: text, calls, finish reason, usage, and what was scripted."""
    reply = SHAPES[shape]
    server.script(*[reply] * 4)
    whole, streamed = gpt_says(gpt, False), gpt_says(gpt, True)
    assert information(whole) == information(streamed)
    message = whole.choices[0].message
    assert (message.content, message.refusal) == (reply.text, reply.refusal)
    assert [(call.id, call.function.name, call.function.arguments) for call in message.tool_calls or ()] == [
        (use.id, use.name, use.arguments) for use in reply.tools
    ]
    assert getattr(message, "reasoning_content", None) == reply.reasoning
    assert whole.choices[0].finish_reason == reply.finish()
    written, spoken = claude_says(claude, False), claude_says(claude, True)
    assert information(written) == information(spoken)
    blocks = [block.model_dump() for block in written.content]
    assert "".join(block.get("text") or "" for block in blocks) == (reply.text or "") + (reply.refusal or "")
    assert [block["input"] for block in blocks if block["type"] == "tool_use"] == [json.loads(use.arguments) for use in reply.tools]


def test_usage_is_what_the_journal_says(server: SimulatedServer, gpt: Any, claude: Any) -> None:
    """Prompt, completion, cached and reasoning tokens, of both protocols; Anthropic counts cached tokens apart."""
    server.script(*[Reply(text="yes", prompt_tokens=100, cached_tokens=64, completion_tokens=9, reasoning_tokens=4)] * 2)
    usage, other = gpt_says(gpt, False).usage, claude_says(claude, True).usage
    kept = server.journal[-1]
    assert (kept.prompt_tokens, kept.cached_tokens, kept.completion_tokens, kept.reasoning_tokens) == (100, 64, 9, 4)
    assert (usage.prompt_tokens, usage.completion_tokens, usage.total_tokens) == (100, 9, 109)
    assert (usage.prompt_tokens_details.cached_tokens, usage.completion_tokens_details.reasoning_tokens) == (64, 4)
    assert (other.input_tokens, other.cache_read_input_tokens, other.output_tokens) == (36, 64, 9)


def test_a_finish_reason_can_be_named(server: SimulatedServer, gpt: Any, claude: Any) -> None:
    """Streamed or not, in the words of each protocol."""
    server.script(*[Reply(text="And then", finish_reason="length")] * 3)
    assert gpt_says(gpt, False).choices[0].finish_reason == "length"
    chunks = list(gpt.chat.completions.create(model="sim", messages=HELLO, stream=True))
    assert [chunk.choices[0].finish_reason for chunk in chunks if chunk.choices[0].finish_reason] == ["length"]
    assert claude_says(claude, True).stop_reason == "max_tokens"


def test_arguments_arrive_in_fragments(server: SimulatedServer, gpt: Any) -> None:
    """Index, id and name come first and once; the arguments follow in several pieces, and no chunk has usage unless it was asked for."""
    server.script(Reply(tools=THREE))
    chunks = list(gpt.chat.completions.create(model="sim", messages=HELLO, stream=True))
    calls = [call for chunk in chunks for call in chunk.choices[0].delta.tool_calls or ()]
    assert [(call.index, call.id, call.function.name) for call in calls if call.id] == [
        (place, use.id, use.name) for place, use in enumerate(THREE)
    ]
    assert min(Counter(call.index for call in calls).values()) > 3
    assert [chunk.usage for chunk in chunks if chunk.usage] == []


RAISED = {
    "rate_limit": "RateLimitError", "server_error": "InternalServerError", "overloaded": "InternalServerError",
    "bad_gateway": "InternalServerError", "context_length": "BadRequestError", "bad_key": "AuthenticationError",
    "reset": "APIConnectionError", "hang": "APITimeoutError", "stream_cut": "APIConnectionError", "stream_error": "InternalServerError",
}  # fmt: skip
"""What the SDKs raise; nothing for the faults that are not here."""
BY_OPENAI = {**RAISED}
BY_OPENAI_STREAMED = {**RAISED, "stream_cut": "RemoteProtocolError", "stream_error": "APIError"}
BY_ANTHROPIC = {**RAISED, "overloaded": "OverloadedError"}
BY_ANTHROPIC_STREAMED = {**BY_ANTHROPIC, "stream_cut": "RemoteProtocolError", "stream_error": "APIStatusError"}


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("fault", FAULTS)
def test_a_fault_looks_as_it_does_in_earnest(fault: str, stream: bool, server: SimulatedServer, gpt: Any, claude: Any) -> None:
    """Both SDKs raise what they raise at the real thing; where they raise nothing, what they return is incomplete or (a call as text) wrong
    as a stream alone. The journal names it."""
    server.script(*[Reply(text="A text of a few words.", tools=THREE[:1], fault=fault)] * 2)
    patience = 0.3 if fault == "hang" else LONG_S
    first = outcome(gpt_says, gpt, stream, patience)
    second = outcome(claude_says, claude, stream, patience)
    for got, classes in ((first, (BY_OPENAI, BY_OPENAI_STREAMED)[stream]), (second, (BY_ANTHROPIC, BY_ANTHROPIC_STREAMED)[stream])):
        if isinstance(got, Exception):
            assert type(got).__name__ == classes.get(fault), repr(got)
        elif fault == "tool_as_text":
            assert calls_a_tool(got) is not stream
        else:
            assert fault not in classes
            assert is_incomplete(got, fault)
    assert [kept.fault for kept in settled(server)[-2:]] == [fault, fault]
    if fault == "context_length":
        assert first.code == "context_length_exceeded"
        assert "maximum context length" in str(first)
        assert "prompt is too long" in str(second)


def outcome(say: Any, client: Any, stream: bool, patience: float) -> Any:
    """The answer, or what was raised instead."""
    try:
        return say(client, stream, timeout=patience)
    except Exception as raised:
        return raised


def calls_a_tool(answer: Any) -> bool:
    """Whether an answer holds a tool call."""
    if hasattr(answer, "choices"):
        return bool(answer.choices[0].message.tool_calls)
    return any(block.type == "tool_use" for block in answer.content)


def is_incomplete(answer: Any, fault: str) -> bool:
    """Whether an answer shows its fault."""
    if hasattr(answer, "choices"):
        choice = answer.choices[0]
        if fault == "malformed_tool":
            return not is_json(choice.message.tool_calls[0].function.arguments)
        return choice.finish_reason is None or not (choice.message.content or choice.message.tool_calls)
    if fault == "malformed_tool":
        return bool(answer.content[-1].input != json.loads(THREE[0].arguments))  # the SDK makes the best of a stream that is no JSON
    return answer.stop_reason is None or not answer.content


def is_json(text: str) -> bool:
    """Whether text is JSON."""
    try:
        json.loads(text)
    except ValueError:
        return False
    return True


def test_a_rejected_request_uses_up_no_reply(server: SimulatedServer) -> None:
    """Wrong model, no messages, no JSON: an error in the protocol's own form, and the script waits for the next one."""
    server.script(Reply(text="scripted"))
    with httpx.Client(base_url=server.url) as client:
        for body, status in (({"model": "other", "messages": HELLO}, 404), ({"model": "sim"}, 400), ({"messages": [1]}, 400)):
            assert client.post("/v1/chat/completions", json=body).status_code == status
            answer = client.post("/v1/messages", json=body)
            assert (answer.status_code, answer.json()["type"]) == (status, "error")
        assert client.post("/v1/chat/completions", content=b"{").status_code == 400
        answer = client.post("/v1/chat/completions", json={"model": "sim", "messages": HELLO})
    assert answer.json()["choices"][0]["message"]["content"] == "scripted"


def test_keys_are_in_no_journal(server: SimulatedServer, gpt: Any, claude: Any) -> None:
    """However it is sent, a key is not kept."""
    gpt_says(gpt, False)
    claude_says(claude, False)
    httpx.post(f"{server.url}/v1/messages", json={"model": "sim", "messages": HELLO}, headers={"X-Api-Key": "sk-secret"})
    assert "sk-secret" not in str(server.journal)
    assert server.journal[-1].headers["x-api-key"] == server.journal[-3].headers["authorization"] == "***"


def test_what_a_server_may_not_be_able_to_do() -> None:
    """No streams, no usage in them, a key of its own, a shortest context: each is refused or left out, and nothing else is."""
    limits = ServerSettings(can_stream=False, api_key="right", max_context=20)
    with SimulatedServer(limits) as server, httpx.Client(base_url=server.url, headers={"authorization": "Bearer right"}) as client:
        asked = {"model": "sim", "messages": HELLO}
        answers = [
            client.post("/v1/chat/completions", json={**asked, "stream": True}),
            client.post("/v1/chat/completions", json=asked, headers={"authorization": "Bearer wrong"}),
            client.post("/v1/chat/completions", json={**asked, "messages": [{"role": "user", "content": "long" * 50}]}),
            client.post("/v1/chat/completions", json=asked),
            client.post("/v1/messages", json=asked, headers={"x-api-key": "right"}),
        ]
        assert [answer.status_code for answer in answers] == [400, 401, 400, 200, 200]
        assert "stream is not supported" in answers[0].text
        assert answers[2].json()["error"]["code"] == server.journal[2].fault + "_exceeded" == "context_length_exceeded"
    with SimulatedServer(ServerSettings(stream_usage=False)) as server, httpx.Client() as client:
        asked = {**asked, "stream": True, "stream_options": {"include_usage": True}}
        text = client.post(f"{server.base_url}/chat/completions", json=asked).text
    assert text.endswith("data: [DONE]\n\n")
    assert "usage" not in text
