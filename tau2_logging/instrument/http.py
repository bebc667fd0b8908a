"""Model calls where they leave the process, for every client that is built on httpx: litellm's handlers, the openai and anthropic SDKs.

A call that is not a stream is asked for as one and put together again from its bytes, so that everybody above gets the answer it asked
for and the time of the first token is known. A request that nobody above measures (an agent with an SDK of its own) is measured here.
A connection pool that is smaller than the concurrency makes calls wait inside this process; that is queueing, not model time: httpx
tells its progress to a request's `trace` extension, whose first word comes when the request has been given a connection.
"""

from __future__ import annotations

import importlib
import json
from datetime import timedelta
from functools import lru_cache
from typing import Any

from tau2_logging.instrument.base import Instrumentor, distribution_version
from tau2_logging.instrument.exchange import Exchange, Streaming, endpoint_of, model_in, plain_headers
from tau2_logging.instrument.gate import Gate, pass_gate, pass_gate_async
from tau2_logging.instrument.model_call import ATTEMPT, OPEN_CALL, ModelCall
from tau2_logging.instrument.patching import Function, Patches
from tau2_logging.instrument.price import price_of
from tau2_logging.instrument.serving import ProgramAt, named_by, nothing_known, served_by
from tau2_logging.instrument.tap import tapped
from tau2_logging.instrument.trace_header import add_trace_header
from tau2_logging.instrument.wire import ProviderError, call_type_of_host, protocol_of
from tau2_logging.instrument.wire.protocol import read_json
from tau2_logging.logger.context import current

_RETRY_COUNT = "x-stainless-retry-count"
"""Header in which both SDKs say how often they have tried already."""


