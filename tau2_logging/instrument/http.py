"""Model calls if they leave the process, for every client built on httpx: litellm's handlers, the openai and anthropic SDKs.

A call is made as its client made it, except at servers whose streams are known to give the same answers: there a plain call is made as a
streaming request, to measure the time to the first token (streaming.py, reassembly.py). A request that no layer above measures (an agent
with its own SDK) is measured here. If the connection pool is smaller than the concurrency, calls wait inside this process; that is
queueing, not model time. httpx reports its progress to a request's `trace` extension; its first report comes when the request has got a
connection.
"""

from __future__ import annotations

import importlib
from typing import Any

from tau2_logging.instrument.instrumentor import Instrumentor, distribution_version
from tau2_logging.instrument.model_calls.call_types import ProgramAt, named_by, nothing_known, served_by
from tau2_logging.instrument.model_calls.model_call import ATTEMPT, CURRENT_CALL, EMBEDDING, ModelCall
from tau2_logging.instrument.model_calls.price import price_of
from tau2_logging.instrument.model_calls.rate_limiter import RateLimiter, wait_for_limit, wait_for_limit_async
from tau2_logging.instrument.model_calls.trace_header import add_trace_header
from tau2_logging.instrument.patching import Function, Patches
from tau2_logging.instrument.requests.client_io import AsyncClientIO, SyncClientIO, run_steps, run_steps_async
from tau2_logging.instrument.requests.reassembly import Steps, whole_answer
from tau2_logging.instrument.requests.response_stream import watch_body
from tau2_logging.instrument.requests.streaming import Streaming
from tau2_logging.instrument.requests.watched_request import WatchedRequest, endpoint_of, model_in
from tau2_logging.instrument.wire import EMBEDDINGS, Protocol, call_type_of_host, protocol_of
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
        rate_limiter: RateLimiter | None = None,
        trace_header: bool = True,
        program_at: ProgramAt = nothing_known,
    ) -> None:
        super().__init__()
        self._trace_header = trace_header
        self._package = package
        self._streaming = streaming or Streaming()
        self._rate_limiter = rate_limiter
        self._program_at = program_at
        self._module: Any = None

    def supported(self) -> bool:
        """Return whether the HTTP package (httpx, or the fork of it that a client brings) is installed."""
        return distribution_version(self._package) is not None

    def wrap(self, patches: Patches) -> None:
        """Wrap `send`, the call as its client sees it, and the transports, where a connection has been waited for."""
        self._module = importlib.import_module(self._package)
        patches.method(self._module.Client, "send", self._send)
        patches.method(self._module.AsyncClient, "send", self._send_async)
        patches.method(self._module.HTTPTransport, "handle_request", self._handle_request)
        patches.method(self._module.AsyncHTTPTransport, "handle_async_request", self._handle_async_request)

    # the call

    def _send(self, original: Function) -> Function:
        def send(client: Any, request: Any, **kwargs: Any) -> Any:
            watched = self._open(request, bool(kwargs.get("stream")))
            if watched is None:
                return original(client, request, **kwargs)
            io = SyncClientIO(self._module, original, client, kwargs, lambda: wait_for_limit(self._rate_limiter, watched.call))
            return run_steps(self._answered(watched, io))

        return send

    def _send_async(self, original: Function) -> Function:
        async def send(client: Any, request: Any, **kwargs: Any) -> Any:
            watched = self._open(request, bool(kwargs.get("stream")))
            if watched is None:
                return await original(client, request, **kwargs)
            io = AsyncClientIO(self._module, original, client, kwargs, lambda: wait_for_limit_async(self._rate_limiter, watched.call))
            return await run_steps_async(self._answered(watched, io))

        return send

    def _answered(self, watched: WatchedRequest, io: SyncClientIO | AsyncClientIO) -> Steps:
        """Return the response to a request, and write its event; for sync and async clients (see client_io.py)."""
        attempt = watched.call.simulation.logger.attempt
        token = CURRENT_CALL.set(watched.call)
        try:
            if watched.direct and watched.protocol is not EMBEDDINGS:
                yield io.wait_for_limit()
            if watched.by_chunks:
                response = yield io.send(watched.request, stream=True)
            else:
                response = yield from whole_answer(watched, io)
        except BaseException as error:
            attempt(watched.failed, error)
            raise
        finally:
            CURRENT_CALL.reset(token)
        attempt(self._answer_received, watched, response)
        return response

    def _open(self, request: Any, by_chunks: bool) -> WatchedRequest | None:
        simulation = current() if self.installed else None
        if simulation is None or simulation.closed:
            return None
        return simulation.logger.attempt(self._watched, simulation, request, by_chunks)

    def _watched(self, simulation: Any, request: Any, by_chunks: bool) -> WatchedRequest | None:
        protocol = protocol_of(request.method, request.url.path)
        call = CURRENT_CALL.get()
        inner = call is not None and (call.done or protocol is EMBEDDINGS)
        if protocol is None or not hasattr(request, "_content") or inner:
            self._trace(call, request)
            return None
        direct = call is None
        if call is None:
            call = self._direct_call(simulation, request, protocol)
        call.next_request()
        call.call_type = served_by(request.url, self._program_at, call.call_type)
        return WatchedRequest(call, request, protocol, self._streaming, self._trace, direct, by_chunks)

    def _trace(self, call: ModelCall | None, request: Any) -> None:
        if self._trace_header and call is not None and not call.done and request.method == "POST":
            add_trace_header(call, request)

    def _direct_call(self, simulation: Any, request: Any, protocol: Protocol) -> ModelCall:
        model = model_in(request.content) or "unknown"
        provider = call_type_of_host(request.url.host) or protocol.name
        attempt = max(ATTEMPT.get(), int(request.headers.get(_RETRY_COUNT) or 0) + 1)
        role = EMBEDDING if protocol is EMBEDDINGS else None
        call = ModelCall(simulation, model, provider, lambda: (read_json(request.content) or {}).get("messages"), attempt, role)
        call.tools = lambda: (read_json(request.content) or {}).get("tools")
        call.price = lambda reply: price_of(model, provider, reply)
        return call

    def _answer_received(self, watched: WatchedRequest, response: Any) -> None:
        watched.call.call_type = named_by(response.headers) or watched.call.call_type
        watched.headers_received(response.headers)
        if response.status_code >= 400:
            watched.refused(response.status_code, response.text if response.is_closed else "")
        elif not watched.by_chunks:
            watched.body_received(response.content)
        else:
            watch_body(self._module, watched, response)

    # the connection

    def _handle_request(self, original: Function) -> Function:
        def handle_request(transport: Any, request: Any) -> Any:
            call = CURRENT_CALL.get() if self.installed else None
            if call is not None:
                call.simulation.logger.attempt(_time_connection, call, request, False)
            return original(transport, request)

        return handle_request

    def _handle_async_request(self, original: Function) -> Function:
        async def handle_async_request(transport: Any, request: Any) -> Any:
            call = CURRENT_CALL.get() if self.installed else None
            if call is not None:
                call.simulation.logger.attempt(_time_connection, call, request, True)
            return await original(transport, request)

        return handle_async_request


def _time_connection(call: ModelCall, request: Any, is_async: bool) -> None:
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
