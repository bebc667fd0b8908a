"""Protocol buffers, as far as a trace needs them: one message by hand, and many of one shape at once with numpy.

Numbers of a column have one width: a varint may be longer than it need be (`0x81 0x00` is 1), so that a column is a matrix of bytes.
"""

from __future__ import annotations

import struct
from typing import Any

import numpy as np
import numpy.typing as npt

_MASK = (1 << 64) - 1
Bytes = npt.NDArray[np.uint8]


def varint(number: int) -> bytes:
    """Return a number that is not negative, seven bits a byte."""
    found = bytearray()
    while number > 0x7F:
        found.append(number & 0x7F | 0x80)
        number >>= 7
    return bytes([*found, number])


def message(*fields: tuple[int, int | float | str | bytes]) -> bytes:
    """Return a message of fields (number, value): whole numbers, other numbers, texts, messages."""
    found = b""
    for number, value in fields:
        if isinstance(value, int):
            found += varint(number << 3) + varint(value & _MASK)
        elif isinstance(value, float):
            found += varint(number << 3 | 1) + struct.pack("<d", value)
        else:
            data = value.encode("utf-8", "replace") if isinstance(value, str) else value
            found += varint(number << 3 | 2) + varint(len(data)) + data
    return found


def varints(numbers: Any) -> Bytes:
    """Return whole numbers, a row of bytes each, all as long as the longest; those below zero as protobuf's int64 has them."""
    values = np.asarray(numbers, np.int64)
    longest = 64 if values.min(initial=0) < 0 else max(int(values.max(initial=0)).bit_length(), 1)
    width = -(-longest // 7)
    shifted = values.view(np.uint64)[:, None] >> (np.arange(width, dtype=np.uint64) * np.uint64(7))
    rows: Bytes = (shifted & np.uint64(0x7F)).astype(np.uint8)
    rows[:, :-1] |= 0x80
    return rows


def doubles(numbers: Any) -> Bytes:
    """Return numbers as eight bytes each."""
    found: Bytes = np.ascontiguousarray(numbers, "<f8").view(np.uint8).reshape(-1, 8)
    return found


class Messages:
    """Messages that are made field by field, a field for all of those that have it."""

    def __init__(self, count: int) -> None:
        self.lengths = np.zeros(count, np.int64)
        self._parts: list[tuple[Any, bytes, Bytes]] = []

    def add(self, start: bytes, values: Bytes, at: Any = slice(None)) -> None:
        """Append `start` and a row of values to the messages at these places, each at most once."""
        self.lengths[at] += len(start) + values.shape[1]
        self._parts.append((at, start, values))

    def within(self, start: bytes) -> Messages:
        """Return messages that begin with `start`, the length of one of these, and that one."""
        outer = Messages(len(self.lengths))
        outer.add(start, varints(self.lengths))
        outer.extend(self)
        return outer

    def extend(self, others: Messages) -> None:
        """Append to each message the one of the others at its place."""
        self.lengths += others.lengths
        self._parts += others._parts

    def joined(self) -> bytes:
        """Return all messages, one after the other."""
        place = np.cumsum(self.lengths) - self.lengths
        data = np.zeros(int(self.lengths.sum()), np.uint8)
        for at, start, values in self._parts:
            places = place[at]
            for offset, byte in enumerate(start):
                data[places + offset] = byte
            for offset in range(values.shape[1]):
                data[places + (len(start) + offset)] = values[:, offset]
            place[at] += len(start) + values.shape[1]
        return data.tobytes()
