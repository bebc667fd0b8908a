"""Credentials that this process was given: whatever they look like, no text that is written holds them.

A server may say a key back ("Incorrect API key provided: ..."), a client the header that it could not send.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from urllib.parse import quote

_SHORTEST = 8


class KnownSecrets:
    """What `mask_text` must not let through. One of them is shared by all threads of the process: `KNOWN`."""

    def __init__(self) -> None:
        self._values: tuple[str, ...] = ()

    @property
    def values(self) -> tuple[str, ...]:
        """All of them, in each of their spellings, the longest first."""
        return self._values

    def within(self, text: str) -> bool:
        """Return whether a text holds one of them."""
        return any(value in text for value in self._values) if self._values else False

    def hidden(self, text: str, mask: str) -> str:
        """Return the text without them."""
        for value in self._values:
            if value in text:
                text = text.replace(value, mask)
        return text

    @contextmanager
    def knowing(self, values: Iterable[str]) -> Iterator[None]:
        """These are known too, inside the block. Those that may be ordinary words are left to the rest of the masking."""
        before = self._values
        spelled = {spelling for value in values for word in value.split() if _is_telling(word) for spelling in _spellings(word)}
        self._values = tuple(sorted(spelled.union(before), key=len, reverse=True))
        try:
            yield
        finally:
            self._values = before


KNOWN = KnownSecrets()


def _is_telling(word: str) -> bool:
    """Return whether a word is so long and so mixed that it is no name or term that a log needs."""
    mixed = any(map(str.isdigit, word)) or (not word.islower() and not word.isupper() and not word.istitle())
    return len(word) >= _SHORTEST and mixed and any(map(str.isalpha, word))


def _spellings(word: str) -> set[str]:
    return {word, quote(word, safe=""), json.dumps(word)[1:-1], repr(word)[1:-1]}
