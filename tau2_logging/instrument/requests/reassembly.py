"""A plain call that is made as a streaming request: its answer is reassembled from the stream, with a plain request as the fallback.

The client gets the response that it would have got. A stream that cannot be trusted (a malformed call, no content, no end, no token counts,
an exception of ours, a refusal of the first stream) is not passed on: the same request is made as the client made it, within the same
call, and that answer counts. The streaming request is then an attempt with an event of its own, since it was made and paid for.

`whole_answer` is written once for sync and async clients: it yields what a `ClientIO` returns, and goes on with the result.
"""

from __future__ import annotations

import re
from collections.abc import Generator
from datetime import timedelta
from typing import Any, Protocol

from tau2_logging.instrument.model_calls.reply import REFUSAL, STREAM_CUT, read_reply, text_of
from tau2_logging.instrument.requests.streaming import content_of
from tau2_logging.instrument.requests.watched_request import WatchedRequest, encoded, plain_headers
from tau2_logging.instrument.wire import ProviderError
from tau2_logging.instrument.wire.protocol import read_json

Steps = Generator[Any, Any, Any]

USAGE_MISSING = "UsageMissing"
CALL_AS_TEXT = "ToolCallAsText"
NOT_READ = "StreamNotRead"
REFUSED = "StreamRefused"

_NOT_ABOUT_STREAMS = frozenset((401, 408, 425, 429, 502, 503, 504, 529))
_CALL_AS_TEXT = re.compile(r"<\W?/?(tool|function)\w*|\[/?TOOL_\w+|<\W?python_tag|functools\[|[\x22](arguments|parameters)[\x22]\s*:", re.I)
"""Signs that a streaming parser has passed on a tool call as text: marks of model families' formats, and the fields of a call in JSON."""


class ClientIO(Protocol):
    """Makes the requests of a client. The methods return at once for a sync client, and awaitables for an async one."""

    module: Any

    def send(self, request: Any, stream: bool) -> Any:
        """Send a request and return the response."""

    def read(self, response: Any) -> Any:
        """Read a whole response."""

    def chunk(self, response: Any) -> Any:
        """Return the next bytes of a response, None at its end."""

    def release(self, response: Any, to_its_end: bool) -> Any:
        """Close a response. `to_its_end`: keep its connection for other requests if the end arrives at once."""


class UntrustedStream(Exception):
    """A stream cannot be trusted. `problem` names why; `body` is what it holds so far; `breaks`: the connection broke."""

    def __init__(self, problem: str, why: str, body: Any = None, breaks: bool = False) -> None:
        super().__init__(why)
        self.problem = problem
        self.body = body
        self.breaks = breaks


def whole_answer(watched: WatchedRequest, io: ClientIO) -> Steps:
    """Return the response to a request, by a stream if `stream_body` is set. Raises only what the client's own request raises."""
    if watched.stream_body is None:
        return (yield io.send(watched.request, stream=False))
    try:
        return (yield from _streamed(watched, io))
    except UntrustedStream as rejected:
        attempt = watched.call.simulation.logger.attempt
        attempt(watched.discard_answer, rejected.problem, str(rejected), rejected.body)
        response = yield io.send(watched.request, stream=False)
        attempt(_compare, watched, rejected, response)
        return response


def _streamed(watched: WatchedRequest, io: ClientIO) -> Steps:
    response = yield from _send_for_stream(watched, io)
    ended = False
    watched.call.simulation.logger.attempt(watched.headers_received, response.headers)
    try:
        if response.status_code >= 400:
            yield io.read(response)
            _check_refusal(watched, response)
            return response
        if response.headers.get("content-type", "").startswith("application/json"):
            yield io.read(response)
            watched.streaming.turn_off(watched.key, "it does not stream")
            return response
        yield from _receive_stream(watched, io, response)
        ended = watched.assembler.over
        return _assembled(watched, io, response)
    except ProviderError as error:
        if error.status is None:
            raise UntrustedStream(REFUSED, str(error)) from error
        return _response(watched, io, response, error.status, error.body)
    finally:
        yield io.release(response, to_its_end=ended)


def _send_for_stream(watched: WatchedRequest, io: ClientIO) -> Steps:
    """Send the streaming request. A server whose first stream ends before its first byte may not support streams at all."""
    request = _stream_request(watched, io)
    try:
        return (yield io.send(request, stream=True))
    except (io.module.RemoteProtocolError, io.module.ReadError) as error:
        if watched.streaming.has_succeeded(watched.key):
            raise
        raise UntrustedStream(type(error).__name__, f"the connection was closed before the stream began: {error}", breaks=True) from error


