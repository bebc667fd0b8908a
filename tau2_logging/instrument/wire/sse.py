"""Server-sent events, as far as model servers use them (WHATWG HTML, section 9.2.6): `data` lines, an empty line ends an event.

Two forms of errors are no `data` of their own: llama.cpp's `error` field, and an event named `error` whose data is the bare error. Both are
handed on as an object with the key `error`, as every other server writes them.
"""

from __future__ import annotations

from collections.abc import Iterator


class EventStream:
    """Takes bytes as they come, gives the data of each event once it is whole."""

    def __init__(self) -> None:
        self._rest = b""
        self._data: list[bytes] = []
        self._name = b""

    def feed(self, chunk: bytes) -> Iterator[bytes]:
        """Yield the data of the events that `chunk` ends, in order."""
        *lines, self._rest = (self._rest + chunk).replace(b"\r\n", b"\n").split(b"\n")
        for line in lines:
            yield from self._line(line)

    def close(self) -> Iterator[bytes]:
        """Yield what is left when the bytes end: an event whose empty line did not come."""
        yield from self._line(self._rest)
        yield from self._line(b"")
        self._rest = b""

    def _line(self, line: bytes) -> Iterator[bytes]:
        field, _, value = line.partition(b":")
        value = value.removeprefix(b" ")
        if field == b"data":
            self._data.append(value)
        elif field == b"error":
            self._data.append(_as_error(value))
        elif field == b"event":
            self._name = value
        elif not line.strip():
            yield from self._event()

    def _event(self) -> Iterator[bytes]:
        data, name = b"\n".join(self._data), self._name
        self._data, self._name = [], b""
        if data:
            yield _as_error(data) if name == b"error" and b'"error"' not in data else data


def _as_error(value: bytes) -> bytes:
    return b'{"error": ' + value + b"}"
