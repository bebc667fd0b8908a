"""From messages to turns: each message of agent or user with the calls that it made and what these returned."""

from __future__ import annotations

import json
from collections import Counter, defaultdict, deque
from collections.abc import Iterator, Mapping
from typing import Any

from tau2_logging.analysis.conversations.conversation import Told, ToolCall, Turn
from tau2_logging.analysis.deep.reading.messages import failed, flat, moment

_as_text = json.JSONEncoder(sort_keys=True, default=str).encode


def turns_of(told: Told) -> list[Turn]:
    """Return the turns of a simulation, with the times and tokens that its messages hold themselves."""
    turns: list[Turn] = []
    waiting: dict[str, deque[ToolCall]] = defaultdict(deque)
    began = moment(told.began) if told.began else None
    seen: Counter[str] = Counter()
    position = 0
    for number, message in enumerate(flat(told.messages)):
        before = number < told.history
        if message.get("role") == "tool":
            use = waiting[str(message.get("id"))].popleft() if waiting[str(message.get("id"))] else _orphan(turns)
            use.result, use.error = _text(message.get("content")), failed(message)
            use.at_ms = _since(began, message)
            use.position = None if before else position
            position += not before
            continue
        turn = _turn(message, before, _since(began, message))
        turns.append(turn)
        for call, use in zip(_calls(message), turn.calls, strict=True):
            waiting[str(call.get("id"))].append(use)
            same = f"{use.tool} {_as_text(use.arguments)}"
            seen[same] += 1
            use.times = seen[same]
    return turns


def _since(began: float | None, message: Mapping[str, Any]) -> float | None:
    now = moment(message.get("timestamp")) if began is not None else None
    return None if now is None or began is None else max(0.0, (now - began) * 1000)


def _turn(message: Mapping[str, Any], before: bool, at_ms: float | None) -> Turn:
    usage, words = message.get("usage") or {}, _text(message.get("content"))
    audio_at_ms, heard = message.get("audio_start_ms"), message.get("heard")
    took = message.get("generation_time_seconds")
    return Turn(
        str(message.get("role")),
        words,
        [ToolCall(*called(call)) for call in _calls(message)],
        before,
        at_ms if audio_at_ms is None else None,
        None if took is None else float(took) * 1000,
        usage.get("prompt_tokens"),
        usage.get("completion_tokens"),
        float(message["cost"]) if message.get("cost") else None,
        audio_at_ms=audio_at_ms,
        audio_ms=message.get("audio_ms"),
        heard=heard if heard != words else None,
    )


def _calls(message: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    return [call for call in message.get("tool_calls") or () if isinstance(call, Mapping)]


def called(call: Mapping[str, Any]) -> tuple[str, Any]:
    """Return (name, arguments) of a call as tau2 or as OpenAI's protocol writes it; arguments that are no JSON stay text."""
    function = call.get("function")
    function = function if isinstance(function, Mapping) else {}
    arguments = call.get("arguments", function.get("arguments"))
    if isinstance(arguments, str):
        try:
            arguments = json.loads(arguments)
        except (ValueError, RecursionError):
            pass
    return str(call.get("name") or function.get("name") or "unknown"), arguments


def _orphan(turns: list[Turn]) -> ToolCall:
    """Return a result whose call is not in the record belongs to the turn before it."""
    if not turns:
        turns.append(Turn("assistant", ""))
    use = ToolCall("unknown", None)
    turns[-1].calls.append(use)
    return use


def _text(content: object) -> str:
    """Return the words of a content, also if a provider gives it in parts."""
    if isinstance(content, list):
        return "\n".join(_text(part.get("text")) for part in content if isinstance(part, Mapping))
    return "" if content is None else str(content)


def uses_of(turns: list[Turn]) -> Iterator[tuple[int, ToolCall]]:
    """Yield (number of the turn, call) of every call."""
    for number, turn in enumerate(turns):
        for use in turn.calls:
            yield number, use
