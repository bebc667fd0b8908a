"""What can go wrong with a reply, done to it on purpose."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from tau2_logging.models.scripted.speech import Call, Speech


def spoil(speech: Speech, fault: str | None) -> Speech:
    """The reply with a fault of the model in it. Faults of tool calls leave a reply without one as it is."""
    if fault == "empty_reply":
        return Speech()
    if fault == "malformed_json" and speech.text is not None:
        return Speech(text=speech.text[: len(speech.text) // 2])
    if not speech.calls or fault not in _SPOIL_CALL:
        return speech
    first, *rest = speech.calls
    return replace(speech, calls=(_SPOIL_CALL[fault](first), *rest))


def _invalid_args(call: Call) -> Call:
    return Call(call.name, '{"unexpected_argument": "made up"}')


def _unknown_tool(call: Call) -> Call:
    return Call(f"{call.name}_now", call.arguments)


def _malformed_json(call: Call) -> Call:
    return Call(call.name, call.arguments[:-1] + ', "')


_SPOIL_CALL = {"invalid_args": _invalid_args, "unknown_tool": _unknown_tool, "malformed_json": _malformed_json}


def first_call(messages: Sequence[Mapping[str, Any]]) -> Speech | None:
    """The first tool call of the agent in a conversation, to be made again; None if there was none."""
    for message in messages:
        if message["role"] == "assistant" and message.get("tool_calls"):
            call = message["tool_calls"][0]["function"]
            return Speech(calls=(Call(call["name"], call["arguments"]),))
    return None
