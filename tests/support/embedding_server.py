"""A server on loopback that embeds texts by their letters, and finds every document relevant that it is asked about."""

from __future__ import annotations

import json
import string
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

SCORE = {"choices": [{"index": 0, "finish_reason": "stop", "message": {"role": "assistant", "content": '{"relevance_score": 9}'}}],
         "id": "x", "object": "chat.completion", "created": 0, "model": "gpt-5.2",
         "usage": {"prompt_tokens": 100, "completion_tokens": 5, "total_tokens": 105}}  # fmt: skip


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 128
    embedded: list[int]
    """Tokens of each request for embeddings: a word is one."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: _Server

    def do_POST(self) -> None:
        asked = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        answer = json.dumps(self._embedded(asked) if self.path.endswith("/embeddings") else SCORE).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(answer)))
        self.end_headers()
        self.wfile.write(answer)

    def _embedded(self, asked: dict[str, Any]) -> dict[str, Any]:
        texts = asked["input"]
        tokens = sum(len(text.split()) for text in texts)
        self.server.embedded.append(tokens)
        data = [{"object": "embedding", "index": n, "embedding": _letters(text)} for n, text in enumerate(texts)]
        return {"object": "list", "data": data, "model": asked["model"], "usage": {"prompt_tokens": tokens, "total_tokens": tokens}}

    def log_message(self, format: str, *args: Any) -> None:
        pass


def _letters(text: str) -> list[float]:
    return [float(text.lower().count(letter)) for letter in string.ascii_lowercase]


@contextmanager
def embedding_server() -> Iterator[tuple[str, list[int]]]:
    """Its base URL, and the tokens of each request for embeddings so far."""
    server = _Server(("127.0.0.1", 0), _Handler)
    server.embedded = []
    thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/v1", server.embedded
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