def _stream_request(watched: WatchedRequest, io: ClientIO) -> Any:
    request = watched.request
    left_out = (b"content-length", b"accept-encoding")
    headers = [(name, value) for name, value in request.headers.raw if name.lower() not in left_out]
    headers.append((b"Accept-Encoding", b"identity"))  # a compressor holds back tokens until it has enough of them
    try:
        return io.module.Request(request.method, request.url, headers=headers, content=watched.stream_body, extensions=request.extensions)
    except Exception as error:
        raise UntrustedStream(NOT_READ, f"the request could not be changed: {error!r}") from error


def _check_refusal(watched: WatchedRequest, response: Any) -> None:
    """Distrust the refusal of a server's first stream: it may refuse streams. One that has streamed before refuses the request itself."""
    status, streaming = response.status_code, watched.streaming
    trusted = streaming.has_succeeded(watched.key) or (status >= 500 and watched.host_is_trusted)
    if status not in _NOT_ABOUT_STREAMS and not trusted:
        raise UntrustedStream(REFUSED, f"HTTP {status}: {response.text[:300]}")


def _receive_stream(watched: WatchedRequest, io: ClientIO, response: Any) -> Steps:
    """Read the answer's bytes to the end of its protocol."""
    try:
        while not watched.assembler.over and (chunk := (yield io.chunk(response))) is not None:
            watched.receive(chunk)
            _check_time(watched, io)
        watched.receive_end()
    except (ProviderError, io.module.TimeoutException):
        raise
    except io.module.HTTPError as error:
        raise UntrustedStream(STREAM_CUT, f"the stream broke off: {error}", watched.assembler.body(), breaks=True) from error
    except Exception as error:
        raise UntrustedStream(NOT_READ, f"the stream could not be read: {error!r}") from error


def _check_time(watched: WatchedRequest, io: ClientIO) -> None:
    """Time out as the plain answer would have: a stream that trickles on never exceeds the read timeout of httpx."""
    limit_s = watched.limit_s
    if limit_s is not None and watched.waited_s() > limit_s:
        raise io.module.ReadTimeout(f"no complete answer within {limit_s:g} s", request=watched.request)


def _assembled(watched: WatchedRequest, io: ClientIO, response: Any) -> Any:
    try:
        body = _trusted_body(watched)
        answer = _response(watched, io, response, response.status_code, body)
    except UntrustedStream:
        raise
    except Exception as error:
        raise UntrustedStream(NOT_READ, f"the stream could not be put together: {error!r}") from error
    watched.streaming.note_success(watched.key)
    return answer


def _trusted_body(watched: WatchedRequest) -> Any:
    """Return the answer that the stream amounts to. Raises UntrustedStream."""
    assembler = watched.assembler
    body = assembler.body()
    if body is None or not assembler.complete:
        what = "brought nothing that its protocol knows" if body is None else "ended without saying why"
        raise UntrustedStream(STREAM_CUT, f"the stream {what}", body, breaks=body is not None and not assembler.over)
    if not assembler.has_usage:
        raise UntrustedStream(USAGE_MISSING, "the stream came without token counts", body)
    if watched.host_is_trusted:
        return body  # a bad answer is the model's own, and is judged like a plain one
    reply = read_reply(body)
    if reply.problem not in (None, REFUSAL):
        raise UntrustedStream(reply.problem, "the stream ends in an answer that is not a message", body)
    if not reply.has_tool_calls and _CALL_AS_TEXT.search(text_of(body)):
        raise UntrustedStream(CALL_AS_TEXT, "the stream brings a tool call as text", body)
    return body


def _response(watched: WatchedRequest, io: ClientIO, response: Any, status: int, body: Any) -> Any:
    """Return the response that the client would have got."""
    plain = io.module.Response(
        status, headers=plain_headers(response.headers), content=encoded(body), request=watched.request,
        extensions=response.extensions, history=response.history,
    )  # fmt: skip
    plain.elapsed = timedelta(seconds=watched.waited_s())
    return plain


def _compare(watched: WatchedRequest, rejected: UntrustedStream, response: Any) -> None:
    """Turn streaming off for this server if the plain answer to the same request differs from the stream's."""
    if response.status_code >= 400:
        return
    if rejected.breaks:
        watched.streaming.note_cut(watched.key)
    elif rejected.body is None or rejected.problem == USAGE_MISSING or content_of(rejected.body) != content_of(read_json(response.content)):
        watched.streaming.turn_off(watched.key, f"{rejected}; the plain answer to the same request differs")
