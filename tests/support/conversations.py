"""What holds of every prompt of a model that calls tools."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any


def check_pairs(messages: Sequence[dict[str, Any]]) -> None:
    """Every tool call has exactly one result, right after its message, and no result is without a call."""
    waiting: list[str] = []
    for message in messages:
        if message["role"] == "tool":
            assert message["tool_call_id"] in waiting, f"a result without a call: {message}"
            waiting.remove(message["tool_call_id"])
            continue
        assert not waiting, f"no result for {waiting} before {message}"
        waiting = [call["id"] for call in message.get("tool_calls") or ()] if message["role"] == "assistant" else []
    assert not waiting


def tools_called(messages: Sequence[dict[str, Any]]) -> list[str]:
    """Names of the tools that were called, in order."""
    return [call["function"]["name"] for message in messages for call in message.get("tool_calls") or ()]
