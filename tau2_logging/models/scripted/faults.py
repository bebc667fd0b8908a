"""What can go wrong with a reply, done to it on purpose."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from tau2_logging.models.experts.tool import CALL_EXPERT
from tau2_logging.models.scripted.scripted_reply import ScriptedCall, ScriptedReply


def spoil(reply: ScriptedReply, fault: str | None) -> ScriptedReply:
    """Return the reply with a fault of the model in it. Faults of tool calls leave a reply without one as it is."""
    if fault == "empty_reply":
        return ScriptedReply()
    if fault == "malformed_json" and reply.text is not None:
        return ScriptedReply(text=reply.text[: len(reply.text) // 2])
    if not reply.calls or fault not in _SPOIL_CALL:
        return reply
    first, *rest = reply.calls
    return replace(reply, calls=(_SPOIL_CALL[fault](first), *rest))


def _invalid_args(call: ScriptedCall) -> ScriptedCall:
    return ScriptedCall(call.name, '{"unexpected_argument": "made up"}')


def _unknown_tool(call: ScriptedCall) -> ScriptedCall:
    return ScriptedCall(f"{call.name}_now", call.arguments)


def _unknown_expert(call: ScriptedCall) -> ScriptedCall:
    if call.name != CALL_EXPERT:
        return call
    arguments = json.loads(call.arguments)
    return ScriptedCall(call.name, json.dumps({**arguments, "expert": f"{arguments['expert']}_of_old"}, ensure_ascii=False))


def _malformed_json(call: ScriptedCall) -> ScriptedCall:
    return ScriptedCall(call.name, call.arguments[:-1] + ', "')


_SPOIL_CALL = {
    "invalid_args": _invalid_args,
    "unknown_tool": _unknown_tool,
    "malformed_json": _malformed_json,
    "unknown_expert": _unknown_expert,
}


def first_call(messages: Sequence[Mapping[str, Any]]) -> ScriptedReply | None:
    """Return the first call of a domain's tool in a conversation, to be made again; None if there was none."""
    for message in messages:
        for call in (message.get("tool_calls") or ()) if message["role"] == "assistant" else ():
            if call["function"]["name"] != CALL_EXPERT:
                return ScriptedReply(calls=(ScriptedCall(call["function"]["name"], call["function"]["arguments"]),))
    return None
