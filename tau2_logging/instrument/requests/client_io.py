"""One procedure for sync and async clients: it yields what a client gives back, and goes on with the result, at once or awaited."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from typing import Any

from tau2_logging.instrument.requests.reassembly import Steps

_END_S = 0.2
"""How long the end of the HTTP answer may come after the end of the stream. Most come together, and the connection is used again."""


def run_steps(steps: Steps) -> Any:
    """Go through the steps of a sync client: what they yield has been done by then."""
    try:
        value = next(steps)
        while True:
            value = steps.send(value)
    except StopIteration as end:
        return end.value


async def run_steps_async(steps: Steps) -> Any:
    """Go through the steps of an async client: what they yield is awaited."""
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
    """Requests of a sync client; `module` is the package it is of, `gate` lets it wait for the rate."""

    def __init__(self, module: Any, original: Callable[..., Any], client: Any, kwargs: dict[str, Any], gate: Callable[[], Any]) -> None:
        self.module = module
        self.gate = gate
        self._original = original
        self._client = client
        self._kwargs = kwargs
        self._chunks: Any = None

    def send(self, request: Any, stream: bool) -> Any:
        """The response to a request; with the client's own arguments but for `stream`."""
        return self._original(self._client, request, **{**self._kwargs, "stream": stream})

    def read(self, response: Any) -> Any:
        """Read the whole of it."""
        return response.read()

    def chunk(self, response: Any) -> Any:
        """Its next bytes, None at the end."""
        self._chunks = self._chunks or response.iter_bytes()
        return next(self._chunks, None)

    def let_go(self, response: Any, to_its_end: bool) -> Any:
        """Close it. Where the end is to come at once, wait for it a moment, in a thread: a read cannot be given a time of its own."""
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
        return response.aread()

    def chunk(self, response: Any) -> Any:
        self._chunks = self._chunks or response.aiter_bytes()
        return anext(self._chunks, None)

    async def let_go(self, response: Any, to_its_end: bool) -> None:
        try:
            if to_its_end:
                await asyncio.wait_for(anext(self._chunks, None), _END_S)
        except Exception:  # as above
            pass
        finally:
            await response.aclose()
