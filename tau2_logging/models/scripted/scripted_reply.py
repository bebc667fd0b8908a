"""What a scripted model says: text, or tool calls. The provider makes litellm's response of it."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from tau2_logging.models.experts.tool import CALL_EXPERT


@dataclass(frozen=True)
class ScriptedCall:
    """A tool call as a model writes it: arguments are text, which need not be JSON."""

    name: str
    arguments: str


@dataclass(frozen=True)
class ScriptedReply:
    """Either text or tool calls; neither for an empty reply."""

    text: str | None = None
    calls: tuple[ScriptedCall, ...] = ()


def tool_reply(name: str, arguments: Mapping[str, Any]) -> ScriptedReply:
    """Return a reply that is one tool call."""
    return ScriptedReply(calls=(ScriptedCall(name, json.dumps(dict(arguments), ensure_ascii=False)),))


def question_reply(aliases: Sequence[str], question: str) -> ScriptedReply:
    """Return a reply that puts a question to each of these experts."""
    return ScriptedReply(calls=tuple(tool_reply(CALL_EXPERT, {"expert": alias, "question": question}).calls[0] for alias in aliases))


def calls_in(message: Mapping[str, Any]) -> list[tuple[str, Any]]:
    """Return (tool, arguments) of each tool call of a message; arguments that are not JSON are left as text."""
    return [(call["function"]["name"], parsed_arguments(call["function"]["arguments"])) for call in message.get("tool_calls") or ()]


def parsed_arguments(arguments: str) -> Any:
    """Return arguments as a value; the text itself if it is no JSON."""
    try:
        return json.loads(arguments)
    except (TypeError, ValueError):
        return arguments
