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
    sync, asynchronous = _classes(module)
    is_async = isinstance(response.stream, module.AsyncByteStream) and not isinstance(response.stream, module.SyncByteStream)
    response.stream = (asynchronous if is_async else sync)(response.stream, _Watch(watched, response))


def _decoder(encoding: str) -> Callable[[bytes], bytes] | None:
    """Return a decoder for a compressed answer, None for an encoding that is not read here."""
    if encoding in ("", "identity"):
        return lambda chunk: chunk
    if encoding in ("gzip", "x-gzip", "deflate"):
        return zlib.decompressobj(wbits=47 if "gzip" in encoding else zlib.MAX_WBITS).decompress
    return None


class _Watch:
    """Reads every chunk of an answer, and notes its end once. As a context manager: around the reading of all chunks."""

    def __init__(self, watched: WatchedRequest, response: Any) -> None:
        self._watched = watched
        self._is_stream = "application/json" not in response.headers.get("content-type", "")
        self._decoded = _decoder(response.headers.get("content-encoding", "").lower())
        self._whole = b""
        self._ended = False
        self._attempt = watched.call.simulation.logger.attempt

    def __enter__(self) -> _Watch:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: object) -> None:
        if error is None:
            self.end()
        elif not isinstance(error, GeneratorExit):  # the reader has stopped: it will close the stream
            self._break(error)

    def read(self, chunk: bytes) -> None:
        """Read a chunk."""
        self._attempt(self._read, chunk)

    def _read(self, chunk: bytes) -> None:
        if self._decoded is None:
            return
        chunk = self._decoded(chunk)
        if not self._is_stream:
            self._whole += chunk
            return
        try:
            self._watched.receive(chunk)
        except ProviderError as error:
            self._break(error)

    def _break(self, error: BaseException) -> None:
        if not self._ended:
            self._ended = True
            self._watched.failed(error)

    def end(self, by_reader: bool = False) -> None:
        """Note that no more bytes come, or (`by_reader`) that nobody reads them."""
        if not self._ended:
            self._ended = True
            self._attempt(self._end, by_reader)

    def _end(self, by_reader: bool) -> None:
        watched = self._watched
        if not self._is_stream:
            watched.body_received(self._whole)
            return
        watched.receive_end()
        if self._decoded is not None and not by_reader and not (watched.assembler.complete or watched.assembler.over):
            watched.stream_was_cut()
        watched.finish(watched.assembler.body())


class _WatchedStream:
    def __init__(self, stream: Any, watch: _Watch) -> None:
        self._stream = stream
        self._watch = watch


@lru_cache
def _classes(module: Any) -> tuple[type, type]:
    """Return the sync and the async class: streams of httpx or httpx2, which are checked by their type."""

    class Sync(_WatchedStream, module.SyncByteStream):  # type: ignore[misc]
        def __iter__(self) -> Iterator[bytes]:
            with self._watch:
                for chunk in self._stream:
                    self._watch.read(chunk)
                    yield chunk

        def close(self) -> None:
            self._watch.end(by_reader=True)
            self._stream.close()

    class Async(_WatchedStream, module.AsyncByteStream):  # type: ignore[misc]
        async def __aiter__(self) -> AsyncIterator[bytes]:
            with self._watch:
                async for chunk in self._stream:
                    self._watch.read(chunk)
                    yield chunk

        async def aclose(self) -> None:
            self._watch.end(by_reader=True)
            await self._stream.aclose()

    return Sync, Async
