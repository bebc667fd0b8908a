"""The distinct texts of a column, and finding the code of the text at many places of a buffer at once."""

from __future__ import annotations

import json
import re
import secrets
import threading
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tau2_logging.analysis.reader.column_types import is_text
from tau2_logging.analysis.reader.swar import MASK, Text

Array = NDArray[Any]
INVALID = -2
"""Code of what cannot be taken as it is; its line goes the slow way."""

_BARE = re.compile(r'[^\s"=\\]+')
_MULTIPLIER = np.uint64(secrets.randbits(64) | 1)
_MOST_SLOTS = 1 << 16


def is_bare(token: str) -> bool:
    """Return whether a token is one that needs no quotes."""
    return _BARE.fullmatch(token) is not None


def literal(token: str) -> str | None:
    """Return the text of a JSON string literal, None if it is none."""
    try:
        value = json.loads(token)
    except ValueError:
        return None
    return value if isinstance(value, str) and is_text(value) else None


class Words:
    """Texts and their codes, 0, 1, ... in order of first appearance. May be used from several threads."""

    def __init__(self) -> None:
        self.texts: list[str] = []
        self._codes: dict[str, int] = {}
        self._lock = threading.Lock()
        self._table = _empty_table(1 << 10)

    def code(self, text: str) -> int:
        """Return the code of a text, a new one if it is new."""
        code = self._codes.get(text)
        if code is None:
            with self._lock:
                code = self._codes.get(text)
                if code is None:
                    code = len(self.texts)
                    self.texts.append(text)
                    self._codes[text] = code
        return code

    def known(self, text: str) -> int:
        """Return the code of a text, -1 if it does not occur."""
        return self._codes.get(text, -1)

    def array(self) -> Array:
        """Return the texts by code, and None at the end, so that code -1 finds it."""
        values = np.empty(len(self.texts) + 1, dtype=object)
        values[:-1] = self.texts
        return values

    def find(self, text: Text, start: Array, end: Array, read: Callable[[str], str | None]) -> Array:
        """Return the codes of the tokens between the offsets. `read` makes a new token's text, None if the token is not valid.

        Tokens are distinguished by 64 bits mixed with a random factor; a token of up to eight characters is its own 64 bits.
        """
        if len(start) > 64 and (constant := self._constant(text, start, end, read)) is not None:
            return constant
        keys = _keys(text, start, end - start)
        hashes, codes = self._table
        slots = (keys * _MULTIPLIER) >> np.uint64(64 - len(codes).bit_length() + 1)
        found: Array = codes[slots]
        missed = np.flatnonzero(hashes[slots] != keys)
        if len(missed):
            found[missed] = self._learn(text, start[missed], end[missed], keys[missed], read)
        return found

    def _constant(self, text: Text, start: Array, end: Array, read: Callable[[str], str | None]) -> Array | None:
        """Return the codes where every token is the same, as a run's id and its domain are; None if they differ."""
        size = int(end[0] - start[0])
        token = text.get(int(start[0]), int(end[0]))
        if size < 1 or text.get(int(start[-1]), int(end[-1])) != token or not np.all(end - start == size):
            return None
        for offset in range(0, size, 8):
            kept = MASK[min(8, size - offset)]
            if not np.all((text.words[start + offset] & kept) == (text.words[start[0] + offset] & kept)):
                return None
        return np.full(len(start), self._code_of(token, read), dtype=np.int32)

    def _code_of(self, token: bytes, read: Callable[[str], str | None]) -> int:
        try:
            text = token.decode("utf-8")
        except UnicodeDecodeError:
            return INVALID
        value = read(text) if is_bare(text) or text[:1] == '"' else None
        return INVALID if value is None else self.code(value)

    def _learn(self, text: Text, start: Array, end: Array, keys: Array, read: Callable[[str], str | None]) -> Array:
        unique, first, inverse = np.unique(keys, return_index=True, return_inverse=True)
        codes = np.empty(len(unique), dtype=np.int32)
        for place in np.argsort(first).tolist():  # in order of appearance
            one = first[place]
            codes[place] = self._code_of(text.get(int(start[one]), int(end[one])), read)
        with self._lock:
            self._remember(unique, codes)
        return np.asarray(codes[inverse])

    def _remember(self, keys: Array, new: Array) -> None:
        """Put the keys where `find` looks. A taken slot is left alone, since another thread may be reading it."""
        hashes, codes = self._table
        taken = np.flatnonzero(codes != INVALID)
        if 4 * (len(taken) + len(keys)) > len(codes) and len(codes) < _MOST_SLOTS:
            hashes, codes = _empty_table(min(_MOST_SLOTS, 8 * len(codes)))
            old_hashes, old_codes = self._table
            _insert(hashes, codes, old_hashes[taken], old_codes[taken])
            self._table = (hashes, codes)
        _insert(hashes, codes, keys, new)


def _empty_table(slots: int) -> tuple[Array, Array]:
    return np.zeros(slots, dtype=np.uint64), np.full(slots, INVALID, dtype=np.int32)


def _insert(hashes: Array, codes: Array, keys: Array, new: Array) -> None:
    slots = (keys * _MULTIPLIER) >> np.uint64(64 - len(codes).bit_length() + 1)
    for slot, key, code in zip(slots.tolist(), keys.tolist(), new.tolist(), strict=True):
        if codes[slot] == INVALID and code != INVALID:
            codes[slot] = code
            hashes[slot] = key


def _keys(text: Text, start: Array, size: Array) -> Array:
    keys = text.words[start] & MASK.take(size, mode="clip")
    longest = int(size.max(initial=0))
    if longest > 8:
        shortest = int(size.min())
        for offset in range(8, longest, 8):
            if shortest > offset:
                _mix(keys, text.words[start + offset] & MASK.take(size - offset, mode="clip"))
            else:
                longer = np.flatnonzero(size > offset)
                part = keys[longer]
                _mix(part, text.words[start[longer] + offset] & MASK.take(size[longer] - offset, mode="clip"))
                keys[longer] = part
    return keys


def _mix(keys: Array, word: Array) -> None:
    keys ^= word * _MULTIPLIER
    keys *= _MULTIPLIER
    keys ^= keys >> np.uint64(32)
    keys += word
    keys *= _MULTIPLIER
    keys ^= keys >> np.uint64(29)
