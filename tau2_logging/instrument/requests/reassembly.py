"""A call made as a stream where its caller wants a whole answer: put together from its bytes, with a plain request as the net under it.

The client gets what it would have got. Whatever is doubtful about a stream of our making (a malformed call, nothing said, no end, no token
counts, an exception of ours, a refusal of the first one) is not handed on: the same request is made as the client made it, within the same
call, and that answer counts. The request for a stream is then an attempt of its own, with its own event, since it was made and paid.

`whole_answer` is written once for sync and async clients: it yields what a `ClientIO` gives back, at once or awaited.
"""

from __future__ import annotations

import re
from collections.abc import Generator
from datetime import timedelta
from typing import Any, Protocol

from tau2_logging.instrument.model_calls.reply import REFUSAL, STREAM_CUT, read_reply, text_of
from tau2_logging.instrument.requests.exchange import Exchange, encoded, plain_headers
from tau2_logging.instrument.requests.streaming import essence
from tau2_logging.instrument.wire import ProviderError
from tau2_logging.instrument.wire.protocol import read_json

Steps = Generator[Any, Any, Any]

USAGE_MISSING = "UsageMissing"
CALL_AS_TEXT = "ToolCallAsText"
NOT_READ = "StreamNotRead"
REFUSED = "StreamRefused"

_NOT_ABOUT_STREAMS = frozenset((401, 408, 425, 429, 502, 503, 504, 529))
_CALL_AS_TEXT = re.compile(r"<\W?/?(tool|function)\w*|\[/?TOOL_\w+|<\W?python_tag|functools\[|[\x22](arguments|parameters)[\x22]\s*:", re.I)
"""Marks of the tool-call formats of model families, and the fields of a call in JSON: a streaming parser has let it pass as text."""


class ClientIO(Protocol):
    """How requests are made: by a sync client, whose methods answer at once, or by an async one, whose answers are awaited."""

    module: Any

    def send(self, request: Any, stream: bool) -> Any:
        """The response to a request."""

    def read(self, response: Any) -> Any:
        """Read the whole of it."""

    def chunk(self, response: Any) -> Any:
        """Its next bytes, None at the end."""

    def let_go(self, response: Any, to_its_end: bool) -> Any:
        """Close it, or (`to_its_end`) keep its connection if the end comes at once."""


class Doubt(Exception):
    """A stream is not to be trusted. `problem` names why; `body` is what was put together of it; `breaks`: the connection broke."""

    def __init__(self, problem: str, why: str, body: Any = None, breaks: bool = False) -> None:
        super().__init__(why)
        self.problem = problem
        self.body = body
        self.breaks = breaks


def whole_answer(exchange: Exchange, io: ClientIO) -> Steps:
    """The response to a request: by a stream where it is to be one. Raises what the client's own request raises, and nothing of ours."""
    if exchange.as_stream is None:
        return (yield io.send(exchange.request, stream=False))
    try:
        return (yield from _streamed(exchange, io))
    except Doubt as doubt:
        attempt = exchange.call.simulation.logger.attempt
        attempt(exchange.discarded, doubt.problem, str(doubt), doubt.body)
        response = yield io.send(exchange.request, stream=False)
        attempt(_compare, exchange, doubt, response)
        return response


def _streamed(exchange: Exchange, io: ClientIO) -> Steps:
    response = yield from _asked(exchange, io)
    ended = False
    exchange.call.simulation.logger.attempt(exchange.met, response.headers)
    try:
        if response.status_code >= 400:
            yield io.read(response)
            _doubt_refusal(exchange, response)
            return response
        if response.headers.get("content-type", "").startswith("application/json"):
            yield io.read(response)
            exchange.streaming.give_up(exchange.key, "it does not stream")
            return response
        yield from _fed(exchange, io, response)
        ended = exchange.assembler.over
        return _plain(exchange, io, response)
    except ProviderError as error:
        if error.status is None:
            raise Doubt(REFUSED, str(error)) from error
        return _response(exchange, io, response, error.status, error.body)
    finally:
        yield io.let_go(response, to_its_end=ended)


def _asked(exchange: Exchange, io: ClientIO) -> Steps:
    """The response to the request for a stream. A server whose first stream ends before it begins may not stand streams at all."""
    request = _as_stream(exchange, io)
    try:
        return (yield io.send(request, stream=True))
    except (io.module.RemoteProtocolError, io.module.ReadError) as error:
        if exchange.streaming.seen_to_work(exchange.key):
            raise
        raise Doubt(type(error).__name__, f"the connection was closed before the stream began: {error}", breaks=True) from error


