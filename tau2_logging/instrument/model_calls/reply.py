"""What a model's reply says about itself: a pure function from the response to a plain object."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from tau2_logging.instrument.model_calls.reply_times import server_times

EMPTY_REPLY = "EmptyReply"
MALFORMED_JSON = "MalformedToolCall"
REFUSAL = "Refusal"
STREAM_CUT = "StreamCut"
_REFUSALS = ("refusal", "content_filter")
_NO_ACTS = ("text", "thinking", "redacted_thinking")
_UNDER_WAY = ("queued", "in_progress")
_MOST_TOKENS, _MOST_USD = 10**15, 10**9
"""What the analysis takes for possible (`analysis/store/column_types.py`)."""
_COUNTS = (
    ("", "prompt_tokens"), ("", "completion_tokens"), ("", "input_tokens"), ("", "output_tokens"), ("", "cache_read_input_tokens"),
    ("", "cache_creation_input_tokens"), ("cache_creation", "ephemeral_1h_input_tokens"), ("prompt_tokens_details", "cached_tokens"),
    ("input_tokens_details", "cached_tokens"), ("completion_tokens_details", "reasoning_tokens"),
    ("output_tokens_details", "reasoning_tokens"),
)  # fmt: skip
"""Where in `usage` the counts are that are read here."""


@dataclass(frozen=True)
class ModelReply:
    """A model's answer, read. None is what the provider did not say. `written_tokens` went into the provider's cache, which has a price of
    its own, and `written_1h_tokens` of them for an hour, which has another; `problem` names a reply that gives no message.
    `server_times` are what the server says of its own times, as fields of `server_call`; `impossible` are counts that cannot be, as text:
    they and the cost are unknown then."""

    has_tool_calls: bool
    finish_reason: str | None
    input_tokens: int | None = None
    output_tokens: int | None = None
    cached_tokens: int | None = None
    reasoning_tokens: int | None = None
    written_tokens: int | None = None
    written_1h_tokens: int | None = None
    cost_usd: float | None = None
    problem: str | None = None
    server_times: Mapping[str, object] = field(default_factory=dict)
    impossible: tuple[str, ...] = ()


def read_reply(response: Any) -> ModelReply:
    """Read a response: litellm's ModelResponse, the openai SDK's, or the JSON of a chat completion, a message or a response.

    `problem` is EmptyReply if nothing is said and nothing called (a call of any kind, a paused turn and an answer under way are something),
    Refusal if the provider says that it is one, MalformedToolCall for a call without a name or whose arguments are no JSON object:
    tau2 makes no message of any of these. Counts that are all 0 were filled in by a library: no model reads 0 tokens. A count below 0 is
    unknown, and so is the price that was made of it.
    """
    reply = _read(response)
    impossible = _impossible(_get(response, "usage"))
    if not impossible:
        return reply
    whole = not any(told.startswith("cache_") for told in impossible)  # Anthropic's input tokens are a sum
    return replace(reply, input_tokens=reply.input_tokens if whole else None, cost_usd=None, impossible=impossible)


def _read(response: Any) -> ModelReply:
    if isinstance(response, Mapping):
        if response.get("type") == "message":
            return _read_message(response)
        if response.get("object") == "response":
            return _read_response(response)
        if response.get("object") == "list":
            return _read_embeddings(response)
    return _read_chat(response)


def _read_chat(response: Any) -> ModelReply:
    choice = (_get(response, "choices") or [None])[0]
    message = _get(choice, "message")
    tool_calls = _get(message, "tool_calls") or []
    usage = _get(response, "usage")
    if not _number(usage, "prompt_tokens") and not _number(usage, "completion_tokens"):
        usage = None
    finish_reason = _get(choice, "finish_reason")
    return ModelReply(
        has_tool_calls=bool(tool_calls),
        finish_reason=finish_reason,
        input_tokens=_number(usage, "prompt_tokens"),
        output_tokens=_number(usage, "completion_tokens"),
        cached_tokens=_number(_get(usage, "prompt_tokens_details"), "cached_tokens"),
        reasoning_tokens=_number(_get(usage, "completion_tokens_details"), "reasoning_tokens"),
        cost_usd=None if usage is None else _cost(response),
        problem=_problem(message, tool_calls, finish_reason),
        server_times=server_times(response) if isinstance(response, Mapping) else {},
    )


def _read_message(body: Mapping[str, Any]) -> ModelReply:
    """Anthropic counts cached tokens apart from input_tokens; here they are part of them, as everywhere else."""
    blocks = body.get("content") or ()
    calls = [block for block in blocks if block.get("type") == "tool_use"]
    text = "".join(block.get("text") or "" for block in blocks if block.get("type") == "text")
    usage = body.get("usage")
    plain, read, written = (_number(usage, name) for name in ("input_tokens", "cache_read_input_tokens", "cache_creation_input_tokens"))
    malformed = any(not isinstance(block.get("input"), Mapping) for block in calls)
    acts = body.get("stop_reason") == "pause_turn" or any(block.get("type") not in _NO_ACTS for block in blocks)
    nothing = REFUSAL if body.get("stop_reason") in _REFUSALS else EMPTY_REPLY
    return ModelReply(
        has_tool_calls=bool(calls),
        finish_reason=body.get("stop_reason"),
        input_tokens=None if plain is None else plain + (read or 0) + (written or 0),
        output_tokens=_number(usage, "output_tokens"),
        cached_tokens=read,
        written_tokens=written,
        written_1h_tokens=_number(_get(usage, "cache_creation"), "ephemeral_1h_input_tokens"),
        problem=MALFORMED_JSON if malformed else None if calls or acts or text.strip() else nothing,
    )


def _read_response(body: Mapping[str, Any]) -> ModelReply:
    items = body.get("output") or ()
    calls = [item for item in items if item.get("type") == "function_call"]
    parts = [part for item in items if item.get("type") == "message" for part in item.get("content") or ()]
    usage = body.get("usage")
    said = any(part.get("text") for part in parts)
    refused = any(part.get("refusal") for part in parts)
    acts = body.get("status") in _UNDER_WAY or any(item.get("type") not in ("message", "reasoning") for item in items)
    nothing = None if acts or said else REFUSAL if refused else EMPTY_REPLY
    return ModelReply(
        has_tool_calls=bool(calls),
        finish_reason=body.get("status"),
        input_tokens=_number(usage, "input_tokens"),
        output_tokens=_number(usage, "output_tokens"),
        cached_tokens=_number(_get(usage, "input_tokens_details"), "cached_tokens"),
        reasoning_tokens=_number(_get(usage, "output_tokens_details"), "reasoning_tokens"),
        problem=MALFORMED_JSON if any(not _is_object(call.get("arguments")) for call in calls) else nothing,
    )


def _read_embeddings(body: Mapping[str, Any]) -> ModelReply:
    """An embedding model writes no tokens."""
    read = _number(_get(body, "usage"), "prompt_tokens")
    return ModelReply(False, None, input_tokens=read, output_tokens=None if read is None else 0)


def text_of(body: Mapping[str, Any]) -> str:
    """Return what the JSON of an answer says to the user: its texts, one after another."""
    if body.get("type") == "message":
        parts: Any = body.get("content")
    elif body.get("object") == "response":
        parts = [part for item in body.get("output") or () for part in item.get("content") or ()]
    else:
        choice = (body.get("choices") or [None])[0]
        parts = _get(_get(choice, "message"), "content")
    return parts if isinstance(parts, str) else "".join(str(_get(part, "text") or "") for part in parts or ())


def _get(source: Any, name: str) -> Any:
    return source.get(name) if isinstance(source, Mapping) else getattr(source, name, None)


def _number(source: Any, name: str) -> int | None:
    value = _get(source, name)
    return int(value) if isinstance(value, int | float) and 0 <= value <= _MOST_TOKENS else None


def _impossible(usage: Any) -> tuple[str, ...]:
    """Return the counts that no call can have, each as `name is value`."""
    if usage is None:
        return ()
    given = ((name, _get(_get(usage, part) if part else usage, name)) for part, name in _COUNTS)
    return tuple(f"{name} is {_shown(value)}" for name, value in given if isinstance(value, int | float) and not 0 <= value <= _MOST_TOKENS)


def _shown(value: float) -> str:
    return f"{value:g}" if -_MOST_TOKENS <= value < 0 else "no possible number"


def _cost(response: Any) -> float | None:
    hidden = getattr(response, "_hidden_params", None) or {}
    cost = hidden.get("response_cost") if hasattr(hidden, "get") else None
    return float(cost) if isinstance(cost, int | float) and 0 <= cost <= _MOST_USD else None


def _problem(message: Any, tool_calls: list[Any], finish_reason: Any) -> str | None:
    if not tool_calls:
        content = _get(message, "content")
        if (content is not None and str(content).strip()) or _get(message, "function_call") or _get(message, "audio"):
            return None
        refused = _get(message, "refusal") or _get(_get(message, "provider_specific_fields"), "refusal")
        return REFUSAL if refused or finish_reason in _REFUSALS else EMPTY_REPLY
    return MALFORMED_JSON if any(_is_malformed(call) for call in tool_calls) else None


def _is_malformed(call: Any) -> bool:
    """Return a function without a name or arguments. A call of another kind (custom) has texts of its own."""
    function = _get(call, "function")
    if function is None and _get(call, "type") not in (None, "function"):
        return False
    return not _get(function, "name") or not _is_object(_get(function, "arguments"))


def _is_object(arguments: Any) -> bool:
    try:
        return isinstance(json.loads(arguments), dict)
    except (TypeError, ValueError):
        return False
