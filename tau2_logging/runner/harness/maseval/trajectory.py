"""MASEval's traces as tau2's trajectory.

MASEval keeps two histories, the agent's and the user's. They alternate strictly, so that one order of all messages can be told from them.
"""

from __future__ import annotations

import importlib
import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from tau2_logging.logger.scope import stop_token

Message = Mapping[str, Any]


class NoConversation(ValueError):
    """The traces hold no conversation that can be put in order; the text says why."""


def trajectory(traces: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return the messages of a MASEval report (`report["traces"]`), in the form of tau2's, in the order in which they were said.

    Raises NoConversation.
    """
    user = _messages(traces.get("user") or next(iter((traces.get("users") or {}).values()), None))
    agent = _messages(next(iter((traces.get("agents") or {}).values()), None))
    if not user or not agent:
        raise NoConversation(f"the traces hold no messages of the {'agent' if user else 'user'}")
    said = [dict(message) for message in _interleaved(user, agent)]
    return list(_as_tau2(said))


def _messages(part: Any) -> list[Message]:
    return [dict(message) for message in (part or {}).get("messages") or ()]


def _interleaved(user: Sequence[Message], agent: Sequence[Message]) -> Iterator[Message]:
    """The user's history is cut where the agent is heard, the agent's where the user is."""
    heard = [message for message in user if message["role"] == "assistant"]
    asked = _cut(user, "assistant")
    answered = _cut(agent, "user")
    if heard:
        yield {"role": "assistant", "content": heard[0]["content"]}
    for number, turn in enumerate(asked):
        yield from ({**message, "requestor": "user"} for message in turn)
        if number >= len(answered):
            continue
        yield from ({**message, "requestor": "assistant"} for message in answered[number])
        if number + 1 < len(heard) and not _ends_in_words(answered[number]):
            yield {"role": "assistant", "content": heard[number + 1]["content"]}  # said to the user and kept out of the agent's history


def _cut(messages: Sequence[Message], role: str) -> list[list[Message]]:
    """Return the messages after each one of `role`, without it."""
    turns: list[list[Message]] = []
    for message in messages:
        if message["role"] == role and not (role == "assistant" and message.get("tool_calls")):
            turns.append([])
        elif turns and message["role"] != "system":
            turns[-1].append(message)
    return turns


def _ends_in_words(turn: Sequence[Message]) -> bool:
    return bool(turn) and turn[-1]["role"] == "assistant" and not turn[-1].get("tool_calls")


def _as_tau2(said: Sequence[Message]) -> Iterator[dict[str, Any]]:
    """Yield tau2's own form; calls get fresh ids, since providers' need not be unique."""
    waiting: list[str] = []
    number = 0
    for message in said:
        if message["role"] == "tool":
            if not waiting:
                raise NoConversation("a tool answers that was not called")
            content = _text(message.get("content"))
            yield {
                "role": "tool",
                "id": waiting.pop(0),
                "content": content,
                "requestor": message["requestor"],
                "error": content.startswith("Error"),
            }
            continue
        calls = []
        for call in message.get("tool_calls") or ():
            waiting.append(f"call_{number}")
            calls.append({"id": waiting[-1], "requestor": message["role"], **_function(call)})
            number += 1
        yield {"role": message["role"], "content": None if calls else _text(message.get("content")), "tool_calls": calls or None}
    if waiting:
        raise NoConversation(f"{len(waiting)} tool calls have no answer")


def _function(call: Mapping[str, Any]) -> dict[str, Any]:
    function = call.get("function", call)
    arguments = function.get("arguments") or {}
    if isinstance(arguments, str):
        try:
            arguments = json.loads(arguments)
        except ValueError:
            arguments = {}
    return {"name": str(function.get("name", "")), "arguments": arguments if isinstance(arguments, dict) else {}}


def _text(content: Any) -> str:
    if isinstance(content, list):
        return " ".join(part.get("text", "") if isinstance(part, Mapping) else str(part) for part in content)
    return "" if content is None else str(content)


def in_tau2s_words(messages: Sequence[dict[str, Any]], environment: Any) -> int:
    """Word errors as tau2 does, in place; how many were changed.

    Both implementations refuse the same calls, with another start of the text; tau2's evaluator compares texts. The calls are played
    in
    `environment`, which has the task's initial state; an answer is replaced only if both are errors.
    """
    tool_call = importlib.import_module("tau2.data_model.message").ToolCall
    answers = {message["id"]: message for message in messages if message["role"] == "tool"}
    changed = 0
    for message in messages:
        for call in message.get("tool_calls") or ():
            response = environment.get_response(tool_call(**call))
            recorded = answers[call["id"]]
            if response.error and recorded["error"] and recorded["content"] != response.content:
                recorded["content"] = response.content
                changed += 1
    return changed


def termination(messages: Sequence[Mapping[str, Any]]) -> str:
    """Return tau2's termination reason: the user's stop, else the end of the steps that were allowed."""
    last = next((message for message in reversed(messages) if message["role"] == "user"), None)
    return "user_stop" if last is not None and stop_token(last.get("content")) is not None else "max_steps"