class HttpInstrumentor(Instrumentor):
    """Watches the clients of one package: httpx, or httpx2, which newer SDKs use under the same names."""

    def __init__(
        self,
        package: str,
        streaming: Streaming | None = None,
        gate: Gate | None = None,
        trace_header: bool = True,
        program_at: ProgramAt = nothing_known,
    ) -> None:
        super().__init__()
        self._package = package
        self._streaming = streaming or Streaming()
        self._gate = gate
        self._trace_header = trace_header
        self._program_at = program_at
        self._module: Any = None
        self._stream_cut: Any = None

    def supported(self) -> bool:
        return distribution_version(self._package) is not None

    def wrap(self, patches: Patches) -> None:
        self._module = importlib.import_module(self._package)
        self._stream_cut = _stream_cut(self._module)
        patches.method(self._module.Client, "send", self._send)
        patches.method(self._module.AsyncClient, "send", self._send_async)
        patches.method(self._module.HTTPTransport, "handle_request", self._handle_request)
        patches.method(self._module.AsyncHTTPTransport, "handle_async_request", self._handle_async_request)

    # the call

    def _send(self, original: Function) -> Function:
        def send(client: Any, request: Any, **kwargs: Any) -> Any:
            exchange = self._open(request, bool(kwargs.get("stream")))
            if exchange is None:
                return original(client, request, **kwargs)
            token = OPEN_CALL.set(exchange.call)
            try:
                if exchange.direct:
                    pass_gate(self._gate, exchange.call)
                if exchange.changed_content is None:
                    response = original(client, request, **kwargs)
                elif exchange.by_pieces:
                    response = self._ask_for_usage(original, client, exchange, kwargs)
                else:
                    response = self._ask_for_stream(original, client, exchange, kwargs)
            except BaseException as error:
                exchange.failed(error)
                raise
            finally:
                OPEN_CALL.reset(token)
            exchange.call.simulation.logger.attempt(self._arrived, exchange, response)
            return response

        return send

    def _send_async(self, original: Function) -> Function:
        async def send(client: Any, request: Any, **kwargs: Any) -> Any:
            exchange = self._open(request, bool(kwargs.get("stream")))
            if exchange is None:
                return await original(client, request, **kwargs)
            token = OPEN_CALL.set(exchange.call)
            try:
                if exchange.direct:
                    await pass_gate_async(self._gate, exchange.call)
                if exchange.changed_content is None:
                    response = await original(client, request, **kwargs)
                elif exchange.by_pieces:
                    response = await self._ask_for_usage_async(original, client, exchange, kwargs)
                else:
                    response = await self._ask_for_stream_async(original, client, exchange, kwargs)
            except BaseException as error:
                exchange.failed(error)
                raise
            finally:
                OPEN_CALL.reset(token)
            exchange.call.simulation.logger.attempt(self._arrived, exchange, response)
            return response

        return send

    def _open(self, request: Any, by_pieces: bool) -> Exchange | None:
        simulation = current() if self.installed else None
        if simulation is None or simulation.closed:
            return None
        return simulation.logger.attempt(self._exchange, simulation, request, by_pieces)

    def _exchange(self, simulation: Any, request: Any, by_pieces: bool) -> Exchange | None:
        protocol = protocol_of(request.method, request.url.path)
        call = OPEN_CALL.get()
        if protocol is None or not hasattr(request, "_content") or (call is not None and call.done):
            self._trace(call, request)
            return None
        direct = call is None
        if call is None:
            call = self._direct_call(simulation, request, protocol.name)
        call.again()
        self._trace(call, request)
        call.call_type = served_by(request.url, self._program_at, call.call_type)
        return Exchange(call, request, protocol, self._streaming, direct, by_pieces)

    def _trace(self, call: ModelCall | None, request: Any) -> None:
        if self._trace_header and call is not None and not call.done and request.method == "POST":
            add_trace_header(call, request)

    def _direct_call(self, simulation: Any, request: Any, protocol: str) -> ModelCall:
        model = model_in(request.content) or "unknown"
        provider = call_type_of_host(request.url.host) or protocol
        attempt = max(ATTEMPT.get(), int(request.headers.get(_RETRY_COUNT) or 0) + 1)
        call = ModelCall(simulation, model, provider, lambda: (read_json(request.content) or {}).get("messages"), attempt)
        call.price = lambda reply: price_of(model, provider, reply)
        return call

    def _arrived(self, exchange: Exchange, response: Any) -> None:
        exchange.call.call_type = named_by(response.headers) or exchange.call.call_type
        if response.status_code >= 400:
            exchange.refused(response.status_code, response.text if response.is_closed else "")
        elif not exchange.by_pieces:
            exchange.came(response.content)
        else:
            tapped(self._module, exchange, response)

    # the token counts of a stream

    def _ask_for_usage(self, original: Function, client: Any, exchange: Exchange, kwargs: dict[str, Any]) -> Any:
        response = original(client, self._changed(exchange), **kwargs)
        if response.status_code >= 400:
            response.read()
            if exchange.refuses_streams(response.status_code, response.text):
                exchange.changed_content = None
                return original(client, exchange.request, **kwargs)
        return response

    async def _ask_for_usage_async(self, original: Function, client: Any, exchange: Exchange, kwargs: dict[str, Any]) -> Any:
        response = await original(client, self._changed(exchange), **kwargs)
        if response.status_code >= 400:
            await response.aread()
            if exchange.refuses_streams(response.status_code, response.text):
                exchange.changed_content = None
                return await original(client, exchange.request, **kwargs)
        return response

    # a stream where none was asked for

    def _ask_for_stream(self, original: Function, client: Any, exchange: Exchange, kwargs: dict[str, Any]) -> Any:
        response = original(client, self._changed(exchange), **{**kwargs, "stream": True})
        if not _is_stream(response):
            response.read()
            if exchange.refuses_streams(response.status_code, response.text):
                return original(client, exchange.request, **kwargs)
            return _not_streamed(exchange, response)
        try:
            for chunk in response.iter_bytes():
                exchange.take(chunk)
                self._check_time(exchange)
            exchange.end()
        except ProviderError as error:
            return self._plain(exchange, response, error.status, error.body)
        except self._module.TransportError as error:
            self._check_cut(exchange, error)
            raise
        finally:
            response.close()
        return self._put_together(exchange, response)

    async def _ask_for_stream_async(self, original: Function, client: Any, exchange: Exchange, kwargs: dict[str, Any]) -> Any:
        response = await original(client, self._changed(exchange), **{**kwargs, "stream": True})
        if not _is_stream(response):
            await response.aread()
            if exchange.refuses_streams(response.status_code, response.text):
                return await original(client, exchange.request, **kwargs)
            return _not_streamed(exchange, response)
        try:
            async for chunk in response.aiter_bytes():
                exchange.take(chunk)
                self._check_time(exchange)
            exchange.end()
        except ProviderError as error:
            return self._plain(exchange, response, error.status, error.body)
        except self._module.TransportError as error:
            self._check_cut(exchange, error)
            raise
        finally:
            await response.aclose()
        return self._put_together(exchange, response)

    def _changed(self, exchange: Exchange) -> Any:
        request = exchange.request
        left_out = (b"content-length", b"accept-encoding")
        headers = [(name, value) for name, value in request.headers.raw if name.lower() not in left_out]
        headers.append((b"Accept-Encoding", b"identity"))  # tokens are seen as they come, not when a compressor lets go of them
        return self._module.Request(
            request.method, request.url, headers=headers, content=exchange.changed_content, extensions=request.extensions
        )

    def _check_time(self, exchange: Exchange) -> None:
        """A stream that trickles on would never time out, where the answer it stands for would have."""
        limit_s = exchange.limit_s
        if limit_s is not None and exchange.waited_s() > limit_s:
            raise self._module.ReadTimeout(f"no complete answer within {limit_s:g} s", request=exchange.request)

    def _check_cut(self, exchange: Exchange, error: Exception) -> None:
        if exchange.call.first_token_ns is not None and not isinstance(error, self._module.TimeoutException):
            raise self._stream_cut(f"the stream was cut: {error}", request=exchange.request) from error

    def _put_together(self, exchange: Exchange, response: Any) -> Any:
        if not exchange.assembler.complete:
            raise self._stream_cut("the stream ended without a finish reason", request=exchange.request)
        exchange.check_usage()
        return self._plain(exchange, response, response.status_code, exchange.assembler.body())

    def _plain(self, exchange: Exchange, response: Any, status: int, body: Any) -> Any:
        content = json.dumps(body, ensure_ascii=False).encode()
        headers = plain_headers(response.headers)
        plain = self._module.Response(
            status, headers=headers, content=content, request=exchange.request, extensions=response.extensions, history=response.history
        )
        plain.elapsed = timedelta(seconds=exchange.waited_s())
        return plain

    # the connection

    def _handle_request(self, original: Function) -> Function:
        def handle_request(transport: Any, request: Any) -> Any:
            call = OPEN_CALL.get() if self.installed else None
            if call is not None:
                call.simulation.logger.attempt(_watch, call, request, False)
            return original(transport, request)

        return handle_request

    def _handle_async_request(self, original: Function) -> Function:
        async def handle_async_request(transport: Any, request: Any) -> Any:
            call = OPEN_CALL.get() if self.installed else None
            if call is not None:
                call.simulation.logger.attempt(_watch, call, request, True)
            return await original(transport, request)

        return handle_async_request


