"""How the scripted models count tokens: with litellm's tokenizer, four for each message, and the schemas of the tools."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Any

import litellm

_MODEL = "scripted/agent"
_PER_MESSAGE = 4


def prompt_tokens(messages: Sequence[Mapping[str, Any]], tools: Sequence[Mapping[str, Any]] | None) -> int:
    """Return the tokens of a prompt."""
    return sum(_message_tokens(message) for message in messages) + _tools_tokens(tools)


def _message_tokens(message: Mapping[str, Any]) -> int:
    called = "".join(f"{call['function']['name']}{call['function']['arguments']}" for call in message.get("tool_calls") or ())
    return count(str(message.get("content") or "")) + (count(called) if called else 0) + _PER_MESSAGE


def _tools_tokens(tools: Sequence[Mapping[str, Any]] | None) -> int:
    return sum(_tool_tokens(str(tool["function"]["name"]), str(tool)) for tool in tools or ())


@lru_cache(maxsize=1024)
def _tool_tokens(name: str, text: str) -> int:
    return count(text)


@lru_cache(maxsize=16_384)
def count(text: str) -> int:
    """Return the tokens of a text."""
    return int(litellm.token_counter(model=_MODEL, text=text)) if text else 0
