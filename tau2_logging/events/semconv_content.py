"""What was said, in the shapes that the GenAI conventions (1.41.1) give to messages: a list of {role, parts}, as JSON.

Read from the payload events, in which secrets are masked already.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import Any

from tau2_logging.events.event import Event
from tau2_logging.events.semconv import Attributes

_REASONS = {"tool_calls": "tool_call", "function_call": "tool_call", "tool_use": "tool_call", "end_turn": "stop", "max_tokens": "length"}


def content_attributes(payload: Event, finish_reason: object) -> Attributes:
    """Return the attributes of a span that has this llm_payload or tool_payload: gen_ai.*, and OpenInference's `input.value`,
    `output.value`."""
    if payload.type == "tool_payload":
        return _tool(payload.get("arguments"), payload.get("result"))
    found: Attributes = {}
    sent, reply = _read(payload.get("messages")), _read(payload.get("reply"))
    if isinstance(sent, list):
        found["gen_ai.input.messages"] = _json([_message(item) for item in sent])
        found |= {"input.value": _json(sent), "input.mime_type": "application/json"}
    if isinstance(reply, Mapping):
        reason = str(finish_reason or "stop")
        found["gen_ai.output.messages"] = _json([{**_message(reply), "finish_reason": _REASONS.get(reason, reason)}])
        text = reply.get("content")
        shown = {"output.value": text, "output.mime_type": "text/plain"} if isinstance(text, str) and text else None
        found |= shown or {"output.value": _json(reply), "output.mime_type": "application/json"}
    return found


def conversation_attributes(first: Event, last: Event) -> Attributes:
    """Return the user's words before the agent's first call and the agent's last words, for the span of a simulation."""
    sent, reply = _read(first.get("messages")), _read(last.get("reply"))
    said = (
        [item.get("content") for item in sent if isinstance(item, Mapping) and item.get("role") == "user"] if isinstance(sent, list) else []
    )
    found: Attributes = {}
    for name, text in (("input", said[-1] if said else None), ("output", reply.get("content") if isinstance(reply, Mapping) else None)):
        if isinstance(text, str) and text:
            found |= {f"{name}.value": text, f"{name}.mime_type": "text/plain"}
    return found


def _tool(arguments: object, result: object) -> Attributes:
    found: Attributes = {}
    if arguments is not None:
        found |= {"gen_ai.tool.call.arguments": str(arguments), "input.value": str(arguments), "input.mime_type": "application/json"}
    if result is not None:
        found |= {"gen_ai.tool.call.result": str(result), "output.value": str(result)}
    return found


def _read(text: object) -> Any:
    try:
        return json.loads(str(text)) if text is not None else None
    except ValueError:
        return None


def _json(value: object) -> str:
    return json.dumps(value, ensure_ascii=False)


def _message(message: Any) -> dict[str, Any]:
    """Return a chat message of OpenAI's or Anthropic's shape as {role, parts}; what has another shape becomes one part of text."""
    if not isinstance(message, Mapping):
        return {"role": "user", "parts": [_text(str(message))]}
    role = str(message.get("role") or "assistant")
    if role == "tool":
        part = {"type": "tool_call_response", "id": message.get("tool_call_id"), "response": message.get("content")}
        return {"role": role, "parts": [part]}
    parts = list(_content(message.get("content")))
    reasoning = message.get("reasoning_content")
    if isinstance(reasoning, str) and reasoning:
        parts.insert(0, {"type": "reasoning", "content": reasoning})
    return {"role": role, "parts": [*parts, *(_call(call) for call in message.get("tool_calls") or ())]}


def _content(content: Any) -> Iterable[dict[str, Any]]:
    if content is None or content == "":
        return []
    if not isinstance(content, list):
        return [_text(content if isinstance(content, str) else _json(content))]
    return [_block(block) for block in content]


def _block(block: Any) -> dict[str, Any]:
    """Return a block of a message's content, as Anthropic has them."""
    kind = block.get("type") if isinstance(block, Mapping) else None
    if kind == "text":
        return _text(str(block.get("text")))
    if kind == "thinking":
        return {"type": "reasoning", "content": str(block.get("thinking"))}
    if kind == "tool_use":
        return {"type": "tool_call", "id": block.get("id"), "name": str(block.get("name")), "arguments": block.get("input")}
    if kind == "tool_result":
        return {"type": "tool_call_response", "id": block.get("tool_use_id"), "response": block.get("content")}
    return _text(_json(block))


def _text(text: str) -> dict[str, Any]:
    return {"type": "text", "content": text}


def _call(call: Any) -> dict[str, Any]:
    function = call.get("function") if isinstance(call, Mapping) else None
    if not isinstance(function, Mapping):
        return _text(_json(call))
    arguments = function.get("arguments")
    read = _read(arguments) if isinstance(arguments, str) else None
    return {"type": "tool_call", "id": call.get("id"), "name": str(function.get("name")), "arguments": arguments if read is None else read}


__all__ = ["content_attributes", "conversation_attributes"]
