"""Reads Perfetto's traces: protocol buffers byte by byte, by the schema that Perfetto publishes. Shares nothing with what writes them."""

from __future__ import annotations

import struct
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

Fields = dict[int, list[Any]]
_CLEARED = 1


def _varint(data: bytes, at: int) -> tuple[int, int]:
    number = shift = 0
    while True:
        byte = data[at]
        number |= (byte & 0x7F) << shift
        at, shift = at + 1, shift + 7
        if not byte & 0x80:
            return number & (1 << 64) - 1, at


def fields_of(data: bytes) -> Fields:
    """Return the values of a message by number of field: whole numbers, or bytes."""
    found: Fields = defaultdict(list)
    at = 0
    while at < len(data):
        key, at = _varint(data, at)
        if key & 7 == 0:
            value, at = _varint(data, at)
            found[key >> 3].append(value)
        elif key & 7 == 1:
            found[key >> 3].append(data[at : at + 8])
            at += 8
        elif key & 7 == 2:
            length, at = _varint(data, at)
            assert at + length <= len(data), "a field is longer than its message"
            found[key >> 3].append(data[at : at + length])
            at += length
        else:
            raise AssertionError(f"wire type {key & 7}")
    return found


@dataclass
class Reader:
    """What packets have told so far."""

    texts: dict[int, dict[int, str]] = field(default_factory=dict)
    tracks: dict[int, dict[str, Any]] = field(default_factory=dict)
    open: dict[int, list[dict[str, Any]]] = field(default_factory=lambda: defaultdict(list))

    def events(self, data: bytes) -> Iterator[dict[str, Any]]:
        """Yield events as Chrome's trace format has them: X with its length in µs, C, i, and M for names."""
        for packet in fields_of(data)[1]:
            yield from self._events(fields_of(packet))
        assert not any(self.open.values()), "a slice is never closed"

    def _events(self, packet: Fields) -> Iterator[dict[str, Any]]:
        assert packet[10] == [1]
        if packet[12]:
            assert packet[13] == [_CLEARED]
            given = fields_of(packet[12][0])
            self.texts = {number: dict(_text(entry) for entry in given[number]) for number in (1, 2, 3, 29)}
        if packet[60]:
            yield from self._track(fields_of(packet[60][0]))
        if packet[11]:
            yield from self._event(packet[8][0] / 1000, fields_of(packet[11][0]))

    def _track(self, track: Fields) -> Iterator[dict[str, Any]]:
        [number], [name] = track[1], track[2]
        text = name.decode()
        if track[4]:
            thread = fields_of(track[4][0])
            place = {"pid": thread[1][0], "tid": thread[2][0]}
            yield {"ph": "M", "name": "thread_name", "args": {"name": thread[5][0].decode()}, **place}
        elif track[8]:
            place = {"pid": self.tracks[track[5][0]]["pid"], "tid": 0}
        else:
            process = fields_of(track[3][0])
            place = {"pid": process[1][0], "tid": 0}
            yield {"ph": "M", "name": "process_name", "args": {"name": process[6][0].decode()}, **place}
        self.tracks[number] = {"title": text, **place}

    def _event(self, at: float, event: Fields) -> Iterator[dict[str, Any]]:
        [kind], [number] = event[9], event[11]
        track = self.tracks[number]
        place = {"pid": track["pid"], "tid": track["tid"]}
        assert at.is_integer() or kind != 1
        if kind == 4:
            value = event[30][0] if event[30] else struct.unpack("<d", event[44][0])[0]
            yield {"ph": "C", "name": track["title"], "ts": at, "value": value, **place}
        elif kind == 3:
            yield {"ph": "i", "name": event[23][0].decode(), "ts": at, "args": self._details(event), **place}
        elif kind == 1:
            arrows = {"out": [_arrow(one) for one in event[47]], "in": [_arrow(one) for one in event[48]]}
            name, category = self.texts[2][event[10][0]], self.texts[1][event[3][0]]
            self.open[number].append(
                {"ph": "X", "name": name, "cat": category, "ts": int(at), "args": self._details(event), **arrows, **place}
            )
        else:
            begun = self.open[number].pop()
            yield {**begun, "dur": int(at) - begun["ts"]}

    def _details(self, event: Fields) -> dict[str, Any]:
        return dict(self._detail(fields_of(one)) for one in event[4])

    def _detail(self, said: Fields) -> tuple[str, Any]:
        key = self.texts[3][said[1][0]] if said[1] else said[10][0].decode()
        if said[17]:
            return key, self.texts[29][said[17][0]]
        if said[6]:
            return key, said[6][0].decode()
        if said[5]:
            return key, struct.unpack("<d", said[5][0])[0]
        return (key, bool(said[2][0])) if said[2] else (key, struct.unpack("<q", struct.pack("<Q", said[4][0]))[0])


def _text(entry: bytes) -> tuple[int, str]:
    found = fields_of(entry)
    return found[1][0], found[2][0].decode()


def _arrow(data: bytes) -> int:
    return int(struct.unpack("<Q", data)[0])
