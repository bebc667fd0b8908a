"""A stream put together is the answer that was cut up, however it was cut and however its bytes arrive."""

from __future__ import annotations

import itertools
import json
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from tau2_logging.instrument.wire import PROTOCOLS, Assembler, protocol_of
from tau2_logging.instrument.wire.sse import EventStream

TEXT = st.text(max_size=30)
SOME_TEXT = st.text(min_size=1, max_size=30)
ARGUMENTS = st.dictionaries(SOME_TEXT, st.one_of(TEXT, st.integers(), st.booleans()), max_size=3).map(json.dumps)
USAGE = st.fixed_dictionaries({"prompt_tokens": st.integers(1, 999), "completion_tokens": st.integers(1, 999)})


@st.composite
def pieces(draw: st.DrawFn, text: str) -> list[str]:
    """The text cut in some places."""
    places = sorted(draw(st.sets(st.integers(1, max(len(text) - 1, 1)), max_size=4))) if len(text) > 1 else []
    return [text[a:b] for a, b in zip([0, *places], [*places, len(text)], strict=True)]


@st.composite
def chats(draw: st.DrawFn) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """(a chat completion, the same as chunks)."""
    content = draw(st.one_of(st.none(), SOME_TEXT))
    reasoning = draw(st.one_of(st.none(), SOME_TEXT))
    calls = draw(st.lists(st.tuples(SOME_TEXT, SOME_TEXT, ARGUMENTS), max_size=3))
    deltas: list[dict[str, Any]] = [{"role": "assistant", "content": None if calls and content is None else "", "refusal": None}]
    deltas += [{"reasoning_content": piece} for piece in draw(pieces(reasoning))] if reasoning else []
    deltas += [{"content": piece} for piece in draw(pieces(content))] if content else []
    per_call = [call_deltas(index, *call, draw(pieces(call[2]))) for index, call in enumerate(calls)]
    while any(per_call):  # fragments of parallel calls may come in any mixture
        index = draw(st.sampled_from([index for index, left in enumerate(per_call) if left]))
        deltas.append({"tool_calls": [per_call[index].pop(0)]})
    reason = "tool_calls" if calls else "stop"
    usage = draw(USAGE)
    head = {"id": draw(SOME_TEXT), "created": 7, "model": "m"}
    chunks = [
        {**head, "object": "chat.completion.chunk", "choices": [{"index": 0, "delta": delta, "finish_reason": None}]} for delta in deltas
    ]
    chunks[-1]["choices"][0]["finish_reason"] = reason
    chunks.append({**head, "object": "chat.completion.chunk", "choices": [], "usage": usage})
    message: dict[str, Any] = {"role": "assistant", "content": content if content or calls else "", "refusal": None}
    message |= {"reasoning_content": reasoning} if reasoning else {}
    message |= {"tool_calls": [whole_call(*call) for call in calls]} if calls else {}
    choice = {"index": 0, "message": message, "finish_reason": reason}
    return {**head, "object": "chat.completion", "choices": [choice], "usage": usage}, chunks


def call_deltas(index: int, call_id: str, name: str, arguments: str, cut: list[str]) -> list[dict[str, Any]]:
    first = {"index": index, "id": call_id, "type": "function", "function": {"name": name, "arguments": ""}}
    return [first, *({"index": index, "function": {"arguments": piece}} for piece in cut)]


def whole_call(call_id: str, name: str, arguments: str) -> dict[str, Any]:
    return {"id": call_id, "type": "function", "function": {"name": name, "arguments": arguments}}


