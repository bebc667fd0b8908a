"""Ways in which servers stream otherwise than their protocol has it, each with the plain answer to the same request. All are from public
reports of servers and gateways, or relatives of them."""

from __future__ import annotations

import json
from typing import Any

from tests.support.byte_server import CUT, OPEN, Answers

USAGE = {"prompt_tokens": 5, "completion_tokens": 7, "total_tokens": 12}
DONE = b"data: [DONE]\n\n"
HEAD = {"id": "c", "object": "chat.completion.chunk", "created": 1, "model": "sim"}


def event(data: Any) -> bytes:
    return b"data: " + json.dumps(data).encode() + b"\n\n"


def chunk(delta: dict[str, Any] | None, finish: str | None = None, **more: Any) -> bytes:
    choice = {"index": 0, "finish_reason": finish} | ({} if delta is None else {"delta": delta})
    return event({**HEAD, "choices": [choice], **more})


def said(text: str) -> bytes:
    return chunk({"role": "assistant", "content": text})


def whole(finish: str = "stop", **message: Any) -> dict[str, Any]:
    choice = {"index": 0, "finish_reason": finish, "message": {"role": "assistant", "content": None, **message}}
    return {"id": "c", "object": "chat.completion", "created": 1, "model": "sim", "choices": [choice], "usage": USAGE}


def call(number: int = 1, name: str = "f", arguments: str = '{"a": 1}') -> dict[str, Any]:
    return {"id": f"call_{number}", "type": "function", "function": {"name": name, "arguments": arguments}}


def calls(*pieces: dict[str, Any]) -> bytes:
    return b"".join(chunk({"tool_calls": [piece]}) for piece in pieces)


STOP, CALLED = chunk({}, "stop", usage=USAGE) + DONE, chunk({}, "tool_calls", usage=USAGE) + DONE
HELLO, ONE_CALL = whole(content="hello"), whole("tool_calls", tool_calls=[call()])
TWO_CALLS = whole("tool_calls", tool_calls=[call(1), call(2, "g")])
TOO_LONG = "This model's maximum context length is 10 tokens. However, you requested 12 tokens."
CONTEXT = {"message": TOO_LONG, "type": "invalid_request_error", "code": "context_length_exceeded"}
DETAIL = {"type": "reasoning.text", "index": 0, "format": "anthropic-claude-v1"}
TEXT_CALL = '<tool_call>{"name": "f", "arguments": {"a": 1}}</tool_call>'
PIECES = ({"function": {"arguments": '{"a"'}}, {"function": {"arguments": ": 1}"}})
NO_ARGUMENTS = call(arguments="")

