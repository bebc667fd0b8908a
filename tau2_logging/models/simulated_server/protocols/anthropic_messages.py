"""Anthropic messages, as a server reads and answers them (instrument.wire has the same file name for the client's side)."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

from tau2_logging.models.simulated_server.protocols.completion import Piece, ToolUse
from tau2_logging.models.simulated_server.protocols.prepared_answer import PreparedAnswer
from tau2_logging.models.simulated_server.protocols.prompt import BadRequest, Prompt, items_of, text_of, written

NAME = "anthropic"
PATH = "/v1/messages"
SIGNATURE = "c2ltdWxhdGVk"
_STOP_REASONS = {"stop": "end_turn", "tool_calls": "tool_use", "length": "max_tokens", "content_filter": "refusal"}
_ERRORS = {
    "rate_limit": (429, "rate_limit_error", "This request would exceed your organization's rate limit."),
    "server_error": (500, "api_error", "Internal server error"),
    "overloaded": (529, "overloaded_error", "Overloaded"),
    "context_length": (400, "invalid_request_error", "prompt is too long: {tokens} tokens > {limit} maximum"),
    "bad_key": (401, "authentication_error", "invalid x-api-key"),
    "no_model": (404, "not_found_error", "model: {model}"),
    "no_stream": (400, "invalid_request_error", "stream is not supported"),
    "bad_request": (400, "invalid_request_error", "{reason}"),
    "starting": (503, "api_error", "The server is starting."),
}


def read(body: Any) -> Prompt:
    """Return a request body as a prompt. Raises BadRequest."""
    if not isinstance(body, Mapping) or not items_of(body, "messages"):
        raise BadRequest("messages: at least one message is required")
    system = text_of(body.get("system"))
    messages: list[dict[str, Any]] = [{"role": "system", "content": system}] if system else []
    for message in items_of(body, "messages"):
        messages += _messages(message)
    tools = [{"name": tool.get("name"), "parameters": tool.get("input_schema") or {}} for tool in items_of(body, "tools")]
    return Prompt(
        model=str(body.get("model") or ""),
        messages=messages,
        tools=tools,
        tool_choice=_choice(body.get("tool_choice")),
        stream=bool(body.get("stream")),
        written=written(messages, tools),
    )


def _messages(message: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    """Yield a message in OpenAI's form, its tool results as messages of their own."""
    content = message.get("content")
    blocks = [block for block in content if isinstance(block, Mapping)] if isinstance(content, list) else []
    results = [block for block in blocks if block.get("type") == "tool_result"]
    for block in results:
        yield {"role": "tool", "content": text_of(block.get("content"))}
    calls = [{"name": block.get("name"), "input": block.get("input")} for block in blocks if block.get("type") == "tool_use"]
    text = text_of(content)
    if text or calls or not results:
        yield {"role": str(message.get("role") or ""), "content": text, **({"tool_calls": calls} if calls else {})}


def _choice(wanted: Any) -> str:
    if not isinstance(wanted, Mapping):
        return "auto"
    kind = str(wanted.get("type") or "auto")
    return str(wanted.get("name") or "auto") if kind == "tool" else {"any": "required"}.get(kind, kind)


def key_of(headers: Mapping[str, str]) -> str:
    """Return the key that a client sent."""
    return headers.get("x-api-key") or headers.get("Authorization", "").removeprefix("Bearer ")


def response_id(answer: PreparedAnswer) -> str:
    """Of the message."""
    return f"msg_{answer.digits}"


def body(answer: PreparedAnswer) -> dict[str, Any]:
    """Return the response to a request that is not a stream."""
    return {**_frame(answer), "content": list(_content(answer)), "stop_reason": _stop_reason(answer), "usage": _usage(answer, whole=True)}