@st.composite
def messages(draw: st.DrawFn) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """(an Anthropic message, the same as events)."""
    kinds = draw(st.lists(st.sampled_from(["text", "thinking", "tool_use"]), min_size=1, max_size=4))
    blocks: list[dict[str, Any]] = []
    events: list[dict[str, Any]] = []
    for index, kind in enumerate(kinds):
        text = draw(ARGUMENTS if kind == "tool_use" else SOME_TEXT)
        start: dict[str, Any] = (
            {"type": kind, "id": f"t{index}", "name": "f", "input": {}} if kind == "tool_use" else {"type": kind, kind: ""}
        )
        delta = {"tool_use": ("input_json_delta", "partial_json")}.get(kind, (f"{kind}_delta", kind))
        events.append({"type": "content_block_start", "index": index, "content_block": start})
        events += [
            {"type": "content_block_delta", "index": index, "delta": {"type": delta[0], delta[1]: piece}} for piece in draw(pieces(text))
        ]
        events.append({"type": "content_block_stop", "index": index})
        blocks.append({**start, "input": json.loads(text)} if kind == "tool_use" else {"type": kind, kind: text})
    head = {"id": "msg", "type": "message", "role": "assistant", "model": "m", "content": [], "stop_reason": None}
    begun = {**head, "usage": {"input_tokens": 5, "output_tokens": 1}}
    ending = {"type": "message_delta", "delta": {"stop_reason": "end_turn"}, "usage": {"output_tokens": 9}}
    whole = {**head, "content": blocks, "stop_reason": "end_turn", "usage": {"input_tokens": 5, "output_tokens": 9}}
    return whole, [{"type": "message_start", "message": begun}, {"type": "ping"}, *events, ending, {"type": "message_stop"}]


def as_bytes(events: list[dict[str, Any]], gap: str) -> bytes:
    return "".join(f"data: {json.dumps(event, ensure_ascii=False)}{gap}" for event in events).encode()


def assembled(assembler: Assembler, stream: bytes, places: set[int]) -> Assembler:
    """Fed with the bytes cut at these places."""
    events = EventStream()
    cuts = [0, *sorted(place % (len(stream) + 1) for place in places), len(stream)]
    for a, b in itertools.pairwise(cuts):
        for data in events.feed(stream[a:b]):
            assembler.feed(data)
    for data in events.close():
        assembler.feed(data)
    return assembler


GAPS = st.sampled_from(["\n\n", "\r\n\r\n"])
PLACES = st.sets(st.integers(0, 100_000), max_size=12)


@given(chats(), GAPS, PLACES)
def test_a_chat_completion_comes_back_whole(chat: tuple[dict[str, Any], list[dict[str, Any]]], gap: str, places: set[int]) -> None:
    """Texts, reasoning, parallel tool calls in mixed fragments, token counts: the body is the one that was cut up."""
    whole, chunks = chat
    done = assembled(protocol_of("POST", "/v1/chat/completions").assembler(), as_bytes(chunks, gap) + b"data: [DONE]\n\n", places)  # type: ignore[union-attr]
    assert done.body() == whole
    assert done.complete
    assert done.over
    assert done.has_usage


@given(messages(), GAPS, PLACES)
def test_a_message_comes_back_whole(message: tuple[dict[str, Any], list[dict[str, Any]]], gap: str, places: set[int]) -> None:
    """Blocks of text, thinking and tool use, in order, with the final counts."""
    whole, events = message
    done = assembled(protocol_of("POST", "/v1/messages").assembler(), as_bytes(events, gap), places)  # type: ignore[union-attr]
    assert done.body() == whole
    assert done.complete


@given(chats(), st.integers(0, 10))
def test_a_stream_that_misses_its_end_is_not_complete(chat: tuple[dict[str, Any], list[dict[str, Any]]], kept: int) -> None:
    """Whatever part of it has come before the last choice."""
    _, chunks = chat
    part = chunks[: min(kept, len(chunks) - 2)]
    done = assembled(protocol_of("POST", "/v1/chat/completions").assembler(), as_bytes(part, "\n\n"), set())  # type: ignore[union-attr]
    assert not done.complete


@given(st.dictionaries(SOME_TEXT.filter(lambda name: name not in ("stream", "stream_options")), TEXT, max_size=4), st.booleans())
def test_a_request_asked_as_a_stream_says_the_same_otherwise(body: dict[str, Any], says_no: bool) -> None:
    """Every field stays; `stream` becomes true, whether the request was silent about it or said false; one that streams is left alone."""
    for protocol in PROTOCOLS:
        asked = {"model": "m", **body, **({"stream": False} if says_no else {})}
        changed = protocol.as_stream(json.dumps(asked).encode())
        assert changed is not None
        read = json.loads(changed)
        assert read.pop("stream") is True
        read.pop("stream_options", None)
        assert read == {"model": "m", **body}
        assert protocol.as_stream(json.dumps({**asked, "stream": True}).encode()) is None
