"""The sockets: aiohttp's server, and the ways in which a response can go wrong on the wire."""

from __future__ import annotations

import asyncio
import json
import socket
import struct
import time
from typing import Any

from aiohttp import web

from tau2_logging.models.simulated_server.engine import PROTOCOLS, Engine, RequestRefused, StartedRequest, WireProtocol
from tau2_logging.models.simulated_server.journal import Exchange
from tau2_logging.models.simulated_server.protocols.completion import REFUSED_AT_ONCE, Reply
from tau2_logging.models.simulated_server.protocols.prompt import Prompt

SERVER = "tau2-logging-simulated"
"""What it calls itself, so that clients who know it need not take it for what it plays."""
_LARGEST_BODY = 64 * 1024 * 1024
_FOREVER_S = 24 * 3600.0
_BAD_GATEWAY = "<html><head><title>502 Bad Gateway</title></head><body><h1>502 Bad Gateway</h1></body></html>"
_CUT = ("stream_cut", "stream_end", "stream_error")


class Site:
    """The pages of a server, on an event loop that somebody else runs."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._runner: web.AppRunner | None = None

    async def open(self, host: str, port: int) -> int:
        """Listen; the port, which is a free one if `port` is 0. Raises OSError."""
        app = web.Application(client_max_size=_LARGEST_BODY)
        app.on_response_prepare.append(_name_itself)
        app.router.add_get("/health", self._health)
        app.router.add_get("/v1/models", self._models)
        app.router.add_get("/metrics", self._metrics)
        for wire in PROTOCOLS:
            app.router.add_post(wire.PATH, _Endpoint(self._engine, wire).answer)
        self._runner = web.AppRunner(app, access_log=None, handler_cancellation=True, shutdown_timeout=0.1)
        await self._runner.setup()
        listener = web.TCPSite(self._runner, host, port, backlog=1024)
        await listener.start()
        return int(self._runner.addresses[0][1])

    async def close(self) -> None:
        """Let go of every connection."""
        self._engine.closing = True
        if self._runner is not None:
            await self._runner.cleanup()

    async def _health(self, _: web.Request) -> web.Response:
        return web.Response(status=200 if self._engine.ready else 503)

    async def _models(self, _: web.Request) -> web.Response:
        if not self._engine.ready:
            return web.Response(status=503)
        limit = self._engine.settings.max_context
        models = [
            {"id": name, "object": "model", "created": 0, "owned_by": "simulated", "max_model_len": limit}
            for name in self._engine.settings.models
        ]
        return web.json_response({"object": "list", "data": models})

    async def _metrics(self, _: web.Request) -> web.Response:
        return web.Response(text=self._engine.metrics(), content_type="text/plain", charset="utf-8")


async def _name_itself(_: web.Request, response: web.StreamResponse) -> None:
    response.headers["Server"] = SERVER


class _Endpoint:
    """Where one protocol's requests are answered."""

    def __init__(self, engine: Engine, wire: WireProtocol) -> None:
        self._engine = engine
        self._wire = wire

    async def answer(self, request: web.Request) -> web.StreamResponse:
        """Answer a request, which arrives when all of it is there; its entry in the journal is closed whatever happens."""
        body = await request.read()
        exchange = self._engine.journal.open(request.path, self._wire.NAME, time.monotonic(), request.headers)
        try:
            return await _Call(self._engine, self._wire, request, exchange).answer(_parsed(body))
        finally:
            if not exchange.ended:
                exchange.ended, exchange.ended_s = self._engine.broken_off, time.monotonic()
            self._engine.journal.write(exchange)


class _Call:
    """One request being answered."""

    def __init__(self, engine: Engine, wire: WireProtocol, request: web.Request, exchange: Exchange) -> None:
        self._engine = engine
        self._wire = wire
        self._request = request
        self._exchange = exchange

    async def answer(self, body: Any) -> web.StreamResponse:
        self._exchange.request = body
        try:
            prompt = self._engine.check(self._wire, self._exchange, self._wire.key_of(self._request.headers), body)
        except RequestRefused as refused:
            return self._error(refused.name, **refused.facts)
        reply = self._engine.choose(prompt, self._exchange.number)
        self._exchange.fault = reply.fault
        if reply.fault == "hang":
            await asyncio.sleep(_FOREVER_S)
        if reply.fault == "reset":
            return self._reset()
        if reply.fault in REFUSED_AT_ONCE:
            return self._refusal(reply.fault, prompt)
        return await self._run(prompt, reply)

    def _refusal(self, fault: str, prompt: Prompt) -> web.Response:
        if fault == "bad_gateway":
            self._close(502, "finished")
            return web.Response(status=502, text=_BAD_GATEWAY, content_type="text/html")
        limit = self._engine.settings.max_context or max(prompt.tokens - 1, 0)
        retry_after = self._engine.settings.retry_after_s
        response = self._error(fault, model=prompt.model, tokens=prompt.tokens, limit=limit, retry_after=retry_after)
        if fault == "rate_limit":
            response.headers["retry-after"] = f"{retry_after:g}"
        return response

    def _error(self, name: str, **facts: Any) -> web.Response:
        status, body = self._wire.error(name, **facts)
        self._close(status, "finished")
        return web.json_response(body, status=status, headers=self._headers())

    def _reset(self) -> web.Response:
        """End the connection the hard way: the client is told that its peer has reset it."""
        self._close(None, "cut")
        transport = self._request.transport
        if transport is not None:
            transport.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            transport.abort()
        return web.Response()

    def _close(self, status: int | None, ended: str) -> None:
        self._exchange.status, self._exchange.ended, self._exchange.ended_s = status, ended, time.monotonic()

    def _headers(self) -> dict[str, str]:
        name = "request-id" if self._wire.NAME == "anthropic" else "x-request-id"
        return {name: f"req_{self._exchange.number:08d}"}

    async def _run(self, prompt: Prompt, reply: Reply) -> web.StreamResponse:
        asked_s = time.monotonic()
        await self._engine.batch.enter()
        run = self._engine.begin(self._wire, self._exchange, prompt, reply, asked_s)
        delivery = _Delivery(self._engine, self._wire, self._request, run, self._headers())
        try:
            return await (delivery.stream() if prompt.stream else delivery.whole())
        finally:
            if not self._exchange.ended:
                self._engine.finish(run, delivery.sent, self._engine.broken_off)