CHAT: dict[str, Answers] = {
    "in order": Answers(said("hello") + STOP, HELLO),
    "a call as text": Answers(said(TEXT_CALL) + STOP, ONE_CALL),
    "a call as json text": Answers(said('{"name": "f", "parameters": {"a": 1}}') + STOP, ONE_CALL),
    "arguments lose characters": Answers(calls({"index": 0, **call(arguments='{"a": 1')}) + CALLED, ONE_CALL),
    "a call is lost": Answers(chunk({"role": "assistant", "content": ""}) + CALLED, ONE_CALL),
    "arguments hold the rest of the call": Answers(calls({"index": 0, **call(arguments='{"a": 1}, "name": "f"')}) + CALLED, ONE_CALL),
    "index always 0": Answers(calls({"index": 0, **call(1)}, {"index": 0, **call(2, "g")}) + CALLED, TWO_CALLS),
    "index null": Answers(calls({"index": None, **call(1)}, {"index": None, **call(2, "g")}) + CALLED, TWO_CALLS),
    "no index": Answers(calls(NO_ARGUMENTS, *PIECES) + CALLED, ONE_CALL),
    "an id, and no index": Answers(calls(NO_ARGUMENTS, *({"id": "call_1", **piece} for piece in PIECES)) + CALLED, ONE_CALL),
    "a new id in each piece": Answers(
        calls({"index": 0, **NO_ARGUMENTS}, *({"index": 0, "id": f"x{n}", **piece} for n, piece in enumerate(PIECES))) + CALLED, ONE_CALL
    ),
    "empty labels": Answers(
        calls(
            {"index": 0, **NO_ARGUMENTS},
            {"index": 0, "id": None, "type": None, "function": {"name": None, "arguments": '{"a"'}},
            {"index": 0, "id": "", "function": {"name": "", "arguments": ": 1}"}},
        )
        + CALLED,
        ONE_CALL,
    ),
    "no finish reason": Answers(said("hello") + chunk({}, None, usage=USAGE) + DONE, HELLO),
    "an empty finish reason": Answers(said("hello") + chunk({}, "", usage=USAGE) + DONE, HELLO),
    "no end": Answers(said("hello"), HELLO),
    "left open after its end": Answers(said("hello") + STOP, HELLO, end=OPEN),
    "cut after its end": Answers(said("hello") + STOP, HELLO, end=CUT),
    "cut before its end": Answers(said("hel"), HELLO, end=CUT),
    "no usage": Answers(said("hello") + chunk({}, "stop") + DONE, HELLO),
    "usage of zeros": Answers(said("hello") + chunk({}, "stop", usage=dict.fromkeys(USAGE, 0)) + DONE, HELLO),
    "halves of an emoji": Answers(said("ok \ud83d") + chunk({"content": "\ude00"}) + STOP, whole(content="ok \U0001f600")),
    "half an emoji": Answers(said("ok \ud83d") + STOP, whole(content="ok \ud83d")),
    "gzip": Answers(said("hello") + STOP, HELLO, encoding="gzip"),
    "another content type": Answers(said("hello") + STOP, HELLO, content_type="text/plain"),
    "html": Answers(b"<html>busy</html>", HELLO, content_type="text/html"),
    "json in place of a stream": Answers(json.dumps(HELLO).encode(), HELLO, content_type="application/json"),
    "a last chunk without delta": Answers(
        said("hello")
        + chunk({}, "stop", usage=USAGE)
        + event({"id": "", "model": "", "created": 0, "usage": None, "choices": [{"index": 0}]})
        + DONE,
        HELLO,
    ),
    "reasoning details": Answers(
        chunk({"role": "assistant", "reasoning_details": [{**DETAIL, "text": "Two "}]})
        + chunk({"reasoning_details": [{**DETAIL, "text": "and"}]})
        + chunk({"reasoning_details": [{**DETAIL, "signature": "S"}]})
        + chunk({"content": "4."})
        + STOP,
        whole(content="4.", reasoning_details=[{**DETAIL, "text": "Two and", "signature": "S"}]),
    ),
    "content in parts": Answers(
        chunk({"role": "assistant", "content": [{"type": "thinking", "thinking": [{"type": "text", "text": "Two "}]}]})
        + chunk({"content": [{"type": "thinking", "thinking": [{"type": "text", "text": "and"}]}]})
        + chunk({"content": "4"})
        + chunk({"content": "."})
        + STOP,
        whole(content=[{"type": "thinking", "thinking": [{"type": "text", "text": "Two and"}]}, {"type": "text", "text": "4."}]),
    ),
    "stream options refused": Answers(b"", HELLO, refusal=(422, {"detail": "Extra inputs are not permitted"})),
    "streams refused": Answers(b"", HELLO, refusal=(400, {"error": {"message": "stream is not supported"}})),
    "streams forbidden": Answers(b"", HELLO, refusal=(403, {"error": {"message": "not in your plan"}})),
    "streams crash": Answers(b"", HELLO, refusal=(500, {"error": {"message": "AttributeError"}})),
    "an unknown error in the stream": Answers(said("") + event({"error": {"message": "went wrong"}}), HELLO),
    "an error as text in the stream": Answers(said("") + event({"error": "went wrong"}), HELLO),
    "context, in OpenAI's words": Answers(said("") + event({"error": CONTEXT}), {"error": CONTEXT}, 400),
    "context, in FastChat's words": Answers(
        said("") + event({"text": TOO_LONG, "error_code": 40303}) + DONE, {"object": "error", "message": TOO_LONG}, 400
    ),
    "context, in llama.cpp's field": Answers(
        b'error: {"code": 400, "message": "exceeds the available context size", "type": "exceed_context_size_error"}\n\n',
        {"error": {"code": 400, "message": "exceeds the available context size", "type": "exceed_context_size_error"}},
        400,
    ),
    "context, in an event named error": Answers(
        b'event: error\ndata: {"code": 400, "message": "prompt is too long"}\n\n', {"error": {"message": "prompt is too long"}}, 400
    ),
    "a rate limit in the stream": Answers(
        event({"error": {"message": "slow down", "type": "tokens", "code": "rate_limit_exceeded"}}),
        {"error": {"message": "slow down"}},
        429,
    ),
}

_MESSAGE = {"id": "m", "type": "message", "role": "assistant", "model": "sim", "stop_reason": "end_turn", "stop_sequence": None}
_TEXT = {"type": "text", "text": "hello"}
_TOOL = {"type": "tool_use", "id": "t1", "name": "f", "input": {"a": 1}}
_TOKENS = {"input_tokens": 15, "output_tokens": 9}


