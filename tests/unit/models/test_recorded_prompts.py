"""Prompts as they are kept and compared."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tau2_logging.logger.content.call_tape import CallTape
from tau2_logging.logger.content.prompt_parts import PromptReader
from tau2_logging.models.recorded.prompt_difference import difference, words_differ
from tau2_logging.models.recorded.recorded_args import RecordedSettings
from tau2_logging.models.recorded.recorded_replies import from_tape

SYSTEM = {"role": "system", "content": "Be kind to every customer and keep to the policy."}
CALL = {"id": "c1", "type": "function", "function": {"name": "find", "arguments": '{"a": 1, "b": 2}'}}
TALK: list[dict[str, Any]] = [
    {"role": "user", "content": "Hello."},
    {"role": "assistant", "content": None, "tool_calls": [CALL]},
    {"role": "tool", "content": "found", "tool_call_id": "c1"},
    {"role": "assistant", "content": "Here it is."},
    {"role": "user", "content": "Thanks."},
]


def tool(*names: str) -> dict[str, Any]:
    """A tool with these parameters, in this order."""
    parameters = {"properties": {name: {"type": "integer"} for name in names}}
    return {"type": "function", "function": {"name": "find", "description": "Finds.", "parameters": parameters}}


TOOL = tool("a", "b")
OTHER_ORDER = {**TALK[1], "tool_calls": [{**CALL, "function": {"name": "find", "arguments": '{"b": 2, "a": 1}'}}]}


def test_a_prompt_that_grows_reads_as_it_does_alone() -> None:
    """What was read for the last prompt is not read again, and gives the same parts; also when a message was changed in place."""
    growing, talk = PromptReader(), json.loads(json.dumps(TALK))
    for length in range(1, len(talk) + 1):
        assert growing.parts_of([SYSTEM, *talk[:length]], [TOOL]) == PromptReader().parts_of([SYSTEM, *talk[:length]], [TOOL])
    before = growing.parts_of([SYSTEM, *talk], [TOOL])
    talk[2]["content"] = "shortened"
    talk[1]["tool_calls"][0]["function"]["arguments"] = "{}"
    after = growing.parts_of([SYSTEM, *talk], [TOOL])
    assert after == PromptReader().parts_of([SYSTEM, *talk], [TOOL])
    assert [one == other for one, other in zip(before.messages, after.messages, strict=True)] == [True, False, False, True, True]


def test_a_tape_gives_back_every_prompt() -> None:
    """Of each call only what is new is kept, and all of its prompt comes back; an agent may also shorten its prompt."""
    tape, prompts = CallTape(), [TALK[:1], TALK[:3], TALK, TALK[3:], [*TALK[:2], TALK[4]]]
    read = [tape.read("agent", [SYSTEM, *prompt], [TOOL]) for prompt in prompts]
    for parts in read:
        tape.answered(tape.add("agent", "m", parts), {"content": "said"}, 1.0)
    kept = json.loads(tape.json() or "")
    calls = from_tape(kept, [], tape.texts(), 7).calls["agent"]
    assert [difference(call, parts, {}) for call, parts in zip(calls, read, strict=True)] == [None] * 5
    assert [len(entry["new"]) for entry in kept] == [1, 2, 2, 2, 3]
    assert set(tape.texts().values()) == {SYSTEM["content"], json.dumps([TOOL])}


def changed(**parts: Any) -> str | None:
    """How a prompt with these parts differs from the recorded one."""
    tape = CallTape()
    tape.add("agent", "m", tape.read("agent", [SYSTEM, *TALK], [TOOL]))
    (call,) = from_tape(json.loads(tape.json() or ""), [], tape.texts(), 7).calls["agent"]
    given = {"system": SYSTEM, "talk": TALK, "tools": [TOOL], **parts}
    return difference(call, PromptReader().parts_of([given["system"], *given["talk"]], given["tools"]), tape.texts())


@pytest.mark.parametrize(
    ("parts", "words"),
    [
        ({}, None),
        (
            {"system": {"role": "system", "content": "Be kind to every guest and keep to the policy."}},
            "system prompt: after 'Be kind to every': 'customer' was recorded, 'guest' is sent",
        ),
        ({"tools": None}, "tools: the recorded prompt has one, this one has none"),
        ({"tools": [TOOL, {"function": {"name": "buy"}}]}, "tool buy: the recording does not have it"),
        (
            {"tools": [tool("b", "a")]},
            "tool find: parameters.properties has other order: a, b was recorded, b, a is sent",
        ),
        (
            {"talk": [*TALK[:3], {"role": "assistant", "content": "Here they are."}, TALK[4]]},
            "message 4 of 5 (assistant): the recorded text was not kept; sent is Here they are.",
        ),
        ({"talk": TALK[:3]}, "messages: the recorded prompt has 5, this one has 3"),
        (
            {"talk": [TALK[0], OTHER_ORDER, *TALK[2:]]},
            "message 2 of 5 (assistant): the recorded text was not kept",
        ),
    ],
)
def test_a_difference_is_named(parts: dict[str, Any], words: str | None) -> None:
    """The first part that differs, where, and which words; arguments in another order are a difference."""
    found = changed(**parts)
    assert (found is None) if words is None else (found or "").startswith(words), found


@pytest.mark.parametrize(
    ("before", "after", "words"),
    [
        ("one two three", "one two four three", "after 'one two': 'four' is new"),
        ("one two three", "one three", "after 'one': 'two' is missing"),
        ("one two", "three two", "at its start: 'one' was recorded, 'three' is sent"),
        ("one two", "one  two", "has other spaces or line ends"),
        ("a b c d e f", "a b c d e g", "after 'b c d e': 'f' was recorded, 'g' is sent"),
    ],
)
def test_the_first_words_that_differ_are_told(before: str, after: str, words: str) -> None:
    """With up to four words before them."""
    assert words_differ(before, after) == words


@pytest.mark.parametrize(
    "arguments", [{"mode": "strickt"}, {"latency": 3}, {"fallback": 3}, {"fallback_args": {}}, {"fallback": "m", "mode": "loose"}]
)
def test_arguments_that_cannot_be_are_refused(arguments: dict[str, Any]) -> None:
    """With the name of the argument."""
    with pytest.raises(Exception, match=f"recorded model: .*{next(iter(arguments))}|mode loose"):
        RecordedSettings.of(arguments)