@lru_cache
def _stream_cut(module: Any) -> type[Exception]:
    """An error of the connection, as clients and litellm know and retry it, under a name that says what it is."""
    return type("StreamCut", (module.RemoteProtocolError,), {"__doc__": "A stream ended before its end.", "__module__": module.__name__})


def _is_stream(response: Any) -> bool:
    return response.status_code < 400 and "text/event-stream" in response.headers.get("content-type", "")


def _not_streamed(exchange: Exchange, response: Any) -> Any:
    if response.status_code < 400:
        exchange.answers_plainly()
    return response


def _watch(call: ModelCall, request: Any, is_async: bool) -> None:
    clock = call.simulation.logger.clock
    call.endpoint = endpoint_of(request.url)
    theirs = request.extensions.get("trace")
    begun = clock.now_ns()
    waiting = True

    def note() -> None:
        nonlocal waiting
        if waiting:
            waiting = False
            call.sent_ns = clock.now_ns()
            call.queue_ns += call.sent_ns - begun

    def trace(name: str, info: dict[str, Any]) -> None:
        note()
        if theirs is not None:
            theirs(name, info)

    async def async_trace(name: str, info: dict[str, Any]) -> None:
        note()
        if theirs is not None:
            await theirs(name, info)

    request.extensions = {**request.extensions, "trace": async_trace if is_async else trace}
