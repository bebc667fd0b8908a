"""A small OTLP/HTTP endpoint: model servers send it their spans (POST /v1/traces, protobuf, plain or gzip)."""

from __future__ import annotations

import socket
import threading
import zlib
from collections.abc import Callable
from contextlib import suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from tau2_logging.errors import UserError
from tau2_logging.sinks.otlp_sender import read_spans
from tau2_logging.sinks.server_spans import ServerSpan

PATH = "/v1/traces"
MOST_BYTES = 16 << 20
"""Of a request, also when it is unpacked. A span is about 1 kB, and an exporter sends 512 at a time."""
_MOST_CONNECTIONS = 64
_SILENT_S = 30.0
"""How long a connection may say nothing."""
_PROTOBUF = "application/x-protobuf"

Take = Callable[[list[ServerSpan]], None]


class RequestRejected(Exception):
    """A request that cannot be taken: HTTP status and why."""

    def __init__(self, status: int, reason: str) -> None:
        super().__init__(reason)
        self.status = status


class SpanReceiver:
    """Listens from its making to `close`; `take` is called with the spans of each request, from threads of its own.

    `port` 0 takes a free one, see `port`. Raises UserError if the address cannot be had.
    """

    def __init__(self, host: str, port: int, take: Take) -> None:
        try:
            self._server = _Server((host, port), take)
        except (OSError, OverflowError) as error:
            raise UserError(f"cannot receive spans at {host}:{port} ({error}); choose another address with --receive-traces") from error
        self.port = int(self._server.server_address[1])
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.1,), name="span receiver", daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Listen no more, and let go of every connection."""
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self, address: tuple[str, int], take: Take) -> None:
        self.take = take
        self.address_family = socket.AF_INET6 if ":" in address[0] else socket.AF_INET
        self._free = threading.BoundedSemaphore(_MOST_CONNECTIONS)
        self._connections: set[socket.socket] = set()
        super().__init__(address, _Handler)

    def process_request(self, request: Any, client_address: Any) -> None:
        if self._free.acquire(blocking=False):
            super().process_request(request, client_address)
        else:
            self.shutdown_request(request)

    def process_request_thread(self, request: Any, client_address: Any) -> None:
        self._connections.add(request)
        try:
            super().process_request_thread(request, client_address)
        finally:
            self._connections.discard(request)
            self._free.release()

    def server_close(self) -> None:
        """Close the listener, and break off the connections, whose threads then end."""
        for connection in self._connections.copy():
            with suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)
        super().server_close()

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that has gone is nobody's business."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    timeout = _SILENT_S
    server: _Server

    def do_POST(self) -> None:
        """Take the spans of one request."""
        try:
            spans = read_spans(self._body())
        except RequestRejected as refused:
            self._answer(refused.status, str(refused))
        except ValueError as error:
            self._answer(400, str(error))
        else:
            self.server.take(spans)
            self._answer(200)

    def _body(self) -> bytes:
        if self.path.split("?")[0] != PATH:
            raise RequestRejected(404, f"spans go to {PATH}")
        length = self.headers.get("Content-Length", "")
        if not (length.isascii() and length.isdigit()):
            raise RequestRejected(400, "no Content-Length")
        if int(length) > MOST_BYTES:
            raise RequestRejected(413, f"more than {MOST_BYTES} bytes")
        body = self.rfile.read(int(length))
        if len(body) < int(length):
            raise RequestRejected(400, "the request was cut")
        return _unpacked(body, self.headers.get("Content-Encoding", "identity").strip().lower())

    def _answer(self, status: int, reason: str = "") -> None:
        body = reason.encode()
        self.send_response(status)
        self.send_header("Content-Type", "text/plain; charset=utf-8" if reason else _PROTOBUF)
        self.send_header("Content-Length", str(len(body)))
        if reason:  # what is left of the request was not read
            self.send_header("Connection", "close")
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: Any) -> None:
        """Say nothing."""


def _unpacked(body: bytes, encoding: str) -> bytes:
    if encoding == "identity":
        return body
    if encoding != "gzip":
        raise RequestRejected(400, f"Content-Encoding {encoding!r} is not known; send gzip or none")
    unpacker = zlib.decompressobj(wbits=31)
    try:
        plain = unpacker.decompress(body, MOST_BYTES)
    except zlib.error as error:
        raise RequestRejected(400, f"not gzip: {error}") from error
    if unpacker.unconsumed_tail:
        raise RequestRejected(413, f"more than {MOST_BYTES} bytes when unpacked")
    if not unpacker.eof:
        raise RequestRejected(400, "gzip that ends too early")
    return plain