class _Delivery:
    """A response on its way out. `sent` counts the pieces that are gone."""

    def __init__(self, engine: Engine, wire: WireProtocol, request: web.Request, run: StartedRequest, headers: dict[str, str]) -> None:
        self._engine = engine
        self._wire = wire
        self._request = request
        self._run = run
        self._headers = headers
        self.sent = 0

    @property
    def _fault(self) -> str | None:
        return self._run.answer.reply.fault

    async def whole(self) -> web.StreamResponse:
        """Return the response to a request that is not a stream."""
        times, total = self._run.times, len(self._run.answer.pieces)
        await _until(times.due_s(0))
        self._first()
        await _until(times.due_s(max(total - 1, 0)))
        self.sent = total
        self._last()
        if self._fault == "stream_error":
            status, body = self._wire.error("server_error")
        else:
            status, body = 200, self._wire.body(self._run.answer)
        self._over(status, "cut" if self._fault in _CUT else "finished")
        response = web.json_response(body, status=status, headers=self._headers)
        if self._fault == "stream_cut":
            return await self._half(response)
        return response

    async def _half(self, response: web.Response) -> web.StreamResponse:
        """Return the head of a response with its full length, and half of it."""
        text = (response.text or "").encode()
        part = web.StreamResponse(headers={**self._headers, "content-type": "application/json", "content-length": str(len(text))})
        await part.prepare(self._request)
        await part.write(text[: len(text) // 2])
        self._abort()
        return part

    async def stream(self) -> web.StreamResponse:
        """Return server-sent events, each piece at its time."""
        response = web.StreamResponse(headers={**self._headers, "content-type": "text/event-stream", "cache-control": "no-cache"})
        answer = self._run.answer
        response.enable_chunked_encoding()
        await response.prepare(self._request)
        await response.write(self._wire.head(answer))
        self._run.exchange.status = 200
        events = [self._wire.piece(answer, one) for one in answer.pieces]
        await self._pieces(response, events[: max(len(events) // 2, 1)] if self._fault in _CUT else events)
        self._over(200, "cut" if self._fault in _CUT else "finished")
        if self._fault == "stream_cut":
            self._abort()
            return response
        await response.write_eof(self._wire.broken(answer) if self._fault == "stream_error" else self._wire.tail(answer))
        return response

    async def _pieces(self, response: web.StreamResponse, events: list[bytes]) -> None:
        """Pieces that are due together go out together: a server that was held up catches up."""
        times = self._run.times
        await _until(times.due_s(0))
        while self.sent < len(events):
            await _until(times.due_s(self.sent))
            due = self.sent + 1
            while due < len(events) and times.due_s(due) <= time.monotonic():
                due += 1
            await response.write(b"".join(events[self.sent : due]))
            if not self.sent:
                self._first()
            self.sent = due
        self._last()

    def _first(self) -> None:
        if self._run.answer.pieces:
            self._run.exchange.ttft_sent_ms = (time.monotonic() - self._run.exchange.arrived_s) * 1000

    def _last(self) -> None:
        exchange = self._run.exchange
        if exchange.ttft_sent_ms is not None:
            exchange.decode_sent_ms = (time.monotonic() - exchange.arrived_s) * 1000 - exchange.ttft_sent_ms

    def _over(self, status: int, ended: str) -> None:
        self._run.exchange.status = status
        self._engine.finish(self._run, self.sent, ended)

    def _abort(self) -> None:
        if self._request.transport is not None:
            self._request.transport.abort()


def _parsed(body: bytes) -> Any:
    """Return JSON, or None: no protocol takes that for a request."""
    try:
        return json.loads(body)
    except ValueError:
        return None


async def _until(due_s: float) -> None:
    left = due_s - time.monotonic()
    if left > 0:
        await asyncio.sleep(left)