def _as_stream(exchange: Exchange, io: ClientIO) -> Any:
    request = exchange.request
    left_out = (b"content-length", b"accept-encoding")
    headers = [(name, value) for name, value in request.headers.raw if name.lower() not in left_out]
    headers.append((b"Accept-Encoding", b"identity"))  # tokens are seen as they come, not when a compressor lets go of them
    try:
        return io.module.Request(request.method, request.url, headers=headers, content=exchange.as_stream, extensions=request.extensions)
    except Exception as error:
        raise Doubt(NOT_READ, f"the request could not be changed: {error!r}") from error


def _doubt_refusal(exchange: Exchange, response: Any) -> None:
    """The first stream that a server refuses may be refused for being one; what has worked before is refused for what it asks."""
    status, streaming = response.status_code, exchange.streaming
    trusted = streaming.seen_to_work(exchange.key) or (status >= 500 and exchange.known)
    if status not in _NOT_ABOUT_STREAMS and not trusted:
        raise Doubt(REFUSED, f"HTTP {status}: {response.text[:300]}")


def _fed(exchange: Exchange, io: ClientIO, response: Any) -> Steps:
    """Hand the answer's bytes to the exchange, to the end of its protocol."""
    try:
        while not exchange.assembler.over and (chunk := (yield io.chunk(response))) is not None:
            exchange.take(chunk)
            _check_time(exchange, io)
        exchange.end()
    except (ProviderError, io.module.TimeoutException):
        raise
    except io.module.HTTPError as error:
        raise Doubt(STREAM_CUT, f"the stream broke off: {error}", exchange.assembler.body(), breaks=True) from error
    except Exception as error:
        raise Doubt(NOT_READ, f"the stream could not be read: {error!r}") from error


def _check_time(exchange: Exchange, io: ClientIO) -> None:
    """A stream that trickles on would never time out, where the answer it stands for would have."""
    limit_s = exchange.limit_s
    if limit_s is not None and exchange.waited_s() > limit_s:
        raise io.module.ReadTimeout(f"no complete answer within {limit_s:g} s", request=exchange.request)


def _plain(exchange: Exchange, io: ClientIO, response: Any) -> Any:
    try:
        body = _trusted_body(exchange)
        answer = _response(exchange, io, response, response.status_code, body)
    except Doubt:
        raise
    except Exception as error:
        raise Doubt(NOT_READ, f"the stream could not be put together: {error!r}") from error
    exchange.streaming.works(exchange.key)
    return answer


def _trusted_body(exchange: Exchange) -> Any:
    """What the stream comes to. Raises Doubt."""
    assembler = exchange.assembler
    body = assembler.body()
    if body is None or not assembler.complete:
        what = "brought nothing that its protocol knows" if body is None else "ended without saying why"
        raise Doubt(STREAM_CUT, f"the stream {what}", body, breaks=body is not None and not assembler.over)
    if not assembler.has_usage:
        raise Doubt(USAGE_MISSING, "the stream came without token counts", body)
    if exchange.known:
        return body  # a bad answer is the model's own there, and is judged as a plain one is
    reply = read_reply(body)
    if reply.problem not in (None, REFUSAL):
        raise Doubt(reply.problem, "the stream comes to an answer of which no message can be made", body)
    if not reply.has_tool_calls and _CALL_AS_TEXT.search(text_of(body)):
        raise Doubt(CALL_AS_TEXT, "the stream brings a tool call as text", body)
    return body


def _response(exchange: Exchange, io: ClientIO, response: Any, status: int, body: Any) -> Any:
    """The response that the client would have had."""
    plain = io.module.Response(
        status, headers=plain_headers(response.headers), content=encoded(body), request=exchange.request,
        extensions=response.extensions, history=response.history,
    )  # fmt: skip
    plain.elapsed = timedelta(seconds=exchange.waited_s())
    return plain


def _compare(exchange: Exchange, doubt: Doubt, response: Any) -> None:
    """The same request has been answered plainly: give streams up here, if that made a difference."""
    if response.status_code >= 400:
        return
    if doubt.breaks:
        exchange.streaming.cut(exchange.key)
    elif doubt.body is None or doubt.problem == USAGE_MISSING or essence(doubt.body) != essence(read_json(response.content)):
        exchange.streaming.give_up(exchange.key, f"{doubt}; the plain answer to the same request differs")
