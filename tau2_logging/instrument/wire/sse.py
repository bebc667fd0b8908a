"""Server-sent events, as far as model servers use them (WHATWG HTML, section 9.2.6): `data` lines, an empty line ends an event."""

from __future__ import annotations

from collections.abc import Iterator


class EventStream:
    """Takes bytes as they come, gives the data of each event once it is whole."""

    def __init__(self) -> None:
        self._rest = b""
        self._data: list[bytes] = []

    def feed(self, chunk: bytes) -> Iterator[bytes]:
        """The data of the events that `chunk` ends, in order."""
        *lines, self._rest = (self._rest + chunk).replace(b"\r\n", b"\n").split(b"\n")
        for line in lines:
            yield from self._line(line)

    def close(self) -> Iterator[bytes]:
        """What is left when the bytes end: an event whose empty line did not come."""
        yield from self._line(self._rest)
        yield from self._line(b"")
        self._rest = b""

    def _line(self, line: bytes) -> Iterator[bytes]:
        if line.startswith(b"data:"):
            self._data.append(line[5:].removeprefix(b" "))
        elif not line.strip() and self._data:
            yield b"\n".join(self._data)
            self._data = []
