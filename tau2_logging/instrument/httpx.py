"""How long a request waited for a connection, and where it went.

A connection pool that is smaller than the concurrency makes calls wait inside this process; that is queueing, not model time. httpx
tells its progress to a request's `trace` extension: the first word of it comes when the request has been given a connection, or the
right to open one. What lies before is the wait.
"""

from __future__ import annotations

from typing import Any

from tau2_logging.instrument.base import Instrumentor, distribution_version
from tau2_logging.instrument.model_call import OPEN_CALL, ModelCall
from tau2_logging.instrument.patching import Function, Patches


class HttpxInstrumentor(Instrumentor):
    """Adds `queue_ms` and `endpoint` to the model call a request is made for."""

    def supported(self) -> bool:
        return distribution_version("httpx") is not None

    def wrap(self, patches: Patches) -> None:
        import httpx

        patches.method(httpx.HTTPTransport, "handle_request", self._handle_request)
        patches.method(httpx.AsyncHTTPTransport, "handle_async_request", self._handle_async_request)

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


def _watch(call: ModelCall, request: Any, is_async: bool) -> None:
    clock = call.simulation.logger.clock
    call.endpoint = f"{request.url.host}:{request.url.port or (443 if request.url.scheme == 'https' else 80)}"
    theirs = request.extensions.get("trace")
    begun = clock.now_ns()
    waiting = True

    def note() -> None:
        nonlocal waiting
        if waiting:
            waiting = False
            call.queue_ns += clock.now_ns() - begun

    def trace(name: str, info: dict[str, Any]) -> None:
        note()
        if theirs is not None:
            theirs(name, info)

    async def async_trace(name: str, info: dict[str, Any]) -> None:
        note()
        if theirs is not None:
            await theirs(name, info)

    request.extensions = {**request.extensions, "trace": async_trace if is_async else trace}
