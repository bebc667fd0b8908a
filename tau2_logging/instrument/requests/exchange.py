"""One HTTP request of a model call, watched from its bytes: what is asked, when tokens come, whether the answer is whole."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from tau2_logging.instrument.model_calls.failure import HttpFailure
from tau2_logging.instrument.model_calls.model_call import ModelCall, Seen
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


class Exchange:
    """A request and what comes back.

    `direct`: nobody above has opened a call, so that its event is made here. `by_pieces`: the caller reads the answer as it comes.
    `as_stream` is the request's body changed to ask for a stream, None where it goes as it is.
    """

    def __init__(
        self, call: ModelCall, request: Any, protocol: Protocol, streaming: Streaming, trace: Trace, direct: bool, by_pieces: bool
    ) -> None:
        self.call = call
        self.request = request
        self.protocol = protocol
        self.streaming = streaming
        self.direct = direct
        self.by_pieces = by_pieces
        self.key = (endpoint_of(request.url), request.url.path, call.model)
        self.as_stream = None if by_pieces or not streaming.asks(self.key, request.url.host) else protocol.as_stream(request.content)
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
        self.call.seen = self.seen
        self.call.sent_ns = self.call.simulation.logger.clock.now_ns()

    @property
    def known(self) -> bool:
        """Whether this server's streams are known to bring what its whole answers bring."""
        return self.streaming.known(self.key, self.request.url.host)

    @property
    def limit_s(self) -> float | None:
        """How long the caller waits for an answer that is no stream."""
        return (self.request.extensions.get("timeout") or {}).get("read")

    def waited_s(self) -> float:
        """Since the request was sent."""
        return (self.call.simulation.logger.clock.now_ns() - (self.call.sent_ns or 0)) / 1e9

    def met(self, headers: Mapping[str, str]) -> None:
        """The server has begun to answer. vLLM's first event comes with the first token; others send it before the model has begun."""
        self.streaming.met(self.key[0], headers)
        self.call.begins_with_role = self.call.call_type == "vllm" and not self.known

    def take(self, chunk: bytes) -> None:
        """Bytes of the answer have come. Raises ProviderError for an error in the stream."""
        self._take(self._events.feed(chunk))

    def end(self) -> None:
        """No more bytes will come."""
        self._take(self._events.close())

    def _take(self, events: Iterable[bytes]) -> None:
        for data in events:
            begun, brings_tokens = self.assembler.begun, self.assembler.feed(data)
            if brings_tokens or (self.call.begins_with_role and self.assembler.begun and (not begun or self.assembler.complete)):
                self.call.first_token()
            if self.assembler.over:
                return

    def failed(self, error: BaseException) -> None:
        """The request came to nothing."""
        self.call.fail(error) if self.direct else self.call.hold(error)

    def refused(self, status: int, text: str) -> None:
        """It was answered with a status of 400 or more."""
        self.failed(HttpFailure(status, said_in(read_json(text), text)))

    def came(self, content: bytes) -> None:
        """The bytes of an answer that is not read by pieces are there, with a status below 400. It may be a stream all the same."""
        if content.lstrip().startswith(_EVENTS):
            self.take(content)
            self.end()
            self.answered(self.assembler.body())
            return
        failure = failure_in(content)
        if failure is None:
            self.answered(read_json(content))
        else:
            self.failed(failure)

    def answered(self, body: Any) -> None:
        """The whole answer is there."""
        self._whole = body if isinstance(body, dict) else {}
        if self.direct:
            self.call.finish(self._whole)

    def discarded(self, problem: str, message: str, body: Any) -> None:
        """The stream's answer is not to be used, and the request is made once more: an attempt of its own, with what it has cost."""
        self.call.discard(problem, message, body)
        self._begin()

    def cut(self) -> None:
        """A stream has come to its end without having said why."""
        self._is_cut = True

    def seen(self) -> Seen:
        """What the bytes have said so far."""
        body = self._whole if self._whole is not None else self.assembler.body()
        return Seen(read_reply(body) if body is not None else None, cut=self._is_cut)


def endpoint_of(url: Any) -> str:
    """host:port."""
    return f"{url.host}:{url.port or (443 if url.scheme == 'https' else 80)}"


def model_in(content: bytes) -> str | None:
    """The model a request asks for: the field of the body itself, whatever its messages and tools hold under that name."""
    body = read_json(content)
    model = body.get("model") if isinstance(body, dict) else None
    return str(model) if model else None


def plain_headers(headers: Any) -> list[tuple[str, str]]:
    """The headers of a stream as those of the answer it was put together to."""
    kept = [(name, value) for name, value in headers.multi_items() if name.lower() not in _BODY_HEADERS]
    return [*kept, ("content-type", "application/json")]


def encoded(body: Any) -> bytes:
    """A body as bytes. Escaped, so that the two halves of a character that a server sent apart become one again, and a half alone stays."""
    return json.dumps(body).encode()
