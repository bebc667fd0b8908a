"""The bytes of an answer that its caller reads piece by piece, looked at as they pass. They are passed on as they are."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterator
from functools import lru_cache
from typing import Any

from tau2_logging.instrument.exchange import Exchange
from tau2_logging.instrument.wire import ProviderError
from tau2_logging.instrument.wire.protocol import read_json

Decode = Callable[[bytes], bytes]


def tapped(module: Any, exchange: Exchange, response: Any) -> None:
    """Have the answer's bytes pass through the exchange; `module` is the package (httpx or httpx2) the response is of."""
    sync, by_await = _classes(module)
    is_async = isinstance(response.stream, module.AsyncByteStream) and not isinstance(response.stream, module.SyncByteStream)
    decode = decoder_of(module, response)
    if decode is None:
        exchange.failed(ValueError(f"an answer in content-encoding {response.headers.get('content-encoding')}, which was not asked for"))
        return
    watch = _Watch(exchange, response, decode)
    response.stream = (by_await if is_async else sync)(response.stream, watch)


def decoder_of(module: Any, response: Any) -> Decode | None:
    """What undoes the answer's compression, None for one that is not known."""
    encoding = response.headers.get("content-encoding", "identity").strip().lower()
    decoder = module._decoders.SUPPORTED_DECODERS.get(encoding)
    return None if decoder is None else decoder().decode


class _Watch:
    """Sees every chunk, and the end once, however it comes."""

    def __init__(self, exchange: Exchange, response: Any, decode: Decode) -> None:
        self._exchange = exchange
        self._is_stream = "text/event-stream" in response.headers.get("content-type", "")
        self._decode = decode
        self._whole = b""
        self._ended = False
        self._attempt = exchange.call.simulation.logger.attempt

    def saw(self, chunk: bytes) -> None:
        self._attempt(self._saw, chunk)

    def _saw(self, chunk: bytes) -> None:
        text = self._decode(chunk)
        if not self._is_stream:
            self._whole += text
            return
        try:
            self._exchange.take(text)
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
        exchange = self._exchange
        if not self._is_stream:
            exchange.answered(read_json(self._whole))
            return
        exchange.end()
        if not exchange.assembler.complete and (exchange.assembler.over or not by_reader):
            exchange.cut()
        exchange.answered(exchange.assembler.body())


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
