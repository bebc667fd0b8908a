"""Server-sent events, as far as model servers use them (WHATWG HTML, section 9.2.6): `data` lines, an empty line ends an event."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator

_BETWEEN_EVENTS = re.compile(rb"(\r?\n\r?\n)")


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


class EventFilter:
    """Passes bytes on, event by event, without the events whose data `drops` says so of."""

    def __init__(self, drops: Callable[[bytes], bool]) -> None:
        self._drops = drops
        self._rest = b""

    def feed(self, chunk: bytes) -> bytes:
        """What is to be passed on of the events that `chunk` ends."""
        *events, self._rest = _BETWEEN_EVENTS.split(self._rest + chunk)
        return b"".join(event + gap for event, gap in zip(events[::2], events[1::2], strict=True) if not self._dropped(event))

    def close(self) -> bytes:
        """What is left when the bytes end."""
        rest, self._rest = self._rest, b""
        return rest

    def _dropped(self, event: bytes) -> bool:
        stream = EventStream()
        return any(self._drops(data) for data in [*stream.feed(event), *stream.close()])
