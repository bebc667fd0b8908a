"""Whatever a server does to a stream that its client has not asked for, the client gets the plain answer."""

from __future__ import annotations

import itertools
import json
from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tau2_logging.events.levels import PROFILE
from tau2_logging.instrument import Instrumentation
from tau2_logging.logger import EventLogger, simulation_scope
from tau2_logging.sinks import MemorySink
from tests.property.test_wire import ARGUMENTS, SOME_TEXT, USAGE, pieces
from tests.support.thorough import scaled

NAME = st.sampled_from(["get_order", "get_user", "pay"])
WORDS = SOME_TEXT.filter(lambda text: text.strip() and "<" not in text and "[" not in text)
Chunks = list[dict[str, Any]]
NOTHING = st.sampled_from([None, ""])
LABELS: Chunks = [{}, {"id": None}, {"id": ""}, {"id": None, "type": None, "name": None}, {"type": "function", "name": ""}]
DONE = b"data: [DONE]\n\n"
ENDS = [[DONE], [], [b": ping\n\n", DONE], [b"error: {}\n\n"], [b"data: {oops\n\n"]]


@st.composite
def plain_bodies(draw: st.DrawFn) -> dict[str, Any]:
    """A chat completion: text, or tool calls with or without it, perhaps with reasoning."""
    calls = [
        {"id": f"call_{n}", "type": "function", "function": {"name": draw(NAME), "arguments": draw(ARGUMENTS)}}
        for n in range(draw(st.integers(0, 3)))
    ]
    message: dict[str, Any] = {"role": "assistant", "content": draw(st.one_of(st.none(), WORDS)) if calls else draw(WORDS)}
    if draw(st.booleans()):
        message["reasoning_content"] = draw(SOME_TEXT)
    if calls:
        message["tool_calls"] = calls
    choice = {"index": 0, "message": message, "finish_reason": "tool_calls" if calls else "stop"}
    return {"id": "c", "object": "chat.completion", "created": 7, "model": "m", "choices": [choice], "usage": draw(USAGE)}


@st.composite
def streams(draw: st.DrawFn, plain: dict[str, Any]) -> list[bytes]:
    """The body cut up as some server does it, with its own ideas of indexes, ids, labels, ends and errors."""
    message, choice = plain["choices"][0]["message"], plain["choices"][0]
    deltas: Chunks = [{"role": "assistant", "content": draw(st.sampled_from(["", None]))}]
    for field in ("reasoning_content", "content"):
        deltas += [{field: piece} for piece in draw(pieces(message[field]))] if message.get(field) else []
    deltas += draw(call_deltas(message.get("tool_calls") or []))
    if draw(st.booleans()):
        deltas = [{"role": "assistant", **delta} for delta in deltas]
    events = [{**_frame(plain), "choices": [{"index": 0, "delta": delta, "finish_reason": draw(NOTHING)}]} for delta in deltas]
    return draw(endings(events, plain, choice["finish_reason"]))


@st.composite
def call_deltas(draw: st.DrawFn, calls: Chunks) -> Chunks:
    """The pieces of tool calls, one call after another, labeled in one of the ways that servers have."""
    index_of = draw(st.sampled_from([lambda n: {"index": n}, lambda n: {}, lambda n: {"index": None}, lambda n: {"index": 0}]))
    label = draw(
        st.sampled_from([{}, {"id": None}, {"id": ""}, {"id": None, "type": None, "name": None}, {"type": "function", "name": ""}])
    )
    repeats_id, whole = draw(st.booleans()), draw(st.booleans())
    found: Chunks = []
    for number, call in enumerate(calls):
        name, arguments = call["function"]["name"], call["function"]["arguments"]
        cut = [arguments] if whole else ["", *draw(pieces(arguments))]
        found.append({**index_of(number), "id": call["id"], "type": "function", "function": {"name": name, "arguments": cut[0]}})
        for piece in cut[1:]:
            more = {field: value for field, value in label.items() if field != "name"} | ({"id": call["id"]} if repeats_id else {})
            function = {"arguments": piece, **({"name": label["name"]} if "name" in label else {})}
            found.append({**index_of(number), **more, "function": function})
    return [{"tool_calls": [delta]} for delta in found]


