"""The server without its sockets: what each request gets, when, and what is written down about it."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Protocol

from tau2_logging.models.simulated_server.batch import Batch
from tau2_logging.models.simulated_server.behavior import default_reply
from tau2_logging.models.simulated_server.journal import Exchange, Journal
from tau2_logging.models.simulated_server.metrics import Metrics
from tau2_logging.models.simulated_server.protocols import anthropic_messages, openai_chat
from tau2_logging.models.simulated_server.protocols.completion import Piece, Reply, ToolUse, spoil
from tau2_logging.models.simulated_server.protocols.prepared_answer import PreparedAnswer, Timetable, answer_to
from tau2_logging.models.simulated_server.protocols.prompt import BLOCK_TOKENS, CACHE_BLOCKS, BadRequest, PrefixCache, Prompt
from tau2_logging.models.simulated_server.settings import ServerSettings
from tau2_logging.models.simulated_server.spans import SpanExporter


class WireProtocol(Protocol):
    """A protocol: how a request is read and a response written. Each of PROTOCOLS is a module of this shape."""

    NAME: str
    PATH: str

    def read(self, body: Any) -> Prompt:
        """Return a request body as a prompt. Raises BadRequest."""

    def key_of(self, headers: Mapping[str, str]) -> str:
        """Return the key that a client sent, empty if none."""

    def response_id(self, answer: PreparedAnswer) -> str:
        """Return the id of every body and chunk of an answer."""

    def body(self, answer: PreparedAnswer) -> dict[str, Any]:
        """Return the response to a request that is not a stream."""

    def head(self, answer: PreparedAnswer) -> bytes:
        """Return what a stream starts with, before any token."""

    def piece(self, answer: PreparedAnswer, one: Piece) -> bytes:
        """Return one token of a stream."""

    def tail(self, answer: PreparedAnswer) -> bytes:
        """Return the end of a stream: why it ended, what it counts."""

    def broken(self, answer: PreparedAnswer) -> bytes:
        """Return an error in the middle of a stream."""

    def error(self, name: str, **facts: Any) -> tuple[int, dict[str, Any]]:
        """Return (HTTP status, body) of an error response."""


PROTOCOLS: tuple[WireProtocol, ...] = (openai_chat, anthropic_messages)


@dataclass
class StartedRequest:
    """A request that has its place in the batch."""

    exchange: Exchange
    answer: PreparedAnswer
    times: Timetable


class RequestRefused(Exception):
    """The request is answered with an error at once: its name in the protocol's table, and what the text needs."""

    def __init__(self, name: str, **facts: Any) -> None:
        super().__init__(name)
        self.name = name
        self.facts = facts


class Engine:
    """One server's state. Everything but `script` and the journal's copy belongs to the server's own event loop."""

    def __init__(self, settings: ServerSettings, journal: Path | None = None) -> None:
        self.settings = settings
        self.journal = Journal(settings.journal_limit, journal)
        self.batch = Batch(settings.batch_size)
        self._script: deque[Reply] = deque()
        self._cache = PrefixCache()
        self._metrics = Metrics(settings.models[0], settings.metric_names)
        self._spans = SpanExporter(settings.traces_endpoint, settings.traces_every_s) if settings.traces_endpoint is not None else None
        self._started_s = time.monotonic()
        self._in_use = 0
        self.closing = False

    def script(self, *replies: Reply) -> None:
        """Say exactly these to the next requests."""
        self._script.extend(replies)

    @property
    def broken_off(self) -> str:
        """How a response ended that was not finished: the server stops, or else it was the client who left."""
        return "cut" if self.closing else "client_left"

    @property
    def ready(self) -> bool:
        """Whether the time of starting is over."""
        return time.monotonic() - self._started_s >= self.settings.startup_s

    def metrics(self) -> str:
        """Return the page at /metrics."""
        use = min(self._in_use / (CACHE_BLOCKS * BLOCK_TOKENS), 1.0)
        return self._metrics.text(self.batch.running, self.batch.waiting, use)

    def check(self, wire: WireProtocol, exchange: Exchange, key: str, body: Any) -> Prompt:
        """Return the request as a prompt; RequestRefused if a server would not look at it any further."""
        if not self.ready:
            raise RequestRefused("starting")
        if self.settings.api_key is not None and key != self.settings.api_key:
            raise RequestRefused("bad_key")
        try:
            prompt = wire.read(body)
        except BadRequest as wrong:
            raise RequestRefused("bad_request", reason=str(wrong)) from wrong
        exchange.model, exchange.stream = prompt.model, prompt.stream
        if prompt.model not in self.settings.models:
            raise RequestRefused("no_model", model=prompt.model)
        if prompt.stream and not self.settings.can_stream:
            raise RequestRefused("no_stream")
        return prompt

    def choose(self, prompt: Prompt, number: int) -> Reply:
        """Return what to say: the script's next reply, else the default one with the fault that was drawn, both already spoiled."""
        if self._script:
            reply = self._script.popleft()
            if reply.fault == "malformed_tool" and not reply.tools and prompt.tools:
                reply = replace(reply, tools=(ToolUse(str(prompt.tools[0]["name"])),))
        else:
            reply, fault = default_reply(prompt, self.settings), self.settings.draw_fault(number)
            applies = fault != "malformed_tool" or bool(reply.tools)
            reply = replace(reply, fault=fault if applies else None)
        limit = self.settings.max_context
        if reply.fault is None and limit is not None and prompt.tokens > limit:
            reply = replace(reply, fault="context_length")
        reply = spoil(reply, reply.fault)
        return reply.plain if reply.plain is not None and not prompt.stream else reply

    def begin(self, wire: WireProtocol, exchange: Exchange, prompt: Prompt, reply: Reply, asked_s: float) -> StartedRequest:
        """The request has got the place that it asked for at `asked_s`: its prefill starts now."""
        now = time.monotonic()
        cached = self._cache.look_up(prompt.written)
        answer = answer_to(prompt, reply, self.settings, cached, exchange.number, int(time.time()))
        times = Timetable.of(answer, self.settings, now)
        exchange.queue_ms = (now - asked_s) * 1000
        exchange.ttft_ms = (now - exchange.arrived_s + times.ttft_s) * 1000
        exchange.decode_ms = times.decode_s * 1000
        exchange.prompt_tokens, exchange.cached_tokens = answer.usage.prompt, answer.usage.cached
        exchange.completion_tokens = 0
        exchange.response_id = wire.response_id(answer)
        self._metrics.begin(answer.usage.prompt, answer.usage.cached)
        self._in_use += answer.usage.prompt
        return StartedRequest(exchange, answer, times)

    def finish(self, run: StartedRequest, pieces: int, ended: str) -> None:
        """The request is over after so many pieces: its place is free, its tokens count."""
        exchange, usage = run.exchange, run.answer.usage
        whole = pieces >= len(run.answer.pieces) and ended == "finished"
        exchange.completion_tokens = usage.completion if whole else min(pieces, usage.completion)
        exchange.reasoning_tokens = usage.reasoning if whole else None
        exchange.finish_reason = run.answer.finish if whole else None
        exchange.ended, exchange.ended_s = ended, time.monotonic()
        self._in_use -= usage.prompt
        self.batch.leave()
        self._metrics.end(exchange)
        if self._spans is not None:
            self._spans.put(exchange)

    def close(self) -> None:
        """Send the spans that are left, and close the journal."""
        if self._spans is not None:
            self._spans.close()
        self.journal.close()
