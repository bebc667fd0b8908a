"""A simulation as a recording holds it: the calls of each role with what was answered, and what is known of their prompts.

Our checkpoint keeps a hash of every part of every prompt. A results file keeps the conversation alone: its prompts' messages follow from
it, the way tau2's own agent and user see it, and of the system prompt is known what it must contain.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from tau2_logging.logger.content.prompt_parts import message_text, part_hash
from tau2_logging.logger.simulation import AGENT, JUDGE, USER

Message = Mapping[str, Any]
_LONGEST_MS = 86_400_000.0
_SPEAKERS = {AGENT: "assistant", USER: "user"}
"""Who says in a conversation what the model of a role has answered."""


@dataclass(frozen=True)
class RecordedCall:
    """A model call. `reply`: content, tool_calls, finish_reason, usage; None if there was none (`error` says why, if it is known).

    `system` and `tools` are hashes, `messages` those of the messages after the system prompt; None is not known, unless `is_whole`: then
    the prompt had none. `contains` are texts of which the system prompt is known to hold every one. `ms`: how long the call took.
    """

    reply: Mapping[str, Any] | None
    system: str | None = None
    tools: str | None = None
    messages: tuple[str, ...] | None = None
    contains: tuple[tuple[str, str], ...] = ()
    is_whole: bool = False
    ms: float | None = None
    error: str | None = None


@dataclass(frozen=True)
class RecordedReplies:
    """Calls by role, in order; `texts` of the parts of prompts by hash, where they are known; `seed` of the simulation."""

    calls: Mapping[str, tuple[RecordedCall, ...]]
    texts: Mapping[str, str] = field(default_factory=dict)
    seed: int | None = None


def from_tape(
    tape: Sequence[Mapping[str, Any]], messages: Sequence[Message], texts: Mapping[str, str], seed: int | None
) -> RecordedReplies:
    """Return a simulation of which the checkpoint keeps the calls (`tape`) and the conversation."""
    calls: dict[str, list[RecordedCall]] = {}
    last: dict[str, tuple[str, ...]] = {}
    for entry in tape:
        role = str(entry["role"])
        prompt = last[role] = (*last.get(role, ())[: int(entry["kept"])], *map(str, entry["new"]))
        call = RecordedCall(
            _kept_reply(entry), entry.get("system"), entry.get("tools"), prompt, is_whole=True, ms=_kept_ms(entry), error=entry.get("error")
        )
        calls.setdefault(role, []).append(call)
    wanted = {name for role in calls.values() for call in role for name in (call.system, call.tools) if name is not None}
    known = {name: texts[name] for name in wanted if name in texts}
    return RecordedReplies({role: tuple(of_role) for role, of_role in calls.items()}, known | _said(messages), seed)


def _kept_reply(entry: Mapping[str, Any]) -> Mapping[str, Any] | None:
    reply = entry.get("reply")
    if reply is not None and not (isinstance(reply, Mapping) and all(isinstance(one, Mapping) for one in reply.get("tool_calls") or ())):
        raise TypeError(f"a reply is {json.dumps(reply)[:60]}")
    return reply


def _kept_ms(entry: Mapping[str, Any]) -> float | None:
    ms = entry.get("ms")
    return ms if isinstance(ms, int | float) and 0 <= ms < _LONGEST_MS else None


def from_trajectory(simulation: Mapping[str, Any], history: int, known: Mapping[str, Sequence[tuple[str, str]]]) -> RecordedReplies:
    """Return a simulation of a results file, whose first `history` messages were there before it started. `known`: what the system prompt
    of a role is known to contain, as (what it is, text)."""
    messages = list(_flat(simulation.get("messages") or ()))
    calls = {role: tuple(_calls(messages, history, speaker, tuple(known.get(role, ())))) for role, speaker in _SPEAKERS.items()}
    calls[JUDGE] = tuple(_judged(simulation.get("reward_info") or {}))
    return RecordedReplies(calls, _said(messages), simulation.get("seed"))


def _calls(messages: Sequence[Message], history: int, role: str, contains: tuple[tuple[str, str], ...]) -> Iterator[RecordedCall]:
    seen: list[str] = []
    greeted = history == 0 and bool(messages) and messages[0].get("role") == "assistant" and not messages[0].get("tool_calls")
    for at, message in enumerate(messages):
        if message.get("role") == role and at >= history + (greeted and role == "assistant" and history == 0):
            before = messages[at - 1] if at else {}
            yield RecordedCall(_reply(message), messages=tuple(seen), contains=contains, ms=_between(before, message))
        seen.extend(part_hash(text) for text in _seen_by(role, message))


def _seen_by(role: str, message: Message) -> Iterator[str]:
    """Yield a message as tau2 puts it into the prompt of a role; nothing if that role does not see it. The user's model plays an assistant
    to whom the agent is a user."""
    speaker, content, calls = message.get("role"), message.get("content"), message.get("tool_calls")
    if speaker == "tool":
        if message.get("requestor", "assistant") == role:
            yield message_text({"role": "tool", "content": content, "tool_call_id": message.get("id")})
    elif speaker == role:
        yield message_text({"role": "assistant", "content": content, "tool_calls": [_call(call) for call in calls or ()]})
    elif not calls:
        yield message_text({"role": "user", "content": content})


def _call(call: Mapping[str, Any]) -> dict[str, Any]:
    arguments = json.dumps(call.get("arguments"))
    return {"id": call.get("id"), "function": {"name": call.get("name"), "arguments": arguments}}


def _reply(message: Message) -> dict[str, Any]:
    raw = message.get("raw_data")
    said = raw.get("message") if isinstance(raw, Mapping) else None
    calls = [
        {"id": call.get("id"), "name": call.get("name"), "arguments": json.dumps(call.get("arguments"))}
        for call in message.get("tool_calls") or ()
    ]
    return {
        "content": message.get("content"),
        "reasoning_content": said.get("reasoning_content") if isinstance(said, Mapping) else None,
        "tool_calls": calls or None,
        "finish_reason": "tool_calls" if calls else "stop",
        "usage": message.get("usage"),
    }


def _judged(reward: Mapping[str, Any]) -> Iterator[RecordedCall]:
    """Yield the judge's answer in the form in which tau2 asks for it, if the results hold what it found."""
    checks = reward.get("nl_assertions")
    if checks:
        found = [
            {"expectedOutcome": one.get("nl_assertion"), "reasoning": one.get("justification"), "metExpectation": one.get("met")}
            for one in checks
        ]
        yield RecordedCall({"content": json.dumps({"results": found}, ensure_ascii=False), "finish_reason": "stop"})


def _said(messages: Sequence[Message]) -> dict[str, str]:
    """Return the texts of a conversation's messages as the agent and the user see them, by hash."""
    texts = (text for message in _flat(messages) for role in ("assistant", "user") for text in _seen_by(role, message))
    return {part_hash(text): text for text in texts}


def _flat(messages: Sequence[Message]) -> Iterator[Message]:
    """Yield messages one by one: results of several calls may be one message."""
    for message in messages:
        yield from message.get("tool_messages") or (message,)


def _between(before: Message, after: Message) -> float | None:
    try:
        seconds = (datetime.fromisoformat(str(after["timestamp"])) - datetime.fromisoformat(str(before["timestamp"]))).total_seconds()
    except (KeyError, TypeError, ValueError):
        return None
    return max(seconds * 1000, 0.0)
