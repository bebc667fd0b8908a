"""Timings in a server's answer, as llama.cpp sends them, become the call's server_call event; the client gets the answer as it is."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from tau2_logging.events.levels import PROFILE
from tau2_logging.instrument import Instrumentation
from tau2_logging.logger import EventLogger, simulation_scope
from tau2_logging.sinks import MemorySink
from tests.support.litellm_clients import LEFT_OPEN

litellm = pytest.importorskip("litellm", reason="litellm is not installed")
openai = pytest.importorskip("openai")
pytestmark = LEFT_OPEN

MESSAGES = [{"role": "user", "content": "hello"}]
TIMINGS = {"cache_n": 5, "prompt_n": 7, "prompt_ms": 30.958, "predicted_n": 2, "predicted_ms": 661.064, "predicted_per_second": 3.0}
HEAD = {"id": "x", "created": 1, "model": "m", "usage": {"prompt_tokens": 12, "completion_tokens": 2, "total_tokens": 14}}


def whole(timings: dict[str, Any] | None) -> bytes:
    message = {"role": "assistant", "content": "Hello there"}
    body = {**HEAD, "object": "chat.completion", "choices": [{"index": 0, "message": message, "finish_reason": "stop"}]}
    return json.dumps({**body, **({"timings": timings} if timings else {})}).encode()


def pieces(timings: dict[str, Any] | None) -> bytes:
    """llama.cpp's timings come with its last chunk, beside usage."""
    chunks: list[dict[str, Any]] = [
        {"choices": [{"index": 0, "delta": {"role": "assistant", "content": "Hello"}, "finish_reason": None}]},
        {"choices": [{"index": 0, "delta": {"content": " there"}, "finish_reason": None}]},
        {"choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}]},
        {"choices": [], "usage": HEAD["usage"], **({"timings": timings} if timings else {})},
    ]
    common = {"id": "x", "created": 1, "model": "m", "object": "chat.completion.chunk"}
    return b"".join(b"data: " + json.dumps({**common, **chunk}).encode() + b"\n\n" for chunk in chunks) + b"data: [DONE]\n\n"


@contextmanager
def server(timings: dict[str, Any] | None) -> Iterator[str]:
    """Where one like llama.cpp's listens."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            streamed = json.loads(self.rfile.read(int(self.headers["Content-Length"]))).get("stream")
            body = pieces(timings) if streamed else whole(timings)
            self.send_response(200)
            self.send_header("Content-Type", "text/event-stream" if streamed else "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *details: object) -> None:
            """Say nothing."""

    listening = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=listening.serve_forever, args=(0.05,))
    thread.start()
    try:
        yield f"http://127.0.0.1:{listening.server_port}/v1"
    finally:
        listening.shutdown()
        thread.join()
        listening.server_close()


def with_openai(url: str) -> Any:
    with openai.OpenAI(base_url=url, api_key="sk-x") as client:
        return client.chat.completions.create(model="m", messages=MESSAGES).model_dump()


def with_openai_stream(url: str) -> Any:
    with openai.OpenAI(base_url=url, api_key="sk-x") as client:
        stream = client.chat.completions.create(model="m", messages=MESSAGES, stream=True, stream_options={"include_usage": True})
        return [chunk.model_dump() for chunk in stream]


def with_litellm(url: str) -> Any:
    return litellm.completion(model="openai/m", messages=MESSAGES, api_base=url, api_key="sk-x").choices[0].message.model_dump()


def with_hosted_vllm(url: str) -> Any:
    return litellm.completion(model="hosted_vllm/m", messages=MESSAGES, api_base=url, api_key="sk-x").choices[0].message.model_dump()


WAYS: list[Callable[[str], Any]] = [with_openai, with_openai_stream, with_litellm, with_hosted_vllm]


@contextmanager
def profiled() -> Iterator[MemorySink]:
    sink = MemorySink(PROFILE)
    with Instrumentation(), simulation_scope(EventLogger("r", [sink]), "mock", "t", 0):
        yield sink


@pytest.mark.parametrize("way", WAYS)
def test_timings_in_the_answer_are_the_calls_own(way: Callable[[str], Any]) -> None:
    """One event for the call, with its span and parent; what llama.cpp does not say is absent; and the client gets its answer."""
    with server(TIMINGS) as url:
        answers = []
        for scope in (profiled(), nullcontext()):
            with scope as sink:
                answers.append(way(url))
                if sink is not None:
                    (call,), (told,) = sink.of("llm_call"), sink.of("server_call")
    assert answers[0] == answers[1]
    assert all(told.get(name) == call.get(name) is not None for name in ("span", "parent", "model", "endpoint", "run", "domain"))
    names = ("server_source", "server_prefill_ms", "server_decode_ms", "input_tokens", "output_tokens", "cached_tokens")
    assert [told.get(name) for name in names] == ["reply", 30.958, 661.064, 12, 2, 5]
    assert all(told.get(f"server_{name}_ms") is None for name in ("queue", "ttft", "e2e"))


@pytest.mark.parametrize("way", WAYS)
def test_an_answer_without_timings_tells_nothing(way: Callable[[str], Any]) -> None:
    """No event, not one with zeros."""
    with server(None) as url, profiled() as sink:
        way(url)
    assert len(sink.of("llm_call")) == 1
    assert sink.of("server_call") == []
