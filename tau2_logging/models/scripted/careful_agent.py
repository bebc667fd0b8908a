"""What the scripted agent does for a customer who wants to be asked: it tells what it would change, asks for what it needs, believes what
the customer says, and leaves off if told to.

The customer's sentences are constants here, as the agent's are in `task_script`: each side recognizes the other's.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from tau2_logging.models.scripted.task_script import CLOSING, Action

ASK_BEFORE_CHANGES = "Before you change anything, tell me what you would do and ask me."
ASK_FOR_DETAILS = "Ask me for what you need."
REFUSAL = "I would rather not say that."
TAKES_BACK = "I changed my mind. Please leave everything as it is."
PROPOSAL, NEEDS = "I would now call ", "To go on, please tell me your "

_CORRECTION = re.compile(r"To be exact, it is (\S+), not (\S+)\.")


def correction(wrong: str, right: str) -> str:
    """Return how the customer says that a value is another than the one that its scenario gives."""
    return f"To be exact, it is {wrong}, not {right}."


def believed(actions: Sequence[Action], messages: Sequence[Mapping[str, Any]]) -> tuple[Action, ...]:
    """Return the actions with the values that the customer has said instead."""
    said = {right: wrong for message in _customer(messages) for wrong, right in _CORRECTION.findall(message)}
    return tuple(replace(action, arguments=_replaced(action.arguments, said)) for action in actions) if said else tuple(actions)


def _replaced(value: Any, said: Mapping[str, str]) -> Any:
    if isinstance(value, Mapping):
        return {name: _replaced(item, said) for name, item in value.items()}
    if isinstance(value, list | tuple):
        return [_replaced(item, said) for item in value]
    return said.get(value, value) if isinstance(value, str) else value


def asked_or_stopped(action: Action, messages: Sequence[Mapping[str, Any]], writes: frozenset[str]) -> str | None:
    """Return what the agent says instead of making its next call; None if it makes it."""
    heard = _customer(messages)
    if not heard:
        return None
    if heard[-1].startswith((REFUSAL, TAKES_BACK)):
        return f"All right, then I leave it. {CLOSING}"
    if ASK_FOR_DETAILS in heard[0] and not _said(messages, NEEDS):
        return f"{NEEDS}{' and '.join(name.replace('_', ' ') for name in action.arguments) or 'request'}."
    if ASK_BEFORE_CHANGES in heard[0] and action.name in writes:
        proposal = f"{PROPOSAL}{action.name} with {json.dumps(dict(action.arguments), ensure_ascii=False)}. Do you agree?"
        return None if _said(messages, proposal) else proposal
    return None


def _customer(messages: Sequence[Mapping[str, Any]]) -> list[str]:
    return [str(message.get("content") or "") for message in messages if message["role"] == "user"]


def _said(messages: Sequence[Mapping[str, Any]], words: str) -> bool:
    return any(message["role"] == "assistant" and words in str(message.get("content") or "") for message in messages)