def _content(answer: PreparedAnswer) -> Iterator[dict[str, Any]]:
    reply = answer.reply
    if reply.reasoning:
        yield {"type": "thinking", "thinking": reply.reasoning, "signature": SIGNATURE}
    for text in (reply.text, reply.refusal):
        if text:
            yield {"type": "text", "text": text}
    for number, use in enumerate(reply.tools):
        yield {**_tool_use(answer, number, use), "input": _parsed(use.arguments)}


def _tool_use(answer: PreparedAnswer, number: int, use: ToolUse) -> dict[str, Any]:
    return {"type": "tool_use", "id": answer.tool_id(number, use, "toolu_"), "name": use.name, "input": {}}


def _parsed(arguments: str) -> Any:
    try:
        return json.loads(arguments)
    except ValueError:
        return arguments


def head(answer: PreparedAnswer) -> bytes:
    """Return what a stream starts with, before any token."""
    message = {**_frame(answer), "content": [], "stop_reason": None, "usage": _usage(answer, whole=False)}
    return _event("message_start", message=message) + _event("ping")


def piece(answer: PreparedAnswer, one: Piece) -> bytes:
    """Return one token, and where its block starts and ends."""
    start = _event("content_block_start", index=one.place, content_block=_opened(answer, one)) if one.opens else b""
    delta = _event("content_block_delta", index=one.place, delta=_delta(one))
    return start + delta + (_closing(one) if one.closes else b"")


def _opened(answer: PreparedAnswer, one: Piece) -> dict[str, Any]:
    if one.use is not None:
        return _tool_use(answer, one.tool, one.use)
    return {"type": "thinking", "thinking": "", "signature": ""} if one.kind == "reasoning" else {"type": "text", "text": ""}


def _delta(one: Piece) -> dict[str, Any]:
    if one.kind == "tool":
        return {"type": "input_json_delta", "partial_json": one.text}
    return {"type": "thinking_delta", "thinking": one.text} if one.kind == "reasoning" else {"type": "text_delta", "text": one.text}


def _closing(one: Piece) -> bytes:
    signature = {"type": "signature_delta", "signature": SIGNATURE}
    signed = _event("content_block_delta", index=one.place, delta=signature) if one.kind == "reasoning" else b""
    return signed + _event("content_block_stop", index=one.place)


def tail(answer: PreparedAnswer) -> bytes:
    """Return why it ended, what it counts."""
    if answer.finish is None:
        return b""
    delta = {"stop_reason": _stop_reason(answer), "stop_sequence": None}
    return _event("message_delta", delta=delta, usage={"output_tokens": answer.usage.completion}) + _event("message_stop")


def broken(answer: PreparedAnswer) -> bytes:
    """Return an error in the middle of a stream."""
    return _event("error", error={"type": "overloaded_error", "message": "Overloaded"})


def error(name: str, **facts: Any) -> tuple[int, dict[str, Any]]:
    """Return (status, body) of an error response."""
    status, kind, message = _ERRORS[name]
    return status, {"type": "error", "error": {"type": kind, "message": message.format(**facts)}}


def _frame(answer: PreparedAnswer) -> dict[str, Any]:
    return {"id": response_id(answer), "type": "message", "role": "assistant", "model": answer.model, "stop_sequence": None}


def _stop_reason(answer: PreparedAnswer) -> str | None:
    if answer.reply.refusal and not answer.reply.finish_reason:
        return None if answer.finish is None else "refusal"
    return _STOP_REASONS.get(answer.finish, answer.finish) if answer.finish is not None else None


def _usage(answer: PreparedAnswer, whole: bool) -> dict[str, Any]:
    usage = answer.usage
    return {
        "input_tokens": usage.prompt - usage.cached,
        "cache_read_input_tokens": usage.cached,
        "cache_creation_input_tokens": 0,
        "output_tokens": usage.completion if whole else 1,
    }


def _event(kind: str, **data: Any) -> bytes:
    return f"event: {kind}\ndata: {json.dumps({'type': kind, **data}, ensure_ascii=False)}\n\n".encode()
