"""A backend that keeps an account of each request it gets, on standard error, and answers none: `python counting.py --port N`."""

from __future__ import annotations

import sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


class Counting(BaseHTTPRequestHandler):
    """503 for everything but /well, which is how it is found to be ready."""

    def do_GET(self) -> None:
        self._answer(200 if self.path == "/well" else 503)

    def do_POST(self) -> None:
        self._answer(503)

    def _answer(self, status: int) -> None:
        if status != 200:
            print(f"asked: {self.command} {self.path}", file=sys.stderr, flush=True)
        self.send_response(status)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, format: str, *args: object) -> None:
        """Say nothing else."""


if __name__ == "__main__":
    ThreadingHTTPServer(("127.0.0.1", int(sys.argv[sys.argv.index("--port") + 1])), Counting).serve_forever()
