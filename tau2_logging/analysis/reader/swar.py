"""Numbers out of text for many places of a buffer at once, eight characters at a time ("SIMD within a register", on numpy's columns).

A `Text` gives, for every offset of a buffer, the eight bytes from there on as one little-endian number. Reading a digit string is
then three multiplications whatever its length. Nothing here guesses: what is not exactly the expected digits is reported as bad, and
the line goes the slow way.
"""

from __future__ import annotations

import mmap
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]
PAD = 256
"""Bytes before and after the text, so that eight bytes can be read anywhere."""

_U = np.uint64
MASK = np.array([(1 << (8 * size)) - 1 for size in range(9)], dtype=_U)
"""Keeps the first n bytes of a word."""
_HIGH = ~MASK[::-1].copy()
"""Keeps the last n bytes of a word."""
_ZEROS = _U(0x3030303030303030)
_FILL = _ZEROS & ~_HIGH
_CARRY, _BAD = _U(0x4646464646464646), _U(0x8080808080808080)


class Text:
    """A buffer that holds a text from offset PAD on, with PAD bytes around it; filled again and again.

    `bytes`: up to the end of the text and PAD more. `words[i]`: the eight bytes from offset i on. `size`: length of the text. `address`: of
    offset 0 in memory.
    """

    def __init__(self, capacity: int) -> None:
        self._memory = _memory(capacity + 2 * PAD)
        self._buffer = np.frombuffer(self._memory, dtype=np.uint8)
        self.address = self._buffer.ctypes.data
        self.fill(0)

    @property
    def capacity(self) -> int:
        """Bytes of text that there is room for."""
        return len(self._memory) - 2 * PAD

    def room(self, begin: int = 0) -> memoryview:
        """Return where text can be written, from its `begin`-th byte on; `fill` says afterwards how much there is."""
        return memoryview(self._memory)[PAD + begin : PAD + self.capacity]

    def fill(self, size: int) -> None:
        """Take the first `size` bytes as the text."""
        self.size = size
        self.bytes: Array = self._buffer[: size + 2 * PAD]
        self.bytes[PAD + size :] = 0
        self.words = self._view("<u8", 8)
        self._views: dict[int, Array] = {}

    def find(self, byte: bytes, size: int) -> int:
        """Return the offset of the first such byte among the first `size`, -1 if there is none."""
        return self._memory.find(byte, PAD, PAD + size)

    def last_newline(self, size: int) -> int:
        """Return the length of the whole lines among the first `size` bytes."""
        return max(0, self._memory.rfind(b"\n", PAD, PAD + size) + 1 - PAD)

    def _view(self, dtype: str, width: int) -> Array:
        view: Array = np.ndarray((len(self.bytes) - width + 1,), dtype, self.bytes, 0, (1,))
        return view

    def get(self, start: int, end: int) -> bytes:
        """Return the bytes between two offsets."""
        return self._memory[start:end]

    def stands(self, places: Array, literal: bytes) -> Array:
        """Return whether a literal is at each of some offsets inside the text."""
        result = self._stands(places, literal[:PAD])
        for begin in range(PAD, len(literal), PAD):
            result &= self._stands(np.minimum(places + begin, PAD + self.size), literal[begin : begin + PAD])
        return result

    def _stands(self, places: Array, literal: bytes) -> Array:
        count = -(-len(literal) // 8)
        words = self._pieces(count)[places].view("<u8").reshape(-1, count)
        result = np.ones(len(places), dtype=bool)
        for index in range(count):
            piece = literal[8 * index : 8 * index + 8]
            word = words[:, index] if len(piece) == 8 else words[:, index] & MASK[len(piece)]
            result &= word == word_literal(piece)
        return result

    def _pieces(self, count: int) -> Array:
        """At every offset, that many words at once."""
        view = self._views.get(count)
        if view is None:
            view = self._views[count] = self._view(f"S{8 * count}", 8 * count)
        return view


def _memory(size: int) -> mmap.mmap:
    """Return zeros; in huge pages if there are such, since they are read at scattered places. Shared memory, mmap's default, often has
    none."""
    if not hasattr(mmap, "MADV_HUGEPAGE"):
        return mmap.mmap(-1, size)
    memory = mmap.mmap(-1, size, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
    memory.madvise(mmap.MADV_HUGEPAGE)
    return memory


def word_literal(text: bytes) -> Any:
    """Up to eight bytes as a word, zeros behind."""
    return _U(int.from_bytes(text, "little"))


def digits8(word: Array) -> tuple[Array, Array]:
    """Return the number that eight digits spell, and whether any of them is no digit. `word` is used up."""
    number = word - _ZEROS
    word += _CARRY
    word |= number
    word &= _BAD
    bad = word != 0
    for factor, shift, keep in ((10, 8, 0x00FF00FF00FF00FF), (100, 16, 0x0000FFFF0000FFFF), (10000, 32, 0xFFFFFFFF)):
        high = number >> _U(shift)
        number *= _U(factor)
        number += high
        number &= _U(keep)
    return number, bad


def tail(text: Text, end: Array, size: Array) -> Array:
    """Return the last `size` (8 if it is more, 0 if it is less) characters before `end`, filled with zeros on the left."""
    word: Array = text.words[end - 8]
    word &= _HIGH.take(size, mode="clip")
    word |= _FILL.take(size, mode="clip")
    return word


def whole(text: Text, start: Array, end: Array) -> tuple[Array, Array]:
    """Return the whole numbers of 1 to 16 digits without leading zeros: (int64, bad)."""
    size = end - start
    number, bad = digits8(tail(text, end, size))
    longest = int(size.max(initial=0))
    if longest > 8:
        upper, upper_bad = digits8(tail(text, end - 8, size - 8))
        number += upper * _U(10**8)
        bad |= upper_bad | (size > 16)
    bad |= (size < 1) | ((text.bytes[start] == 48) & (size > 1))
    return number.astype(np.int64), bad


def fixed(text: Text, start: Array, end: Array, decimals: int) -> tuple[Array, Array]:
    """Return numbers with that many decimals (1 to 9), 15 digits at most: (float64, bad). The value is the one that `float` reads.

    A decimal number of at most 15 digits is a whole number below 2^53 divided by a power of ten below 10^22: one division, rounded
    once, as IEEE 754 demands of the decimal reading too.
    """
    size = end - start - (decimals + 1)
    point = end - (decimals + 1)
    if decimals == 3:
        return _thousandths(text, start, end, size)
    before, bad = whole(text, start, point)
    after, after_bad = digits8(tail(text, end, np.full(len(end), min(decimals, 8))))
    bad |= after_bad | (text.bytes[point] != 46) | (size < 1) | (size > 15 - decimals)
    if decimals == 9:
        nine = text.bytes[point + 1].astype(np.int64) - 48
        bad |= (nine < 0) | (nine > 9)
        after += nine.astype(_U) * _U(10**8)
    return (before * 10**decimals + after.astype(np.int64)) / float(10**decimals), bad


def _thousandths(text: Text, start: Array, end: Array, size: Array) -> tuple[Array, Array]:
    """Return the common case in one word: up to four digits, a point, three digits."""
    word = text.words[end - 8]
    bad = (word & _U(0xFF00000000)) != _U(0x2E00000000)
    word = ((word & _U(0xFFFFFFFF)) << _U(8)) | (word & _U(0xFFFFFF0000000000)) | _U(0x30)
    kept = np.minimum(size + 3, 7)
    word &= _HIGH.take(kept, mode="clip")
    word |= _FILL.take(kept, mode="clip")
    number, digit_bad = digits8(word)
    bad |= digit_bad
    if int(size.max(initial=0)) > 4:
        upper, upper_bad = digits8(tail(text, end - 8, size - 4))
        number += upper * _U(10**7)
        bad |= upper_bad | (size > 12)
    bad |= (size < 1) | ((text.bytes[start] == 48) & (size > 1))
    return number / 1000.0, bad


def clock_ms(text: Text, start: Array) -> tuple[Array, Array]:
    """Return milliseconds since midnight of `HH:MM:SS.mmm` at `start`: (int64, bad)."""
    word = text.words[start] ^ word_literal(b"\0\0\x0a\0\0\x0a\0\0")
    bad = (word & word_literal(b"\0\0\xff\0\0\xff\0\0")) != word_literal(b"\0\0\x30\0\0\x30\0\0")
    number, digit_bad = digits8(word)
    hours, rest = np.divmod(number.astype(np.int64), 1_000_000)
    minutes, seconds = np.divmod(rest, 1000)
    word = text.words[start + 4]
    bad |= (word & _U(0xFF00000000)) != _U(0x2E00000000)
    word &= _HIGH[3]
    word |= _FILL[3]
    milliseconds, more_bad = digits8(word)
    bad |= digit_bad | more_bad | (hours > 23) | (minutes > 59) | (seconds > 59)
    return ((hours * 60 + minutes) * 60 + seconds) * 1000 + milliseconds.astype(np.int64), bad


def truth(text: Text, start: Array, end: Array, words: tuple[bytes, bytes]) -> tuple[Array, Array]:
    """Return `true` and `false`, as those two are spelled: (int8, bad)."""
    size = end - start
    word = text.words[start] & MASK.take(size, mode="clip")
    yes = (word == word_literal(words[0])) & (size == len(words[0]))
    no = (word == word_literal(words[1])) & (size == len(words[1]))
    return yes.astype(np.int8), ~(yes | no)


def short_ids(text: Text, start: Array, end: Array) -> tuple[Array, Array]:
    """Return the texts of plain ASCII from `+` on, without `=` and backslash, as bytes of fixed width: (S8, S16, ..., bad)."""
    size = end - start
    width = max(1, -(-int(size.max(initial=1)) // 8))
    out = np.empty((len(start), width), dtype=_U)
    bad = size < 1
    for index in range(width):
        mask = MASK.take(size - 8 * index, mode="clip")
        word = text.words[np.minimum(start + 8 * index, len(text.words) - 1)] & mask
        out[:, index] = word
        bad |= _unsafe(word | (_ZEROS & ~mask))
    return out.reshape(-1).view(f"S{8 * width}"), bad


def _unsafe(word: Array) -> Array:
    """Return whether any byte is below `+`, above 0x7e, or one of `=` and backslash."""
    low = ((word & ~_BAD) + _U(0x5555555555555555)) & _BAD  # a byte of 0x2b or more carries into its top bit
    return np.asarray((low != _BAD) | ((word & _BAD) != 0) | _has(word, 0x3D) | _has(word, 0x5C) | _has(word, 0x7F))


def _has(word: Array, byte: int) -> Array:
    gone = word ^ _U(byte * 0x0101010101010101)
    return np.asarray(((gone - _U(0x0101010101010101)) & ~gone & _BAD) != 0)
