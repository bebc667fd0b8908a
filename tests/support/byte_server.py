"""A model server on loopback that sends exactly the bytes it is given: one body for streams, another for whole answers."""

from __future__ import annotations

import gzip
import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

CLOSED, OPEN, CUT = "closed", "open", "cut"


@dataclass(frozen=True)
class Answers:
    """What a server says. `stream` are the bytes of a streamed answer with `content_type` and `encoding`; then it ends in order, is left
    open, or is cut off without HTTP's last chunk. `refusal` is (status, body) of an answer in place of a stream."""

    stream: bytes
    plain: dict[str, Any]
    plain_status: int = 200
    content_type: str = "text/event-stream"
    encoding: str | None = None
    end: str = CLOSED
    refusal: tuple[int, dict[str, Any]] | None = None


@dataclass
class ByteServer:
    """The running server; `asked` tells of each request whether it wanted a stream."""

    port: int
    asked: list[bool] = field(default_factory=list)
    bodies: list[dict[str, Any]] = field(default_factory=list)
    stopping: threading.Event = field(default_factory=threading.Event)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"


_USED: set[int] = set()


def _of_a_new_port(handler: type[BaseHTTPRequestHandler]) -> ThreadingHTTPServer:
    """A server at an address that no other has had: our layers remember of an address what its server cannot do."""
    while True:
        httpd = ThreadingHTTPServer(("127.0.0.1", 0), handler)
        httpd.daemon_threads = True
        if httpd.server_port not in _USED:
            _USED.add(httpd.server_port)
            return httpd
        httpd.server_close()


@contextmanager
def byte_server(answers: Answers | Callable[[dict[str, Any]], Answers]) -> Iterator[ByteServer]:
    """A server that says this to everybody, or what follows from the body of a request, until the end of the block."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True  # else the body waits 40 ms until the headers are acknowledged

        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["content-length"])))
            server.asked.append(bool(body.get("stream")))
            server.bodies.append(body)
            said = answers(body) if callable(answers) else answers
            if not body.get("stream"):
                self._whole(said.plain_status, said.plain)
            elif said.refusal is not None:
                self._whole(*said.refusal)
            else:
                self._stream(said)

        def do_GET(self) -> None:
            self._whole(404, {"error": "not here"})

        def _whole(self, status: int, body: dict[str, Any]) -> None:
            content = json.dumps(body).encode()
            self.send_response(status)
            self.send_header("content-type", "application/json")
            self.send_header("content-length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def _stream(self, said: Answers) -> None:
            content = gzip.compress(said.stream) if said.encoding == "gzip" else said.stream
            self.send_response(200)
            self.send_header("content-type", said.content_type)
            self.send_header("transfer-encoding", "chunked")
            if said.encoding is not None:
                self.send_header("content-encoding", said.encoding)
            self.end_headers()
            self.wfile.write(f"{len(content):x}\r\n".encode() + content + b"\r\n")
            self.wfile.flush()
            if said.end == OPEN:
                server.stopping.wait()
            if said.end == CLOSED:
                self.wfile.write(b"0\r\n\r\n")
            else:
                self.close_connection = True

        def log_message(self, *details: object) -> None:
            """Say nothing."""

    httpd = _of_a_new_port(Handler)
    server = ByteServer(httpd.server_port)
    thread = threading.Thread(target=httpd.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield server
    finally:
        server.stopping.set()
        httpd.shutdown()
        thread.join()
        httpd.server_close()
