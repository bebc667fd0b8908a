"""Runs one procedure for sync and async clients: it yields what a client returns, and goes on with the result."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from typing import Any

from tau2_logging.instrument.requests.reassembly import Steps

_END_S = 0.2
"""How long the end of the HTTP answer may come after the end of the stream. Most come together, and the connection is used again."""


def run_steps(steps: Steps) -> Any:
    """Run the steps of a sync client: the values that they yield are results already."""
    try:
        value = next(steps)
        while True:
            value = steps.send(value)
    except StopIteration as end:
        return end.value


async def run_steps_async(steps: Steps) -> Any:
    """Run the steps of an async client: the values that they yield are awaited."""
    try:
        awaited = next(steps)
        while True:
            try:
                value = await awaited
            except BaseException as error:
                awaited = steps.throw(error)
            else:
                awaited = steps.send(value)
    except StopIteration as end:
        return end.value


class SyncClientIO:
    """Requests of a sync client; `module` is the package it is of, `wait_for_limit` waits for the rate limit."""

    def __init__(
        self, module: Any, original: Callable[..., Any], client: Any, kwargs: dict[str, Any], wait_for_limit: Callable[[], Any]
    ) -> None:
        self.module = module
        self.wait_for_limit = wait_for_limit
        self._original = original
        self._client = client
        self._kwargs = kwargs
        self._chunks: Any = None

    def send(self, request: Any, stream: bool) -> Any:
        """Send a request with the client's own arguments except `stream`, and return the response."""
        return self._original(self._client, request, **{**self._kwargs, "stream": stream})

    def read(self, response: Any) -> Any:
        """Read a whole response."""
        return response.read()

    def chunk(self, response: Any) -> Any:
        """Return the next bytes of a response, None at its end."""
        self._chunks = self._chunks or response.iter_bytes()
        return next(self._chunks, None)

    def release(self, response: Any, to_its_end: bool) -> Any:
        """Close a response. If its end is expected, wait a moment for it, in a thread: a single read cannot be given a timeout."""
        if not to_its_end:
            response.close()
            return
        end = threading.Thread(target=self._read_to_its_end, args=(response,), name="end of a stream", daemon=True)
        end.start()
        end.join(_END_S)

    def _read_to_its_end(self, response: Any) -> None:
        try:
            for _ in self._chunks:
                pass
        except Exception:  # the answer is there; how the connection ends is nobody's business
            pass
        finally:
            response.close()


class AsyncClientIO(SyncClientIO):
    """The same for an async client: what the methods give back is awaited."""

    def read(self, response: Any) -> Any:
        """Return an awaitable of the whole response."""
        return response.aread()

    def chunk(self, response: Any) -> Any:
        """Return an awaitable of the next bytes of a response, None at its end."""
        self._chunks = self._chunks or response.aiter_bytes()
        return anext(self._chunks, None)

    async def release(self, response: Any, to_its_end: bool) -> None:
        """Close a response. If its end is expected, wait a moment for it. Raises nothing but the client's own failure to close."""
        try:
            if to_its_end:
                await asyncio.wait_for(anext(self._chunks, None), _END_S)
        except Exception:  # as above
            pass
        finally:
            await response.aclose()
