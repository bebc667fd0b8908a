"""OpenAI chat completions, as OpenAI and vLLM read and answer them."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from tau2_logging.models.simulated_server.protocols.completion import Piece, ToolUse
from tau2_logging.models.simulated_server.protocols.prepared_answer import PreparedAnswer
from tau2_logging.models.simulated_server.protocols.prompt import BadRequest, Prompt, items_of, text_of, written

NAME = "openai"
PATH = "/v1/chat/completions"
FINGERPRINT = "fp_simulated"
_FIELDS = {"reasoning": "reasoning_content", "text": "content", "refusal": "refusal"}
_ERRORS = {
    "rate_limit": (429, "requests", "rate_limit_exceeded", "Rate limit reached for {model}. Please try again in {retry_after:g}s."),
    "server_error": (500, "server_error", None, "The server had an error while processing your request."),
    "overloaded": (503, "server_error", None, "The engine is currently overloaded, please try again later."),
    "context_length": (
        400, "invalid_request_error", "context_length_exceeded",
        "This model's maximum context length is {limit} tokens. However, your messages resulted in {tokens} tokens. "
        "Please reduce the length of the messages.",
    ),
    "bad_key": (401, "invalid_request_error", "invalid_api_key", "Incorrect API key provided."),
    "no_model": (404, "invalid_request_error", "model_not_found", "The model `{model}` does not exist."),
    "no_stream": (400, "invalid_request_error", "unsupported_value", "stream is not supported"),
    "bad_request": (400, "invalid_request_error", None, "{reason}"),
    "starting": (503, "server_error", None, "The server is starting."),
}  # fmt: skip


def read(body: Any) -> Prompt:
    """Return a request body as a prompt. Raises BadRequest."""
    if not isinstance(body, Mapping) or not items_of(body, "messages"):
        raise BadRequest("messages must be a list of at least one message")
    sent = items_of(body, "messages")
    messages = [{**message, "role": _role(message), "content": text_of(message.get("content"))} for message in sent]
    tools = [tool["function"] for tool in items_of(body, "tools") if isinstance(tool.get("function"), Mapping)]
    options = body.get("stream_options") or {}
    return Prompt(
        model=str(body.get("model") or ""),
        messages=messages,
        tools=tools,
        tool_choice=_choice(body.get("tool_choice")),
        stream=bool(body.get("stream")),
        wants_usage=isinstance(options, Mapping) and bool(options.get("include_usage")),
        written=written(messages, tools),
        reply_tokens=_exact_length(body),
    )


def _exact_length(body: Mapping[str, Any]) -> int | None:
    """Return how long the reply has to be: with vLLM's `ignore_eos` a model goes on until the limit, as load generators ask it to."""
    limit = body.get("max_completion_tokens") or body.get("max_tokens")
    return limit if body.get("ignore_eos") is True and isinstance(limit, int) and limit > 0 else None


def _role(message: Mapping[str, Any]) -> str:
    role = str(message.get("role") or "")
    return "system" if role == "developer" else role


def _choice(wanted: Any) -> str:
    if isinstance(wanted, Mapping):
        return str((wanted.get("function") or {}).get("name") or "auto")
    return str(wanted or "auto")


def key_of(headers: Mapping[str, str]) -> str:
    """Return the key that a client sent."""
    return headers.get("Authorization", "").removeprefix("Bearer ")


def response_id(answer: PreparedAnswer) -> str:
    """Of every body and chunk."""
    return f"chatcmpl-{answer.digits}"


def body(answer: PreparedAnswer) -> dict[str, Any]:
    """Return the response to a request that is not a stream."""
    choice = {"index": 0, "message": _message(answer), "logprobs": None, "finish_reason": answer.finish}
    return {**_frame(answer, "chat.completion"), "choices": [choice], "usage": _usage(answer)}


def _message(answer: PreparedAnswer) -> dict[str, Any]:
    reply = answer.reply
    message: dict[str, Any] = {"role": "assistant", "content": reply.text, "refusal": reply.refusal}
    if reply.reasoning is not None:
        message["reasoning_content"] = reply.reasoning
    if reply.tools:
        message["tool_calls"] = [_call(answer, number, use, use.arguments) for number, use in enumerate(reply.tools)]
    return message


def _call(answer: PreparedAnswer, number: int, use: ToolUse, arguments: str) -> dict[str, Any]:
    return {"id": answer.tool_id(number, use, "call_"), "type": "function", "function": {"name": use.name, "arguments": arguments}}


def head(answer: PreparedAnswer) -> bytes:
    """Return what a stream starts with, before any token."""
    return _chunk(answer, {"role": "assistant", "content": None if answer.reply.text is None else "", "refusal": None})


def piece(answer: PreparedAnswer, one: Piece) -> bytes:
    """Return one token."""
    if one.use is None:
        return _chunk(answer, {_FIELDS[one.kind]: one.text})
    if one.opens:
        return _chunk(answer, {"tool_calls": [{"index": one.tool, **_call(answer, one.tool, one.use, "")}]})
    return _chunk(answer, {"tool_calls": [{"index": one.tool, "function": {"arguments": one.text}}]})


def tail(answer: PreparedAnswer) -> bytes:
    """Return why it ended, what it counts."""
    if answer.finish is None:
        return b""
    usage = _event({**_frame(answer, "chat.completion.chunk"), "choices": [], "usage": _usage(answer)}) if answer.with_usage else b""
    return _chunk(answer, {}, answer.finish) + usage + end()


def end() -> bytes:
    """Return what a stream ends with."""
    return b"data: [DONE]\n\n"


def broken(answer: PreparedAnswer) -> bytes:
    """Return an error in the middle of a stream."""
    return _event({"error": {"message": "The model stopped unexpectedly.", "type": "server_error", "param": None, "code": 500}}) + end()


def error(name: str, **facts: Any) -> tuple[int, dict[str, Any]]:
    """Return (status, body) of an error response."""
    status, kind, code, message = _ERRORS[name]
    return status, {"error": {"message": message.format(**facts), "type": kind, "param": None, "code": code}}


def _chunk(answer: PreparedAnswer, delta: dict[str, Any], finish: str | None = None) -> bytes:
    choice = {"index": 0, "delta": delta, "logprobs": None, "finish_reason": finish}
    chunk = {**_frame(answer, "chat.completion.chunk"), "choices": [choice]}
    return _event({**chunk, "usage": None} if answer.with_usage else chunk)


def _frame(answer: PreparedAnswer, kind: str) -> dict[str, Any]:
    return {
        "id": response_id(answer), "object": kind, "created": answer.created, "model": answer.model, "system_fingerprint": FINGERPRINT,
    }  # fmt: skip


def _usage(answer: PreparedAnswer) -> dict[str, Any]:
    usage = answer.usage
    return {
        "prompt_tokens": usage.prompt,
        "completion_tokens": usage.completion,
        "total_tokens": usage.prompt + usage.completion,
        "prompt_tokens_details": {"cached_tokens": usage.cached},
        "completion_tokens_details": {"reasoning_tokens": usage.reasoning},
    }


def _event(data: dict[str, Any]) -> bytes:
    return b"data: " + json.dumps(data, ensure_ascii=False).encode() + b"\n\n"
