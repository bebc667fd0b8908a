"""A prompt is made short enough without breaking what is in it."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tau2_logging.agents import ContextSettings, settings_of
from tau2_logging.agents.context_reduction import Reduced, Reduction
from tau2_logging.agents.shortened_results import identifiers, shortened
from tau2_logging.errors import UserError


@dataclass(frozen=True)
class Call:
    """A tool call as tau2 has it."""

    id: str
    name: str
    arguments: dict[str, Any]


@dataclass(frozen=True)
class Message:
    """A message with the attributes of tau2's."""

    role: str
    content: str | None = None
    tool_calls: tuple[Call, ...] = ()
    id: str = ""
    error: bool = False
    sizes: dict[str, int] = field(default_factory=dict)

    def model_copy(self, update: dict[str, Any]) -> Message:
        return replace(self, **update)


def content_of(message: Message) -> str:
    return f"{message.content} {[call.arguments for call in message.tool_calls]}"


def say(text: str) -> Message:
    return Message("system", text)


def count(messages: Sequence[Message]) -> int:
    """Characters, and a constant for the tools."""
    return 500 + sum(len(one.content or "") + sum(len(json.dumps(call.arguments)) for call in one.tool_calls) for one in messages)


RESULT = json.dumps(
    {"order_id": "#W100", "status": "pending", "items": [{"item_id": f"{number}", "name": "a thing"} for number in range(900, 930)]}
)


def conversation(turns: int) -> list[Message]:
    """A policy, then turns of a user's word, a call with its result, and an answer; each call uses an item of the result before."""
    messages = [Message("system", "policy " * 20)]
    for turn in range(turns):
        call = Call(f"c{turn}", "get_order", {"order_id": "#W100", "item": str(905 + turn)})
        answer = Message("assistant", f"That was number {turn}.")
        messages += [Message("user", f"Please do number {turn} for me."), Message("assistant", tool_calls=(call,))]
        messages += [Message("tool", RESULT, id=f"c{turn}"), answer]
    return messages


def reduced(messages: list[Message], limit: int, **settings: Any) -> Reduced:
    return Reduction(messages, count, say, ContextSettings(limit=limit, **settings), limit).run()


@given(st.integers(1, 12), st.integers(900, 20_000), st.integers(0, 3), st.integers(1, 8))
def test_a_prompt_keeps_its_shape_at_any_limit(turns: int, limit: int, keep_results: int, keep_messages: int) -> None:
    """Whatever is taken out: the policy stays, every result has its call before it and every call its result, JSON stays JSON, the last
    message stays, and the count is that of what is sent."""
    messages = conversation(turns)
    made = reduced(messages, limit, keep_results=keep_results, keep_messages=keep_messages)
    assert made.messages[0] == messages[0]
    assert made.messages[-1] == messages[-1]
    assert made.tokens == count(made.messages)
    open_calls: set[str] = set()
    for message in made.messages:
        if message.role == "tool":
            open_calls.remove(message.id)
            assert isinstance(json.loads(message.content), dict)
        else:
            assert not open_calls
        open_calls |= {call.id for call in message.tool_calls}
    assert not open_calls
    assert messages == conversation(turns)  # the history itself is never changed


def test_results_go_first_then_turns_then_the_rest() -> None:
    """Each step is taken only when the one before was not enough, and what was done is said."""
    messages = conversation(8)
    whole = count(messages)
    limits = (2 * whole, int(whole * 0.9), 3600, 1800)
    strategies = [reduced(messages, limit, keep_results=1, keep_messages=4).strategies for limit in limits]
    assert strategies == [[], ["results"], ["results", "summary"], ["results", "summary", "window"]]


def test_turns_are_dropped_above_the_critical_share_of_the_limit() -> None:
    """Messages that are to be kept are kept up to there, and no further."""
    messages = conversation(12)
    late, early = (reduced(messages, 4000, keep_messages=20, critical=critical) for critical in (1.0, 0.8))
    assert 0.8 * 4000 < late.tokens <= 4000
    assert early.tokens <= 0.8 * 4000
    assert len(early.messages) < len(late.messages)


def test_identifiers_that_later_turns_use_stay() -> None:
    """An item that a later call names is kept in the shortened result, one that nobody names goes; the share that is kept is counted."""
    messages = conversation(8)
    made = reduced(messages, 3500, keep_results=0, keep_messages=100)
    results = [message.content or "" for message in made.messages if message.role == "tool"]
    assert made.strategies == ["results"]
    assert all(str(905 + turn) in results[0] for turn in range(1, 8))
    assert "929" not in results[0]
    assert (made.identifiers_seen, made.identifiers_kept) == (
        31,
        len(identifiers(" ".join(map(str, map(content_of, made.messages)))) & identifiers(RESULT)),
    )
    assert made.tokens < count(messages)


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.text(max_size=20),
        lambda inner: st.lists(inner) | st.dictionaries(st.text(max_size=5), inner),
        max_leaves=30,
    )
)
def test_a_shortened_result_is_still_json_and_never_longer(value: Any) -> None:
    """For any JSON, whatever is to be kept."""
    content = json.dumps(value)
    for keep in (lambda text: True, lambda text: False, lambda text: bool(identifiers(text))):
        text = shortened(content, keep)
        assert len(text) <= len(content)
        if isinstance(value, dict | list):
            json.loads(text)


@pytest.mark.parametrize(
    ("agent", "arguments", "words"),
    [
        ("retry_agent", {"attempts": -1}, "attempts is -1"),
        ("retry_agent", {"limit": 5}, "no setting 'limit'"),
        ("context_agent", {"warning": 2}, "warning is 2"),
        ("context_agent", {"limit": "big"}, "limit is 'big'"),
        ("llm_agent", {"attempts": 1}, "only retry_agent, context_agent, enhanced_agent"),
    ],
)
def test_bad_settings_are_named(agent: str, arguments: dict[str, Any], words: str) -> None:
    """The setting, the value, and what it may be."""
    with pytest.raises(UserError, match=words):
        settings_of(agent, arguments)
