"""Whether the value of an argument was in the conversation before the call: a value that did not was made up, computed, or known by
heart.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

LEAST_LETTERS = 3
"""Shorter values occur everywhere by chance; they are not judged."""


class KnownTexts:
    """Everything that could be read so far: policy, ticket, messages, tool results."""

    def __init__(self, *texts: str) -> None:
        self._texts = [text.casefold() for text in texts if text]

    def read(self, text: str | None) -> None:
        """More text."""
        if text:
            self._texts.append(text.casefold())

    def holds(self, arguments: Mapping[str, Any]) -> dict[str, bool | None]:
        """For each argument whether every value in it has been seen; None if none of them can be judged."""
        return {name: self._seen(value) for name, value in arguments.items()}

    def _seen(self, value: Any) -> bool | None:
        wanted = [text for text in leaves(value) if len(text) >= LEAST_LETTERS]
        if not wanted:
            return None
        return all(any(text in part for part in reversed(self._texts)) for text in wanted)


def leaves(value: Any) -> Iterator[str]:
    """Yield the texts and numbers in a value, as they would be in a conversation. Truths say nothing and are left out."""
    if isinstance(value, Mapping):
        for item in value.values():
            yield from leaves(item)
    elif isinstance(value, (list, tuple)):
        for item in value:
            yield from leaves(item)
    elif isinstance(value, str):
        yield value.strip().casefold()
    elif isinstance(value, (int, float)) and not isinstance(value, bool):
        yield json.dumps(value)
