"""A loopback server that plays one of the programs behind OpenAI's protocol, as far as a run asks it, and keeps what it was asked."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any


@dataclass
class Played:
    """A program: `pages` it answers besides /v1/models, `headers` on everything, models in its list (`owner` owns them), and models whose
    backend is dead. `health_asks_models`: GET /health is a completion of every model, as on LiteLLM's proxy.
    """

    models: tuple[str, ...] = ("m",)
    owner: str = "somebody"
    pages: Mapping[str, str] = field(default_factory=dict)
    headers: Mapping[str, str] = field(default_factory=dict)
    dead: frozenset[str] = frozenset()
    health_asks_models: bool = False
    wants_key: bool = False
    streams_no_calls: bool = False
    """As a server does whose parser of streams does not know the model's tool calls."""
    url: str = ""
    asked: list[str] = field(default_factory=list)
    """Paths of pages."""
    completed: list[str] = field(default_factory=list)
    """Models that were asked for a completion."""

    @property
    def endpoint(self) -> str:
        """host:port."""
        return self.url.removeprefix("http://")


def litellm_proxy(*models: str, **how: Any) -> Played:
    """LiteLLM's proxy: its health page is paid, its liveliness page is free."""
    pages = {"/health/liveliness": '"I\'m alive!"'}
    return Played(models, owner="openai", pages=pages, health_asks_models=True, **how)


@contextmanager
def playing(played: Played) -> Iterator[Played]:
    """It answers inside the block."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(played))
    played.url = f"http://127.0.0.1:{server.server_port}"
    thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield played
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def _handler(played: Played) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            played.asked.append(self.path)
            if self.path == "/health" and played.health_asks_models:
                played.completed.extend(played.models)
                self._answer(200, "{}")
            elif self.path == "/v1/models":
                self._models()
            else:
                page = played.pages.get(self.path)
                self._answer(404 if page is None else 200, page or "")

        def do_POST(self) -> None:
            asked = json.loads(self.rfile.read(int(self.headers["content-length"])))
            played.completed.append(asked["model"])
            if asked.get("stream") and played.streams_no_calls:
                self._answer(200, _without_calls(asked), "text/event-stream")
            elif asked["model"] in played.dead:
                self._answer(500, json.dumps({"error": {"message": "no backend", "type": "server_error"}}))
            else:
                self._answer(200, json.dumps(_completion(asked)))

        def _models(self) -> None:
            if played.wants_key and "authorization" not in self.headers:
                self._answer(500, "{}")
                return
            data = [{"id": name, "object": "model", "owned_by": played.owner} for name in played.models]
            self._answer(200, json.dumps({"object": "list", "data": data}))

        def _answer(self, status: int, body: str, content_type: str = "application/json") -> None:
            self.send_response_only(status)
            for name, value in {"Content-Type": content_type, "Content-Length": str(len(body.encode())), **played.headers}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(body.encode())

        def log_message(self, *words: object) -> None:
            return

    return Handler


def _without_calls(asked: dict[str, Any]) -> str:
    head = {"id": "c", "object": "chat.completion.chunk", "created": 1, "model": asked["model"]}
    text = "I am looking that up."
    usage = {"prompt_tokens": 9, "completion_tokens": 3, "total_tokens": 12}
    chunks = (
        {**head, "choices": [{"index": 0, "delta": {"role": "assistant", "content": text}, "finish_reason": None}]},
        {**head, "choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}]},
        {**head, "choices": [], "usage": usage},
    )
    return "".join(f"data: {json.dumps(chunk)}\n\n" for chunk in chunks) + "data: [DONE]\n\n"


def _completion(asked: dict[str, Any]) -> dict[str, Any]:
    """A call of the first tool with a city, else the end of the conversation."""
    tool = next((tool["function"]["name"] for tool in asked.get("tools") or ()), None)
    call = {"id": "call_1", "type": "function", "function": {"name": tool, "arguments": '{"city": "Paris"}'}}
    message = {"role": "assistant", "content": None, "tool_calls": [call]} if tool else {"role": "assistant", "content": "###STOP###"}
    choice = {"index": 0, "message": message, "finish_reason": "tool_calls" if tool else "stop"}
    usage = {"prompt_tokens": 9, "completion_tokens": 3, "total_tokens": 12}
    return {"id": "c", "object": "chat.completion", "created": 1, "model": asked["model"], "choices": [choice], "usage": usage}
