"""A reply is read without patching anything."""

from __future__ import annotations

from types import SimpleNamespace as Of
from typing import Any

import pytest

from tau2_logging.instrument.model_calls.measured_stream import has_token
from tau2_logging.instrument.model_calls.reply import ModelReply, read_reply


def response(content: str | None = "hello", calls: list[Any] | None = None, **more: Any) -> Any:
    """An OpenAI-shaped reply."""
    choice = Of(message=Of(content=content, tool_calls=calls), finish_reason=more.pop("finish_reason", "stop"))
    return Of(choices=[choice], **more)


def call(arguments: Any) -> Any:
    """A tool call with these arguments."""
    return Of(function=Of(name="get_order", arguments=arguments))


def test_what_the_provider_says_is_read() -> None:
    """Counts of every kind, the reason it stopped, litellm's price."""
    usage = Of(
        prompt_tokens=100,
        completion_tokens=20,
        prompt_tokens_details=Of(cached_tokens=64),
        completion_tokens_details=Of(reasoning_tokens=5),
    )
    reply = read_reply(response(calls=[call("{}")], usage=usage, finish_reason="tool_calls", _hidden_params={"response_cost": 0.001}))
    assert reply == ModelReply(True, "tool_calls", 100, 20, 64, 5, cost_usd=0.001)


def test_what_it_does_not_say_is_unknown_not_zero() -> None:
    """No usage, no details, no price."""
    assert read_reply(response()) == ModelReply(False, "stop")
    partly = read_reply(response(usage=Of(prompt_tokens=1, completion_tokens=0, prompt_tokens_details=None)))
    assert (partly.input_tokens, partly.output_tokens, partly.cached_tokens) == (1, 0, None)
    assert read_reply(response(_hidden_params={"response_cost": None})).cost_usd is None


CHAT = {"prompt_tokens": 10, "completion_tokens": 7}
MESSAGE = {"input_tokens": 10, "output_tokens": 7}


@pytest.mark.parametrize(
    ("body", "usage", "said"),
    [
        ({}, CHAT | {"prompt_tokens": -5}, "prompt_tokens is -5"),
        ({}, CHAT | {"completion_tokens": -1}, "completion_tokens is -1"),
        ({}, CHAT | {"completion_tokens": float("nan")}, "completion_tokens is no possible number"),
        ({}, CHAT | {"completion_tokens": 10**5000}, "completion_tokens is no possible number"),
        ({}, CHAT | {"prompt_tokens_details": {"cached_tokens": -3}}, "cached_tokens is -3"),
        ({"type": "message"}, MESSAGE | {"cache_read_input_tokens": -10}, "cache_read_input_tokens is -10"),
        ({"object": "response"}, MESSAGE | {"output_tokens_details": {"reasoning_tokens": -1}}, "reasoning_tokens is -1"),
    ],
)
def test_a_count_that_cannot_be_is_unknown_and_told(body: dict[str, Any], usage: dict[str, Any], said: str) -> None:
    """The other counts are as they were given, but for a sum that it is a part of."""
    reply = read_reply({**body, "usage": usage})
    assert reply.impossible == (said,)
    counts = [reply.input_tokens, reply.output_tokens, reply.cached_tokens, reply.reasoning_tokens, reply.written_tokens]
    assert all(count is None or 0 <= count <= 10 for count in counts)
    assert reply.input_tokens in ((None,) if "cache_" in said or "prompt" in said else (10,))
    assert reply.output_tokens in ((None,) if "completion" in said else (7,))


def test_no_price_is_made_of_a_count_that_cannot_be() -> None:
    """litellm's price of it, and a price below 0 of its own, are unknown."""
    usage = Of(prompt_tokens=-5, completion_tokens=20)
    assert read_reply(response(usage=usage, _hidden_params={"response_cost": 0.001})).cost_usd is None
    assert read_reply(response(usage=Of(**CHAT), _hidden_params={"response_cost": -0.001})).cost_usd is None


@pytest.mark.parametrize("content", [None, "", " \n"])
def test_neither_text_nor_calls_is_an_empty_reply(content: str | None) -> None:
    """tau2 raises on it."""
    assert read_reply(response(content)).problem == "EmptyReply"
    assert read_reply(response(content, [call("{}")])).problem is None


@pytest.mark.parametrize("arguments", ["{", "", None, '{"a": }', 7])
def test_arguments_that_are_not_json_are_a_malformed_call(arguments: Any) -> None:
    """One such call of several is enough."""
    assert read_reply(response(None, [call("{}"), call(arguments)])).problem == "MalformedToolCall"


@pytest.mark.parametrize("name", [None, ""])
def test_a_call_of_a_function_without_a_name_is_malformed(name: str | None) -> None:
    """Whatever its arguments are."""
    nameless = Of(type="function", function=Of(name=name, arguments="{}"))
    assert read_reply(response(None, [nameless])).problem == "MalformedToolCall"


CUSTOM = {"type": "custom", "id": "1", "custom": {"name": "sql", "input": "select 1"}}


@pytest.mark.parametrize(
    "body",
    [
        {"choices": [{"message": {"content": None, "tool_calls": [CUSTOM]}}]},
        {"choices": [{"message": {"content": None, "function_call": {"name": "f", "arguments": "{}"}}}]},
        {"choices": [{"message": {"content": None, "audio": {"data": "..."}}}]},
        {"type": "message", "content": [{"type": "server_tool_use", "name": "web_search", "input": {}}], "stop_reason": "end_turn"},
        {"type": "message", "content": [], "stop_reason": "pause_turn"},
        {"object": "response", "status": "completed", "output": [{"type": "custom_tool_call", "name": "sql", "input": "select 1"}]},
        {"object": "response", "status": "queued", "output": []},
    ],
)
def test_a_call_of_another_kind_and_an_answer_under_way_are_no_empty_replies(body: dict[str, Any]) -> None:
    """They would be asked for, and paid, again."""
    assert read_reply(body).problem is None


@pytest.mark.parametrize("nothing", [None, Of(), Of(choices=[]), Of(choices=[Of()]), "text"])
def test_something_that_is_no_reply_is_read_as_an_empty_one(nothing: Any) -> None:
    """Whatever a provider hands back, reading it does not raise."""
    assert read_reply(nothing).problem == "EmptyReply"


@pytest.mark.parametrize(
    ("delta", "expected"),
    [
        (Of(content="a"), True), (Of(reasoning_content="a"), True), (Of(content=None, tool_calls=[call("")]), True),
        (Of(content=""), False), (Of(role="assistant"), False), (None, False),
    ],
)  # fmt: skip
def test_the_first_token_is_content_reasoning_or_a_piece_of_a_call(delta: Any, expected: bool) -> None:
    """Not the role that a stream begins with, nor the usage that it ends with."""
    assert has_token(Of(choices=[Of(delta=delta)])) is expected
    assert has_token(Of(choices=[])) is False