@st.composite
def endings(draw: st.DrawFn, events: Chunks, plain: dict[str, Any], reason: str) -> list[bytes]:
    """The events as bytes, with what comes last, or does not."""
    frame = _frame(plain)
    if draw(st.integers(0, 4)):
        events.append({**frame, "choices": [{"index": 0, "delta": {}, "finish_reason": reason}]})
    if draw(st.integers(0, 4)):
        events.append({**frame, "choices": [], "usage": plain["usage"]})
    if draw(st.booleans()):
        nothing = dict.fromkeys(plain["usage"], 0)
        events.append({"id": "", "model": "", "created": 0, "usage": nothing, "choices": [{"index": 0, "finish_reason": None}]})
    lines = [b"data: " + json.dumps(event).encode() + b"\n\n" for event in events]
    lines += draw(
        st.sampled_from([[b"data: [DONE]\n\n"], [], [b": ping\n\n", b"data: [DONE]\n\n"], [b"error: {}\n\n"], [b"data: {oops\n\n"]])
    )
    return lines[: draw(st.integers(0, len(lines)))] if not draw(st.integers(0, 5)) else lines


def _frame(plain: dict[str, Any]) -> dict[str, Any]:
    return {"id": plain["id"], "object": "chat.completion.chunk", "created": plain["created"], "model": plain["model"]}


NUMBERS = itertools.count()


@pytest.fixture(scope="module", autouse=True)
def streaming_everywhere() -> Iterator[None]:
    """Every call is made as a stream."""
    with Instrumentation(ttft="on"):
        yield


class Cut(httpx.SyncByteStream):
    """A body whose connection breaks after its last piece, if `breaks`."""

    def __init__(self, parts: list[bytes], breaks: bool) -> None:
        self._parts = parts
        self._breaks = breaks

    def __iter__(self) -> Iterator[bytes]:
        yield from self._parts
        if self._breaks:
            raise httpx.RemoteProtocolError("peer closed connection without sending complete message body")


def asked(plain: dict[str, Any], parts: list[bytes], breaks: bool, content_type: str) -> tuple[dict[str, Any], list[bool]]:
    """(what a client gets that asks for a whole answer, which of the requests asked for a stream)."""
    streamed: list[bool] = []

    def answer(request: httpx.Request) -> httpx.Response:
        streamed.append(bool(json.loads(request.content).get("stream")))
        if not streamed[-1]:
            return httpx.Response(200, json=plain)
        return httpx.Response(200, stream=Cut(parts, breaks), headers={"content-type": content_type})

    client = httpx.Client(transport=httpx.MockTransport(answer))
    host = f"server-{next(NUMBERS)}"  # a new one: what is found out about a server is remembered
    with client, simulation_scope(EventLogger("r", [MemorySink(PROFILE)]), "mock", "t", 0):
        response = client.post(f"http://{host}/v1/chat/completions", json={"model": "m", "messages": []})
    return response.json(), streamed


@settings(max_examples=scaled(60, 3000), deadline=None)
@given(st.data(), plain_bodies(), st.booleans(), st.sampled_from(["text/event-stream", "text/plain", ""]))
def test_a_client_gets_the_plain_answer_however_it_is_streamed(data: Any, plain: dict[str, Any], breaks: bool, content_type: str) -> None:
    """Tool calls with indexes missing, null or all 0, labels repeated or emptied, ends and counts that do not come, halves of events: the
    stream comes to the plain answer, or that has been asked for."""
    parts = data.draw(streams(plain))
    seen, streamed = asked(plain, parts, breaks, content_type)
    assert seen == plain
    assert streamed in ([True], [True, False])


@settings(max_examples=scaled(30, 1000), deadline=None)
@given(st.data(), plain_bodies())
def test_a_stream_in_order_is_not_asked_for_twice(data: Any, plain: dict[str, Any]) -> None:
    """The net costs nothing where it is not needed."""
    message = plain["choices"][0]["message"]
    deltas: Chunks = [
        {"role": "assistant", "content": None},
        *({name: message[name]} for name in ("reasoning_content", "content") if message.get(name)),
    ]
    deltas += data.draw(call_deltas(message.get("tool_calls") or []))
    events: Chunks = [{**_frame(plain), "choices": [{"index": 0, "delta": delta, "finish_reason": None}]} for delta in deltas]
    events[-1]["choices"][0]["finish_reason"] = plain["choices"][0]["finish_reason"]
    events.append({**_frame(plain), "choices": [], "usage": plain["usage"]})
    lines = [b"data: " + json.dumps(event).encode() + b"\n\n" for event in events]
    seen, streamed = asked(plain, [*lines, DONE], False, "text/event-stream")
    assert seen == plain
    assert streamed == [True]
