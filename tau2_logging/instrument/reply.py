"""What a model's reply says about itself: a pure function from the response to a plain object."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

EMPTY_REPLY = "EmptyReply"
MALFORMED_JSON = "MalformedToolCall"


@dataclass(frozen=True)
class Reply:
    """A chat completion, read. None is what the provider did not say. `problem` names a reply that gives no message."""

    has_tool_calls: bool
    finish_reason: str | None
    input_tokens: int | None = None
    output_tokens: int | None = None
    cached_tokens: int | None = None
    reasoning_tokens: int | None = None
    cost_usd: float | None = None
    problem: str | None = None


def read_reply(response: Any) -> Reply:
    """Read an OpenAI-shaped response (litellm's ModelResponse, or the openai SDK's).

    `problem` is EmptyReply for neither text nor tool calls, MalformedToolCall for tool-call arguments that are not a JSON object's text:
    tau2 makes no message of either.
    """
    choice = response.choices[0] if getattr(response, "choices", None) else None
    message = getattr(choice, "message", None)
    tool_calls = getattr(message, "tool_calls", None) or []
    usage = getattr(response, "usage", None)
    return Reply(
        has_tool_calls=bool(tool_calls),
        finish_reason=getattr(choice, "finish_reason", None),
        input_tokens=_number(usage, "prompt_tokens"),
        output_tokens=_number(usage, "completion_tokens"),
        cached_tokens=_number(getattr(usage, "prompt_tokens_details", None), "cached_tokens"),
        reasoning_tokens=_number(getattr(usage, "completion_tokens_details", None), "reasoning_tokens"),
        cost_usd=_cost(response),
        problem=_problem(message, tool_calls),
    )


def _number(source: Any, name: str) -> int | None:
    value = getattr(source, name, None)
    return int(value) if isinstance(value, int | float) else None


def _cost(response: Any) -> float | None:
    hidden = getattr(response, "_hidden_params", None) or {}
    cost = hidden.get("response_cost") if hasattr(hidden, "get") else None
    return float(cost) if isinstance(cost, int | float) else None


def _problem(message: Any, tool_calls: list[Any]) -> str | None:
    if not tool_calls:
        content = getattr(message, "content", None)
        return EMPTY_REPLY if content is None or not str(content).strip() else None
    return MALFORMED_JSON if any(not _is_json(call) for call in tool_calls) else None


def _is_json(call: Any) -> bool:
    try:
        json.loads(call.function.arguments)
    except (AttributeError, TypeError, ValueError):
        return False
    return True
