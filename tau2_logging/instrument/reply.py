"""What a model's reply says about itself: a pure function from the response to a plain object."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

EMPTY_REPLY = "EmptyReply"
MALFORMED_JSON = "MalformedToolCall"
REFUSAL = "Refusal"
STREAM_CUT = "StreamCut"


@dataclass(frozen=True)
class Reply:
    """A model's answer, read. None is what the provider did not say. `written_tokens` went into the provider's cache, which has a price of
    its own; `problem` names a reply that gives no message."""

    has_tool_calls: bool
    finish_reason: str | None
    input_tokens: int | None = None
    output_tokens: int | None = None
    cached_tokens: int | None = None
    reasoning_tokens: int | None = None
    written_tokens: int | None = None
    cost_usd: float | None = None
    problem: str | None = None


def read_reply(response: Any) -> Reply:
    """Read a response: litellm's ModelResponse, the openai SDK's, or the JSON of a chat completion, a message or a response.

    `problem` is EmptyReply for neither text nor tool calls, Refusal where the provider says that it is one, MalformedToolCall for
    tool-call arguments that are not a JSON object's text: tau2 makes no message of any of these.
    """
    if isinstance(response, Mapping):
        if response.get("type") == "message":
            return _read_message(response)
        if response.get("object") == "response":
            return _read_response(response)
    return _read_chat(response)


def _read_chat(response: Any) -> Reply:
    choice = (_get(response, "choices") or [None])[0]
    message = _get(choice, "message")
    tool_calls = _get(message, "tool_calls") or []
    usage = _get(response, "usage")
    return Reply(
        has_tool_calls=bool(tool_calls),
        finish_reason=_get(choice, "finish_reason"),
        input_tokens=_number(usage, "prompt_tokens"),
        output_tokens=_number(usage, "completion_tokens"),
        cached_tokens=_number(_get(usage, "prompt_tokens_details"), "cached_tokens"),
        reasoning_tokens=_number(_get(usage, "completion_tokens_details"), "reasoning_tokens"),
        cost_usd=_cost(response),
        problem=_problem(message, tool_calls),
    )


def _read_message(body: Mapping[str, Any]) -> Reply:
    """Anthropic counts cached tokens apart from input_tokens; here they are part of them, as everywhere else."""
    blocks = body.get("content") or ()
    calls = [block for block in blocks if block.get("type") == "tool_use"]
    text = "".join(block.get("text") or "" for block in blocks if block.get("type") == "text")
    usage = body.get("usage")
    plain, read, written = (_number(usage, name) for name in ("input_tokens", "cache_read_input_tokens", "cache_creation_input_tokens"))
    malformed = any(not isinstance(block.get("input"), Mapping) for block in calls)
    return Reply(
        has_tool_calls=bool(calls),
        finish_reason=body.get("stop_reason"),
        input_tokens=None if plain is None else plain + (read or 0) + (written or 0),
        output_tokens=_number(usage, "output_tokens"),
        cached_tokens=read,
        written_tokens=written,
        problem=MALFORMED_JSON if malformed else None if calls or text.strip() else EMPTY_REPLY,
    )


def _read_response(body: Mapping[str, Any]) -> Reply:
    items = body.get("output") or ()
    calls = [item for item in items if item.get("type") == "function_call"]
    parts = [part for item in items if item.get("type") == "message" for part in item.get("content") or ()]
    usage = body.get("usage")
    said = any(part.get("text") for part in parts)
    refused = any(part.get("refusal") for part in parts)
    nothing = None if calls or said else REFUSAL if refused else EMPTY_REPLY
    return Reply(
        has_tool_calls=bool(calls),
        finish_reason=body.get("status"),
        input_tokens=_number(usage, "input_tokens"),
        output_tokens=_number(usage, "output_tokens"),
        cached_tokens=_number(_get(usage, "input_tokens_details"), "cached_tokens"),
        reasoning_tokens=_number(_get(usage, "output_tokens_details"), "reasoning_tokens"),
        problem=MALFORMED_JSON if any(not _is_object(call.get("arguments")) for call in calls) else nothing,
    )


def _get(source: Any, name: str) -> Any:
    return source.get(name) if isinstance(source, Mapping) else getattr(source, name, None)


def _number(source: Any, name: str) -> int | None:
    value = _get(source, name)
    return int(value) if isinstance(value, int | float) else None


def _cost(response: Any) -> float | None:
    hidden = getattr(response, "_hidden_params", None) or {}
    cost = hidden.get("response_cost") if hasattr(hidden, "get") else None
    return float(cost) if isinstance(cost, int | float) else None


def _problem(message: Any, tool_calls: list[Any]) -> str | None:
    if not tool_calls:
        content = _get(message, "content")
        if content is not None and str(content).strip():
            return None
        refused = _get(message, "refusal") or _get(_get(message, "provider_specific_fields"), "refusal")
        return REFUSAL if refused else EMPTY_REPLY
    return MALFORMED_JSON if any(not _is_object(_get(_get(call, "function"), "arguments")) for call in tool_calls) else None


def _is_object(arguments: Any) -> bool:
    try:
        return isinstance(json.loads(arguments), dict)
    except (TypeError, ValueError):
        return False
