"""An answer that its caller reads in chunks: the same bytes are read here as they pass."""

from __future__ import annotations

import zlib
from collections.abc import AsyncIterator, Callable, Iterator
from functools import lru_cache
from typing import Any

from tau2_logging.instrument.requests.watched_request import WatchedRequest
from tau2_logging.instrument.wire import ProviderError


def watch_body(module: Any, watched: WatchedRequest, response: Any) -> None:
    """Have the bytes of the answer read by `watched` too; `module` is the package of the response, httpx or httpx2."""
    sync, by_await = _classes(module)
    is_async = isinstance(response.stream, module.AsyncByteStream) and not isinstance(response.stream, module.SyncByteStream)
    response.stream = (by_await if is_async else sync)(response.stream, _Watch(watched, response))


def _decoder(encoding: str) -> Callable[[bytes], bytes] | None:
    """What a compressed answer says, piece by piece; None for a form that is not read here."""
    if encoding in ("", "identity"):
        return lambda chunk: chunk
    if encoding in ("gzip", "x-gzip", "deflate"):
        return zlib.decompressobj(wbits=47 if "gzip" in encoding else zlib.MAX_WBITS).decompress
    return None


class _Watch:
    """Sees every chunk, and the end once, however it comes."""

    def __init__(self, watched: WatchedRequest, response: Any) -> None:
        self._exchange = watched
        self._is_stream = "application/json" not in response.headers.get("content-type", "")
        self._decoded = _decoder(response.headers.get("content-encoding", "").lower())
        self._whole = b""
        self._ended = False
        self._attempt = watched.call.simulation.logger.attempt

    def saw(self, chunk: bytes) -> None:
        """Look at a chunk."""
        self._attempt(self._saw, chunk)

    def _saw(self, chunk: bytes) -> None:
        if self._decoded is None:
            return
        chunk = self._decoded(chunk)
        if not self._is_stream:
            self._whole += chunk
            return
        try:
            self._exchange.receive(chunk)
        except ProviderError as error:
            self.broke(error)

    def broke(self, error: BaseException) -> None:
        if not self._ended:
            self._ended = True
            self._exchange.failed(error)

    def ended(self, by_reader: bool = False) -> None:
        """No more bytes, or (`by_reader`) nobody to read them."""
        if not self._ended:
            self._ended = True
            self._attempt(self._end, by_reader)

    def _end(self, by_reader: bool) -> None:
        watched = self._exchange
        if not self._is_stream:
            watched.body_received(self._whole)
            return
        watched.receive_end()
        if self._decoded is not None and not by_reader and not (watched.assembler.complete or watched.assembler.over):
            watched.stream_was_cut()
        watched.finish(watched.assembler.body())


@lru_cache
def _classes(module: Any) -> tuple[type, type]:
    class Sync(module.SyncByteStream):  # type: ignore[misc]
        def __init__(self, stream: Any, watch: _Watch) -> None:
            self._stream = stream
            self._watch = watch

        def __iter__(self) -> Iterator[bytes]:
            try:
                for chunk in self._stream:
                    self._watch.saw(chunk)
                    yield chunk
            except GeneratorExit:
                raise
            except BaseException as error:
                self._watch.broke(error)
                raise
            self._watch.ended()

        def close(self) -> None:
            self._watch.ended(by_reader=True)
            self._stream.close()

    class ByAwait(module.AsyncByteStream):  # type: ignore[misc]
        def __init__(self, stream: Any, watch: _Watch) -> None:
            self._stream = stream
            self._watch = watch

        async def __aiter__(self) -> AsyncIterator[bytes]:
            try:
                async for chunk in self._stream:
                    self._watch.saw(chunk)
                    yield chunk
            except GeneratorExit:
                raise
            except BaseException as error:
                self._watch.broke(error)
                raise
            self._watch.ended()

        async def aclose(self) -> None:
            self._watch.ended(by_reader=True)
            await self._stream.aclose()

    return Sync, ByAwait
