"""What a protocol has to say about itself, and what puts one of its streams together."""

from __future__ import annotations

import json
import re
from abc import ABC, abstractmethod
from typing import Any

_MENTIONS_STREAM = re.compile(rb'"stream(_options)?"')


class Assembler(ABC):
    """Reads the events of one stream and puts them together to the body that the same request has without a stream."""

    begun = False
    """The model has started to answer: a first event of its own has come, with or without a token."""
    complete = False
    """The stream has said why it ends."""
    over = False
    """The stream has said that nothing more comes: its protocol's end, whatever the connection does."""

    @abstractmethod
    def feed(self, data: Any) -> bool:
        """Take the JSON of an event. True if it brings content, reasoning or a piece of a tool call. Raises ProviderError."""

    @abstractmethod
    def body(self) -> dict[str, Any] | None:
        """Return the body so far, None if nothing of it has come."""

    @property
    @abstractmethod
    def has_usage(self) -> bool:
        """Whether the provider has said how many tokens it counts; a count of 0 was filled in by somebody."""


class Protocol(ABC):
    """One way of asking a model."""

    name: str
    path: str
    """How the path of its requests ends."""
    stream_fields: bytes
    """What asks for a stream, as the end of a JSON object."""

    @abstractmethod
    def assembler(self) -> Assembler:
        """Make the assembler of one stream."""

    def summary(self, content: bytes) -> dict[str, Any] | None:
        """Return what is wanted of a whole answer, if its bytes need not be read as JSON for it; None if they do."""
        return None

    def as_stream(self, content: bytes) -> bytes | None:
        """Return a request's body changed to ask for a stream; None if it asks for one already, or cannot be changed.

        Bodies run to hundreds of kilobytes: if nothing in it speaks of streams, the fields are written behind its last one, unread.
        """
        if not content.rstrip().endswith(b"}"):
            return None
        if _MENTIONS_STREAM.search(content) is None:
            return content.rstrip()[:-1] + b"," + self.stream_fields
        return self._as_stream_read(content)

    def _as_stream_read(self, content: bytes) -> bytes | None:
        asked = read_json(content)
        if not isinstance(asked, dict) or asked.get("stream"):
            return None
        plain = {name: value for name, value in asked.items() if name not in ("stream", "stream_options")}
        return json.dumps(plain, ensure_ascii=False).encode()[:-1] + b"," + self.stream_fields


def read_json(text: str | bytes) -> Any:
    """Return the value, None for what is no JSON."""
    try:
        return json.loads(text)
    except ValueError:
        return None
