"""Spans as a model server sends them, written by the simulated server's own encoder, and a free port for whoever receives them."""

from __future__ import annotations

import socket
import urllib.error
import urllib.request
from collections.abc import Mapping

from tau2_logging.models.simulated_server import Exchange
from tau2_logging.models.simulated_server.spans import request_of, span_of


def request(*parents: str, queue_ms: float = 4.0, ttft_ms: float = 10.0, decode_ms: float = 20.0) -> bytes:
    """A request with a span for each traceparent header; an empty one is a client that sent none."""
    spans = [span_of(exchange(parent, queue_ms, ttft_ms, decode_ms)) for parent in parents]
    return request_of(span for span in spans if span is not None)


def exchange(parent: str, queue_ms: float, ttft_ms: float, decode_ms: float) -> Exchange:
    """A request that the server has answered, 40 ms after it came."""
    found = Exchange(0, "/v1/chat/completions", "openai", 1.0, {"traceparent": parent} if parent else {}, "sim")
    found.ended, found.ended_s, found.queue_ms = "finished", 1.04, queue_ms
    found.ttft_sent_ms, found.decode_sent_ms, found.prompt_tokens, found.completion_tokens = ttft_ms, decode_ms, 100, 7
    return found


def post(url: str, body: bytes, headers: Mapping[str, str] | None = None) -> int:
    """The status of a request."""
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with opener.open(urllib.request.Request(url, body, dict(headers or {}))) as response:
            return int(response.status)
    except urllib.error.HTTPError as error:
        with error:
            return error.code


def free_port() -> int:
    """A port of loopback that nobody has, a moment ago."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        return int(taken.getsockname()[1])
