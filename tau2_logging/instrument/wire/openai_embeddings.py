"""OpenAI's embeddings, which other providers speak too: no streams, and answers whose numbers nobody here wants to read."""

from __future__ import annotations

import re
from typing import Any

from tau2_logging.instrument.wire.protocol import Assembler, Protocol, read_json

_USAGE = re.compile(rb'"usage"\s*:\s*(\{[^{}]*\})')


class OpenAIEmbeddings(Protocol):
    """POST .../embeddings."""

    name = "openai"
    path = "/embeddings"
    stream_fields = b""

    def assembler(self) -> Assembler:
        """Return one that reads nothing."""
        return _NoStream()

    def as_stream(self, content: bytes) -> bytes | None:
        """Return None: there is no stream to ask for."""
        return None

    def summary(self, content: bytes) -> dict[str, Any] | None:
        """Return an answer without its numbers, which run to megabytes when documents are indexed."""
        if b'"embedding"' not in content:
            return None
        found = _USAGE.search(content)
        return {"object": "list", "usage": read_json(found[1]) if found else None}


class _NoStream(Assembler):
    has_usage = False

    def feed(self, data: Any) -> bool:
        return False

    def body(self) -> None:
        return None
