"""Spans of the requests to an OpenTelemetry endpoint, as vLLM sends them with --otlp-traces-endpoint: `llm_request`, in batches.

The protobuf is written by hand: the server needs no package for it, and a receiver is checked by code that shares nothing with it.
"""

from __future__ import annotations

import queue
import re
import secrets
import struct
import sys
import threading
import time
import urllib.request
from collections.abc import Iterable, Iterator, Mapping

from tau2_logging.models.simulated_server.journal import Exchange
from tau2_logging.models.simulated_server.metrics import observed

_PARENT = re.compile(r"[0-9a-f]{2}-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})")
_SERVER_KIND = 2
_TIMEOUT_S = 5.0
_MOST_WAITING = 2048
_LATENCIES = {
    "request_queue_time_seconds": "gen_ai.latency.time_in_queue",
    "time_to_first_token_seconds": "gen_ai.latency.time_to_first_token",
    "request_prefill_time_seconds": "gen_ai.latency.time_in_model_prefill",
    "request_decode_time_seconds": "gen_ai.latency.time_in_model_decode",
    "e2e_request_latency_seconds": "gen_ai.latency.e2e",
}


class SpanExporter:
    """Sends what it is given every `every_s` seconds, and what is left on `close`. An endpoint that does not answer loses the batch."""

    def __init__(self, endpoint: str, every_s: float) -> None:
        self._endpoint = endpoint
        self._every_s = every_s
        self._waiting: queue.Queue[bytes] = queue.Queue(_MOST_WAITING)
        self._ending = threading.Event()
        self._opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        self._thread = threading.Thread(target=self._work, name="span exporter", daemon=True)
        self._thread.start()

    def put(self, exchange: Exchange) -> None:
        """A request is over. One that was broken off has no span, and neither has one whose client does not want to be traced."""
        span = span_of(exchange)
        if span is not None and not self._waiting.full():
            self._waiting.put_nowait(span)

    def close(self) -> None:
        """Send what is left."""
        self._ending.set()
        self._thread.join()

    def _work(self) -> None:
        while not self._ending.wait(self._every_s):
            self._send()
        self._send()

    def _send(self) -> None:
        spans = [self._waiting.get_nowait() for _ in range(self._waiting.qsize())]
        if not spans:
            return
        headers = {"Content-Type": "application/x-protobuf"}
        try:
            self._opener.open(urllib.request.Request(self._endpoint, request_of(spans), headers), timeout=_TIMEOUT_S).close()
        except OSError as error:
            print(f"{len(spans)} spans lost: {self._endpoint}: {error}", file=sys.stderr, flush=True)


def request_of(spans: Iterable[bytes]) -> bytes:
    """Return an ExportTraceServiceRequest."""
    scope = b"".join(_part(2, span) for span in spans)
    resource = _part(1, _attribute("service.name", "simulated"))
    return _part(1, _part(1, resource) + _part(2, scope))


def span_of(exchange: Exchange) -> bytes | None:
    """Return the span of a request that was answered, a child of its traceparent header."""
    found = _PARENT.fullmatch(exchange.headers.get("traceparent", ""))
    sampled = found is None or int(found[3], 16) & 1
    if exchange.ended != "finished" or exchange.ended_s is None or not sampled:
        return None
    end_ns = time.time_ns()
    parts = [
        _part(1, bytes.fromhex(found[1]) if found else secrets.token_bytes(16)),
        _part(2, secrets.token_bytes(8)),
        _part(4, bytes.fromhex(found[2])) if found else b"",
        _part(5, b"llm_request"),
        _number(6, _SERVER_KIND),
        _fixed(7, end_ns - round((exchange.ended_s - exchange.arrived_s) * 1e9)),
        _fixed(8, end_ns),
        *(_part(9, _attribute(name, value)) for name, value in _attributes(exchange).items()),
    ]
    return b"".join(parts)


def _attributes(exchange: Exchange) -> Mapping[str, str | int | float]:
    times = {name: value_ms / 1000 for name, value_ms, _ in observed(exchange)}
    return {
        "gen_ai.response.model": exchange.model,
        "gen_ai.request.id": exchange.response_id,
        **{name: times[histogram] for histogram, name in _LATENCIES.items() if histogram in times},
        "gen_ai.usage.prompt_tokens": exchange.prompt_tokens or 0,
        "gen_ai.usage.completion_tokens": exchange.completion_tokens or 0,
    }


# protobuf: a field is its number and kind, then a varint, eight bytes, or a length and so many bytes


def _attribute(name: str, value: str | int | float) -> bytes:
    if isinstance(value, str):
        any_value = _part(1, value.encode())
    elif isinstance(value, int):
        any_value = _number(3, value)
    else:
        any_value = _key(4, 1) + struct.pack("<d", value)
    return _part(1, name.encode()) + _part(2, any_value)


def _part(field: int, content: bytes) -> bytes:
    return _key(field, 2) + bytes(_varint(len(content))) + content


def _number(field: int, value: int) -> bytes:
    return _key(field, 0) + bytes(_varint(value))


def _fixed(field: int, value: int) -> bytes:
    return _key(field, 1) + struct.pack("<Q", value)


def _key(field: int, kind: int) -> bytes:
    return bytes(_varint(field << 3 | kind))


def _varint(value: int) -> Iterator[int]:
    while value > 0x7F:
        yield value & 0x7F | 0x80
        value >>= 7
    yield value
