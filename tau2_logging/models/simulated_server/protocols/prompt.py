"""What is asked of the server, whatever the protocol; and how many tokens of it a prefix cache would know."""

from __future__ import annotations

import json
from collections import OrderedDict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

CHARACTERS_PER_TOKEN = 4
BLOCK_TOKENS = 16
_BLOCK = BLOCK_TOKENS * CHARACTERS_PER_TOKEN
CACHE_BLOCKS = 65_536
"""Capacity of the prefix cache, and what the KV-cache use is a share of: about a million tokens."""


class BadRequest(Exception):
    """The request is not of the protocol's form; the text says what is wrong."""


@dataclass(frozen=True)
class Prompt:
    """A request: messages and tools in OpenAI's form (role, content as text; name, parameters), and what the client wants of the answer."""

    model: str
    messages: Sequence[Mapping[str, Any]]
    tools: Sequence[Mapping[str, Any]] = ()
    tool_choice: str = "auto"
    """`auto`, `none`, `required`, or the name of a tool."""
    stream: bool = False
    wants_usage: bool = True
    written: str = field(default="", repr=False)
    """Everything the model reads, tools first, as one text: a longer conversation starts with a shorter one."""

    reply_tokens: int | None = None
    """Exactly how many tokens the reply has to have; None if that is for the model to decide."""

    @property
    def tokens(self) -> int:
        """About a quarter of the characters."""
        return -(-len(self.written) // CHARACTERS_PER_TOKEN)


def written(messages: Sequence[Mapping[str, Any]], tools: Sequence[Mapping[str, Any]]) -> str:
    """Return what the model reads, as one text."""
    return "\n".join(json.dumps(item, ensure_ascii=False) for item in (*tools, *messages))


def text_of(content: Any) -> str:
    """Return content as text: a string, or the text parts of a list."""
    if isinstance(content, str) or content is None:
        return content or ""
    if not isinstance(content, list):
        raise BadRequest(f"content must be a string or a list of parts, not {type(content).__name__}")
    return "".join(str(part.get("text") or "") for part in content if isinstance(part, Mapping))


def items_of(body: Mapping[str, Any], name: str) -> list[Mapping[str, Any]]:
    """Return a list of objects in a request body, empty if it is not there."""
    found = body.get(name) or []
    if not isinstance(found, list) or not all(isinstance(item, Mapping) for item in found):
        raise BadRequest(f"{name} must be a list of objects")
    return found


class PrefixCache:
    """Which blocks of 16 tokens have been seen, each after the same text; the least recently used are forgotten."""

    def __init__(self, capacity: int = CACHE_BLOCKS) -> None:
        self._capacity = capacity
        self._known: OrderedDict[int, None] = OrderedDict()

    def look_up(self, text: str) -> int:
        """Return how many tokens at the start of `text` were known, in whole blocks; all of its blocks are known from now on.

        The last token always has to be computed, so that a prompt is never known to its end.
        """
        known, hit, key = 0, True, 0
        for at in range(0, len(text) - len(text) % _BLOCK, _BLOCK):
            key = hash((key, text[at : at + _BLOCK]))
            hit = hit and key in self._known
            known += hit and at + _BLOCK < len(text)
            self._known[key] = None
            self._known.move_to_end(key)
        while len(self._known) > self._capacity:
            self._known.popitem(last=False)
        return known * BLOCK_TOKENS
