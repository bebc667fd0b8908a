"""What can go wrong with a reply, done to it on purpose."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from tau2_logging.models.experts.tool import CALL_EXPERT
from tau2_logging.models.scripted.scripted_reply import Call, Speech


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


def _unknown_expert(call: Call) -> Call:
    if call.name != CALL_EXPERT:
        return call
    arguments = json.loads(call.arguments)
    return Call(call.name, json.dumps({**arguments, "expert": f"{arguments['expert']}_of_old"}, ensure_ascii=False))


def _malformed_json(call: Call) -> Call:
    return Call(call.name, call.arguments[:-1] + ', "')


_SPOIL_CALL = {
    "invalid_args": _invalid_args,
    "unknown_tool": _unknown_tool,
    "malformed_json": _malformed_json,
    "unknown_expert": _unknown_expert,
}


def first_call(messages: Sequence[Mapping[str, Any]]) -> Speech | None:
    """The first call of a domain's tool in a conversation, to be made again; None if there was none."""
    for message in messages:
        for call in (message.get("tool_calls") or ()) if message["role"] == "assistant" else ():
            if call["function"]["name"] != CALL_EXPERT:
                return Speech(calls=(Call(call["function"]["name"], call["function"]["arguments"]),))
    return None
