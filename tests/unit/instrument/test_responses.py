"""OpenAI's responses: an agent that uses them gets the answer it asked for, and its calls are events."""

from __future__ import annotations

import json
from typing import Any

import httpx
import pytest

from tau2_logging.events.levels import PROFILE
from tau2_logging.instrument import Instrumentation
from tau2_logging.logger import EventLogger, simulation_scope
from tau2_logging.sinks import MemorySink

openai = pytest.importorskip("openai")

CALL = {"type": "function_call", "id": "fc_1", "call_id": "call_1", "name": "get_order", "arguments": '{"id": 1}', "status": "completed"}
ANSWER: dict[str, Any] = {
    "id": "resp_1", "object": "response", "created_at": 7, "model": "gpt-5", "status": "completed", "output": [CALL],
    "parallel_tool_calls": True, "tool_choice": "auto", "tools": [], "error": None, "incomplete_details": None, "instructions": None,
    "metadata": {}, "temperature": 1.0, "top_p": 1.0,
    "usage": {
        "input_tokens": 50, "output_tokens": 20, "total_tokens": 70, "input_tokens_details": {"cached_tokens": 16},
        "output_tokens_details": {"reasoning_tokens": 4},
    },
}  # fmt: skip
EVENTS = [
    {"type": "response.created", "response": {**ANSWER, "status": "in_progress", "output": [], "usage": None}},
    {"type": "response.function_call_arguments.delta", "delta": '{"id"', "item_id": "fc_1", "output_index": 0},
    {"type": "response.function_call_arguments.delta", "delta": ": 1}", "item_id": "fc_1", "output_index": 0},
    {"type": "response.completed", "response": ANSWER},
]


def client(events: list[dict[str, Any]]) -> Any:
    """The SDK, with a server in its transport that streams where it is asked to."""

    def answer(request: httpx.Request) -> httpx.Response:
        if not json.loads(request.content).get("stream"):
            return httpx.Response(200, json=ANSWER)
        lines = "".join(f"event: {event['type']}\ndata: {json.dumps(event)}\n\n" for event in events)
        return httpx.Response(200, text=lines, headers={"content-type": "text/event-stream"})

    return openai.OpenAI(api_key="sk-x", max_retries=0, http_client=httpx.Client(transport=httpx.MockTransport(answer)))


def test_a_response_is_the_one_that_was_asked_for() -> None:
    """Field by field what it is without us; the event holds its counts, the kind of its output and a time to first token."""
    sink = MemorySink(PROFILE)
    with client(EVENTS) as asking:
        unwrapped = asking.responses.create(model="gpt-5", input="hello")
        with Instrumentation(), simulation_scope(EventLogger("r", [sink]), "mock", "t", 0):
            seen = asking.responses.create(model="gpt-5", input="hello")
    assert seen.to_dict() == unwrapped.to_dict() == ANSWER
    (event,) = sink.of("llm_call")
    expected = {
        "model": "gpt-5", "call_type": "openai", "endpoint": "api.openai.com:443", "has_tool_calls": True, "input_tokens": 50,
        "output_tokens": 20, "cached_tokens": 16, "reasoning_tokens": 4, "finish_reason": "completed", "error": False,
    }  # fmt: skip
    assert {name: event.get(name) for name in expected} == expected
    assert event.get("ttft_ms") is not None


def test_a_response_that_breaks_off_is_asked_for_again_without_a_stream() -> None:
    """Without its last event there is no answer; the caller gets the plain one, and both requests are told."""
    sink = MemorySink(PROFILE)
    with client(EVENTS[:-1]) as cut, Instrumentation(), simulation_scope(EventLogger("r", [sink]), "mock", "t", 0):
        seen = cut.responses.create(model="gpt-5", input="hello")
    assert seen.to_dict() == ANSWER
    events = sink.of("llm_call")
    assert [(event.get("attempt"), event.get("error_type")) for event in events] == [(1, "StreamCut"), (2, None)]
