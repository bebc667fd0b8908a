"""A streamed reply is one call: its event is written when the stream ends, breaks or is abandoned."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterator
from typing import Any

from tau2_logging.instrument.model_calls.model_call import ModelCall

Assemble = Callable[[list[Any]], Any]


def has_token(chunk: Any) -> bool:
    """Return whether a chunk brings content, reasoning or a piece of a tool call."""
    choices = getattr(chunk, "choices", None) or []
    delta = getattr(choices[0], "delta", None) if choices else None
    return any(bool(getattr(delta, name, None)) for name in ("content", "reasoning_content", "tool_calls"))


class MeasuredStream:
    """Wraps a stream: same chunks, same attributes, sync or async."""

    def __init__(self, stream: Any, call: ModelCall, assemble: Assemble) -> None:
        self._stream = stream
        self._call = call
        self._assemble = assemble
        self._chunks: list[Any] = []

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)

    @property  # type: ignore[misc]
    def __class__(self) -> type:  # for callers that ask isinstance(response, CustomStreamWrapper)
        return type(self._stream)

    def __iter__(self) -> Iterator[Any]:
        return self

    def __next__(self) -> Any:
        try:
            chunk = next(self._stream)
        except BaseException as error:
            self._ended(error)
            raise
        self._note(chunk)
        return chunk

    def __aiter__(self) -> AsyncIterator[Any]:
        return self

    async def __anext__(self) -> Any:
        try:
            chunk = await self._stream.__anext__()
        except BaseException as error:
            self._ended(error)
            raise
        self._note(chunk)
        return chunk

    def __enter__(self) -> MeasuredStream:
        return self

    def __exit__(self, *details: object) -> None:
        self.close()

    def close(self) -> Any:
        """End the call: the reader has had enough. Of an async stream, what is to be awaited."""
        self._finish()
        close = getattr(self._stream, "close", None)
        return close() if close is not None else None

    def aclose(self) -> Any:
        """Return the same under the name of async generators."""
        self._finish()
        return self._stream.aclose()

    def __del__(self) -> None:
        if not self._call.done:
            self._finish()

    def _note(self, chunk: Any) -> None:
        self._chunks.append(chunk)
        if has_token(chunk):
            self._call.first_token()

    def _ended(self, error: BaseException) -> None:
        if isinstance(error, StopIteration | StopAsyncIteration):
            self._finish()
        else:
            self._call.fail(error)

    def _finish(self) -> None:
        if not self._call.done:
            self._call.finish(self._call.simulation.logger.attempt(self._assemble, self._chunks))
