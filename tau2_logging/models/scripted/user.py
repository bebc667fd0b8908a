"""The scripted user: opens with the reason for the call, performs what it is asked to do, reports it, and ends the conversation."""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from typing import Any

from tau2_logging.models.scripted.persona import asks_again, in_persona
from tau2_logging.models.scripted.scripted_reply import ScriptedReply, tool_reply
from tau2_logging.models.scripted.task_script import CLOSING, TRANSFER_NOTICE, requested_action
from tau2_logging.models.scripted.user_faults import asks_to_be_asked, faulty_answer

STOP, TRANSFER = "###STOP###", "###TRANSFER###"
_REASON = "Reason for call:"
_LONGEST_OPENING = 400


def user_turn(
    messages: Sequence[Mapping[str, Any]], random_: random.Random | None = None, careful: bool = False, fault: str | None = None
) -> ScriptedReply:
    """Return the user's next turn, in tau2's flipped view: the user is `assistant`, the agent is `user`.

    With `random_` it takes on the manner that its system prompt asks for. A `careful` one wants to be asked before changes; `fault` is what
    it does wrong on purpose (`user_faults`).
    """
    if careful and (words := _careful_words(messages, fault)) is not None:
        return ScriptedReply(text=words)
    if random_ is None:
        return _plain_turn(messages)
    again = CLOSING in str(messages[-1].get("content") or "") and asks_again(messages, random_)
    return in_persona(ScriptedReply(text="Is that really everything?") if again else _plain_turn(messages), messages, random_)


def _careful_words(messages: Sequence[Mapping[str, Any]], fault: str | None) -> str | None:
    if not any(message["role"] == "assistant" for message in messages):
        return asks_to_be_asked(f"Hello. {opening(messages)}", messages, fault)
    return faulty_answer(str(messages[-1].get("content") or ""), fault, STOP) if messages[-1]["role"] == "user" else None


def _plain_turn(messages: Sequence[Mapping[str, Any]]) -> ScriptedReply:
    last = messages[-1]
    if last["role"] == "tool":
        return ScriptedReply(text=f"I did that. I see: {(last.get('content') or '')[:200]}")
    heard = last.get("content") or ""
    action = requested_action(heard)
    if action is not None:
        return tool_reply(action.name, action.arguments)
    if TRANSFER_NOTICE in heard:
        return ScriptedReply(text=f"All right, I will hold. {TRANSFER}")
    if CLOSING in heard:
        return ScriptedReply(text=f"No, that was all. Thank you! {STOP}")
    if not any(message["role"] == "assistant" for message in messages):
        return ScriptedReply(text=f"Hello. {opening(messages)}")
    return ScriptedReply(text="Please go on with my request.")


def opening(messages: Sequence[Mapping[str, Any]]) -> str:
    """Return the reason for the call as the scenario in the system prompt gives it, or a general one."""
    system = next((str(message.get("content") or "") for message in messages if message["role"] == "system"), "")
    lines = [line.strip() for line in system.splitlines()]
    if _REASON not in lines:
        return "I need your help with my request, please."
    start = lines.index(_REASON) + 1
    rest = lines[start:]
    end = next((i for i, line in enumerate(rest) if line.endswith(":") and i > 0), len(rest))
    return " ".join(rest[:end]).strip()[:_LONGEST_OPENING] or "I need your help with my request, please."