def message(*blocks: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {**_MESSAGE, "content": list(blocks), "usage": _TOKENS, **more}


def events(*found: dict[str, Any]) -> bytes:
    return b"".join(f"event: {one['type']}\n".encode() + event(one) for one in found)


def begun(**more: Any) -> dict[str, Any]:
    return {"type": "message_start", "message": {**message(), "stop_reason": None, "usage": {**_TOKENS, "output_tokens": 1}, **more}}


def block(content: dict[str, Any], *deltas: dict[str, Any], index: int | None = 0) -> list[dict[str, Any]]:
    place = {} if index is None else {"index": index}
    opened = {"type": "content_block_start", **place, "content_block": content}
    return [
        opened,
        *({"type": "content_block_delta", **place, "delta": delta} for delta in deltas),
        {"type": "content_block_stop", **place},
    ]


def ended(reason: str = "end_turn", usage: dict[str, Any] | None = None) -> list[dict[str, Any]]:
    counts = {"output_tokens": 9} if usage is None else usage
    return [{"type": "message_delta", "delta": {"stop_reason": reason, "stop_sequence": None}, "usage": counts}, {"type": "message_stop"}]


_HELLO = block({"type": "text", "text": ""}, {"type": "text_delta", "text": "hel"}, {"type": "text_delta", "text": "lo"})
_EMPTY_TOOL = {**_TOOL, "input": {}}
_LONG = {"type": "error", "error": {"type": "invalid_request_error", "message": "prompt is too long: 12 tokens > 10 maximum"}}

MESSAGES: dict[str, Answers] = {
    "in order": Answers(events(begun(), *_HELLO, *ended()), message(_TEXT)),
    "input counts repeated as 0": Answers(events(begun(), *_HELLO, *ended(usage={"input_tokens": 0, "output_tokens": 9})), message(_TEXT)),
    "no index": Answers(
        events(begun(), *block({"type": "text", "text": ""}, {"type": "text_delta", "text": "hello"}, index=None), *ended()), message(_TEXT)
    ),
    "a whole tool call at its start": Answers(events(begun(), *block(_TOOL), *ended("tool_use")), message(_TOOL, stop_reason="tool_use")),
    "half a tool call": Answers(
        events(begun(), *block(_EMPTY_TOOL, {"type": "input_json_delta", "partial_json": '{"a"'}), *ended("tool_use")),
        message(_TOOL, stop_reason="tool_use"),
    ),
    "null in deltas": Answers(
        events(
            begun(),
            *block({"type": "text", "text": ""}, {"type": "text_delta", "text": "hello"}, {"type": "text_delta", "text": None}),
            *ended(),
        ),
        message(_TEXT),
    ),
    "a refusal": Answers(events(begun(), *ended("refusal")), message(stop_reason="refusal")),
    "no end": Answers(events(begun(), *_HELLO), message(_TEXT)),
    "no start": Answers(events(*_HELLO, *ended()), message(_TEXT)),
    "left open after its end": Answers(events(begun(), *_HELLO, *ended()), message(_TEXT), end=OPEN),
    "gzip": Answers(events(begun(), *_HELLO, *ended()), message(_TEXT), encoding="gzip"),
    "context in the stream": Answers(events(begun(), _LONG), _LONG, 400),
    "overloaded in the stream": Answers(
        events(begun(), {"type": "error", "error": {"type": "overloaded_error", "message": "Overloaded"}}),
        {"type": "error", "error": {"type": "overloaded_error", "message": "Overloaded"}},
        529,
    ),
}

_RESPONSE = {
    "id": "r",
    "object": "response",
    "created_at": 7,
    "model": "sim",
    "status": "completed",
    "parallel_tool_calls": True,
    "tool_choice": "auto",
    "tools": [],
    "usage": {"input_tokens": 5, "output_tokens": 2, "total_tokens": 7},
}
_ITEM = {
    "type": "message",
    "id": "i",
    "role": "assistant",
    "status": "completed",
    "content": [{"type": "output_text", "text": "hello", "annotations": []}],
}
_ANSWER = {**_RESPONSE, "output": [_ITEM]}
_CREATED = {"type": "response.created", "response": {**_RESPONSE, "status": "in_progress", "output": [], "usage": None}}
_ITEM_DONE = {"type": "response.output_item.done", "output_index": 0, "item": _ITEM}
_FAILED = {"code": "context_length_exceeded", "message": "Your input exceeds the context window of this model."}

RESPONSES: dict[str, Answers] = {
    "in order": Answers(events(_CREATED, _ITEM_DONE, {"type": "response.completed", "response": _ANSWER}), _ANSWER),
    "an empty output": Answers(
        events(_CREATED, _ITEM_DONE, {"type": "response.completed", "response": {**_ANSWER, "output": []}}), _ANSWER
    ),
    "no end": Answers(events(_CREATED, _ITEM_DONE), _ANSWER),
    "left open after its end": Answers(
        events(_CREATED, _ITEM_DONE, {"type": "response.completed", "response": _ANSWER}), _ANSWER, end=OPEN
    ),
    "an error event": Answers(events(_CREATED, {"type": "error", **_FAILED}), {"error": _FAILED}, 400),
    "a failed response": Answers(
        events(_CREATED, {"type": "response.failed", "response": {**_RESPONSE, "status": "failed", "error": _FAILED}}),
        {"error": _FAILED},
        400,
    ),
}
