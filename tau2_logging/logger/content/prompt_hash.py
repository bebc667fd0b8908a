"""A short name of a system prompt: the same text has the same one, in every process and on every machine."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from typing import Any


def prompt_hash(text: str) -> str:
    """Return the first 16 hexadecimal digits of the SHA-256 of the text's UTF-8 (a few microseconds for tau2's prompts)."""
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:16]


def system_text(messages: Sequence[Mapping[str, Any]]) -> str | None:
    """Return the system message of a request in OpenAI's form, None if there is none."""
    for message in messages:
        if message.get("role") == "system":
            content = message.get("content")
            return content if isinstance(content, str) else "".join(str(part.get("text", "")) for part in content or ())
    return None
