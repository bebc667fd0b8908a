"""One HTTP request of a model call, watched from its bytes: what is asked, when tokens come, whether the answer is whole."""

from __future__ import annotations

import json
import logging
import re
import threading
from collections.abc import Iterable
from typing import Any

from tau2_logging.instrument.failure import HttpFailure
from tau2_logging.instrument.model_call import ModelCall, Seen
from tau2_logging.instrument.no_answer import failure_in, said_in
from tau2_logging.instrument.reply import read_reply
from tau2_logging.instrument.wire import Protocol
from tau2_logging.instrument.wire.protocol import read_json
from tau2_logging.instrument.wire.sse import EventStream

_MODEL = re.compile(rb'"model"\s*:\s*("(?:[^"\\]|\\.)*")')
_BODY_HEADERS = ("content-type", "content-length", "content-encoding", "transfer-encoding")
_LOG = logging.getLogger("tau2_logging.instrument")


class Streaming:
    """Whether calls are asked for as streams, and which servers have turned out not to be able to. Shared by all calls of a process."""

    def __init__(self, wanted: bool = True) -> None:
        self.wanted = wanted
        self.notes: list[str] = []
        self._plain: set[tuple[str, str, str]] = set()
        self._lock = threading.Lock()

    def asks(self, key: tuple[str, str, str]) -> bool:
        """Whether a call of this (endpoint, path, model) is to be a stream."""
        return self.wanted and key not in self._plain

    def give_up(self, key: tuple[str, str, str], why: str) -> None:
        """Ask this one plainly from now on. Said once."""
        self._say_once(key, f"{key[2]} at {key[0]} {why}; it is asked without a stream from now on, and ttft_ms is not measured")

    def finished(self, call: ModelCall) -> None:
        """A call that is no stream has ended. One whose protocol nobody here reads is said to be so, once."""
        if self.wanted and call.endpoint is not None and call.protocol is None:
            note = f"{call.model} at {call.endpoint} speaks a protocol whose streams are not read here; ttft_ms is not measured"
            self._say_once((call.endpoint, "", call.model), note)

    def _say_once(self, key: tuple[str, str, str], note: str) -> None:
        with self._lock:
            if key in self._plain:
                return
            self._plain.add(key)
        self.notes.append(note)
        _LOG.warning(note)


class Exchange:
    """A request and what comes back.

    `direct`: nobody above has opened a call, so that its event is made here. `by_pieces`: the caller reads the answer as it comes.
    `changed_content` is the body as it is sent, None where it goes as it is: asking for a stream, or for a stream's token counts.
    """

    def __init__(
        self, call: ModelCall, request: Any, protocol: Protocol, streaming: Streaming, direct: bool, by_pieces: bool = False
    ) -> None:
        self.call = call
        self.request = request
        self.protocol = protocol
        self.direct = direct
        self.assembler = protocol.assembler()
        self._events = EventStream()
        self._is_cut = False
        self._streaming = streaming
        self._key = (endpoint_of(request.url), request.url.path, model_in(request.content) or call.model)
        self.by_pieces = by_pieces
        self.changed_content = self._changed() if streaming.asks(self._key) else None
        call.seen = self.seen if by_pieces else None
        call.endpoint = self._key[0]
        call.protocol = protocol.name
        call.sent_ns = call.simulation.logger.clock.now_ns()

    def _changed(self) -> bytes | None:
        content = self.request.content
        asks = self.protocol.as_stream(content)
        if not self.by_pieces:
            return asks
        return self.protocol.with_usage(content) if asks is None and b'"stream"' in content else None

    @property
    def limit_s(self) -> float | None:
        """How long the caller waits for an answer that is no stream."""
        return (self.request.extensions.get("timeout") or {}).get("read")

    def waited_s(self) -> float:
        """Since the request was sent."""
        return (self.call.simulation.logger.clock.now_ns() - (self.call.sent_ns or 0)) / 1e9

    def take(self, chunk: bytes) -> None:
        """Bytes of the answer have come. Raises ProviderError for an error in the stream."""
        self._take(self._events.feed(chunk))

    def end(self) -> None:
        """No more bytes will come."""
        self._take(self._events.close())

    def _take(self, events: Iterable[bytes]) -> None:
        for data in events:
            if self.assembler.feed(data):
                self.call.first_token()

    def hides(self, data: bytes) -> bool:
        """Whether the caller is not to see an event of its stream: it has not asked for token counts, we have."""
        return self.by_pieces and self.changed_content is not None and self.protocol.is_usage(data)

    def check_usage(self) -> None:
        """A provider that streams without saying its token counts is asked plainly from now on."""
        if not self.assembler.has_usage:
            self._streaming.give_up(self._key, "streams without token counts")

    def refuses_streams(self, status: int, text: str) -> bool:
        """Whether an answer says that there are no streams here. It is then asked plainly from now on."""
        refused = 400 <= status < 500 and status != 429 and "stream" in text.lower()
        if refused:
            self._streaming.give_up(self._key, "refuses to stream")
        return refused

    def answers_plainly(self) -> None:
        """It was asked for a stream and gave none."""
        self._streaming.give_up(self._key, "does not stream")

    def failed(self, error: BaseException) -> None:
        """The request came to nothing."""
        self.call.fail(error) if self.direct else self.call.hold(error)

    def refused(self, status: int, text: str) -> None:
        """It was answered with a status of 400 or more."""
        self.failed(HttpFailure(status, said_in(read_json(text), text)))

    def came(self, content: bytes) -> None:
        """The bytes of an answer that is no stream are there, with a status below 400."""
        failure = failure_in(content)
        if failure is None:
            self.answered(read_json(content))
        else:
            self.failed(failure)

    def answered(self, body: Any) -> None:
        """The whole answer is there."""
        if self.direct:
            self.call.finish(body if isinstance(body, dict) else {})

    def cut(self) -> None:
        """A stream has come to its end without having said why."""
        self._is_cut = True

    def seen(self) -> Seen:
        """What of a stream has come so far."""
        body = self.assembler.body()
        over = self.assembler.over and not self.assembler.complete
        return Seen(read_reply(body) if body is not None else None, cut=self._is_cut or over)


def endpoint_of(url: Any) -> str:
    """host:port."""
    return f"{url.host}:{url.port or (443 if url.scheme == 'https' else 80)}"


def model_in(content: bytes) -> str | None:
    """The model a request asks for. Clients write it near the front or the end; what a message quotes has its quotes escaped."""
    found = _MODEL.search(content)
    return str(json.loads(found.group(1))) if found else None


def plain_headers(headers: Any) -> list[tuple[str, str]]:
    """The headers of a stream as those of the answer it was put together to."""
    kept = [(name, value) for name, value in headers.multi_items() if name.lower() not in _BODY_HEADERS]
    return [*kept, ("content-type", "application/json")]
