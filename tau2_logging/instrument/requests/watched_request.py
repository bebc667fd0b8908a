"""One HTTP request of a model call, read from its bytes: what it asks for, when tokens arrive, whether the answer is complete."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from tau2_logging.instrument.model_calls.failure import HttpFailure
from tau2_logging.instrument.model_calls.model_call import ModelCall, WireAnswer
from tau2_logging.instrument.model_calls.no_answer import failure_in, said_in
from tau2_logging.instrument.model_calls.reply import read_reply
from tau2_logging.instrument.requests.streaming import Streaming
from tau2_logging.instrument.wire import Protocol
from tau2_logging.instrument.wire.protocol import read_json
from tau2_logging.instrument.wire.sse import EventStream

Trace = Callable[[ModelCall, Any], None]
"""Names a call's span in the headers of its request."""

_EVENTS = (b"data:", b"event:", b":")
_BODY_HEADERS = ("content-type", "content-length", "content-encoding", "transfer-encoding")


class WatchedRequest:
    """A request and its answer.

    `direct`: no layer above has started a ModelCall, so that its event is made here. `by_chunks`: the caller reads the answer as it
    arrives. `stream_body` is the body of the request changed to ask for a stream, None if the request is sent as it is.
    """

    def __init__(
        self, call: ModelCall, request: Any, protocol: Protocol, streaming: Streaming, trace: Trace, direct: bool, by_chunks: bool
    ) -> None:
        self.call = call
        self.request = request
        self.protocol = protocol
        self.streaming = streaming
        self.direct = direct
        self.by_chunks = by_chunks
        self.key = (endpoint_of(request.url), request.url.path, call.model)
        streamed = not by_chunks and streaming.wants_stream(self.key, request.url.host)
        self.stream_body = protocol.as_stream(request.content) if streamed else None
        self._trace = trace
        self._is_cut = False
        self._whole: Any = None
        call.endpoint = self.key[0]
        call.protocol = protocol.name
        self._begin()

    def _begin(self) -> None:
        self.assembler = self.protocol.assembler()
        self._events = EventStream()
        self._trace(self.call, self.request)
        self.call.read_wire = self.read_wire
        self.call.sent_ns = self.call.simulation.logger.clock.now_ns()

    @property
    def host_is_trusted(self) -> bool:
        """Whether this server's streams are known to give the same answers as its plain responses."""
        return self.streaming.trusts(self.key, self.request.url.host)

    @property
    def limit_s(self) -> float | None:
        """How long the caller waits for a plain answer, in seconds; None if it sets no limit."""
        return (self.request.extensions.get("timeout") or {}).get("read")

    def waited_s(self) -> float:
        """Return the seconds since the request was sent."""
        return (self.call.simulation.logger.clock.now_ns() - (self.call.sent_ns or 0)) / 1e9

    def headers_received(self, headers: Mapping[str, str]) -> None:
        """Note that the server answers. vLLM sends its first event with the first token; others send it before the model has started."""
        self.streaming.note_headers(self.key[0], headers)
        self.call.first_event_is_token = self.call.call_type == "vllm" and not self.host_is_trusted

    def receive(self, chunk: bytes) -> None:
        """Read some bytes of the answer. Raises ProviderError for an error in the stream."""
        self._receive(self._events.feed(chunk))

    def receive_end(self) -> None:
        """Note that no more bytes will come."""
        self._receive(self._events.close())

    def _receive(self, events: Iterable[bytes]) -> None:
        for data in events:
            begun, brings_tokens = self.assembler.begun, self.assembler.feed(data)
            if brings_tokens or (self.call.first_event_is_token and self.assembler.begun and (not begun or self.assembler.complete)):
                self.call.first_token()
            if self.assembler.over:
                return

    def failed(self, error: BaseException) -> None:
        """Note that the request failed."""
        self.call.fail(error) if self.direct else self.call.request_failed(error)

    def refused(self, status: int, text: str) -> None:
        """Note an answer with a status of 400 or more."""
        self.failed(HttpFailure(status, said_in(read_json(text), text)))

    def body_received(self, content: bytes) -> None:
        """Read a whole answer with a status below 400. It may be a stream, even if the caller did not ask for one."""
        if content.lstrip().startswith(_EVENTS):
            self.receive(content)
            self.receive_end()
            self.finish(self.assembler.body())
            return
        if (summary := self.protocol.summary(content)) is not None:
            self.finish(summary)
            return
        failure = failure_in(content)
        if failure is None:
            self.finish(read_json(content))
        else:
            self.failed(failure)

    def finish(self, body: Any) -> None:
        """Note the whole answer."""
        self._whole = body if isinstance(body, dict) else {}
        if self.direct:
            self.call.finish(self._whole)

    def discard_answer(self, problem: str, message: str, body: Any) -> None:
        """Note that the stream's answer is not used and that the request is made again: an attempt of its own, with what it cost."""
        self.call.discard_answer(problem, message, body)
        self._begin()

    def stream_was_cut(self) -> None:
        """Note that a stream ended without a finish reason."""
        self._is_cut = True

    def read_wire(self) -> WireAnswer:
        """Return what the bytes have said so far."""
        body = self._whole if self._whole is not None else self.assembler.body()
        return WireAnswer(read_reply(body) if body is not None else None, cut=self._is_cut)


def endpoint_of(url: Any) -> str:
    """Return host:port."""
    return f"{url.host}:{url.port or (443 if url.scheme == 'https' else 80)}"


def model_in(content: bytes) -> str | None:
    """Return the model a request asks for: the field of the body itself, whatever its messages and tools hold under that name."""
    body = read_json(content)
    model = body.get("model") if isinstance(body, dict) else None
    return str(model) if model else None


def plain_headers(headers: Any) -> list[tuple[str, str]]:
    """Return the headers of a stream as those of the answer it was put together to."""
    kept = [(name, value) for name, value in headers.multi_items() if name.lower() not in _BODY_HEADERS]
    return [*kept, ("content-type", "application/json")]


def encoded(body: Any) -> bytes:
    """Return a body as bytes. Escaped, so that the two halves of a character that a server sent apart become one again, and a half alone
    stays."""
    return json.dumps(body).encode()
