"""A conversation without its credentials: a results file may have been written without `--mask`."""

from __future__ import annotations

from dataclasses import replace
from functools import lru_cache
from typing import Any

from tau2_logging.analysis.conversations.conversation import Conversation, ToolCall, Turn
from tau2_logging.events.secrets.masking import mask, mask_text

_TOLD = ("task", "reference", "parts", "changes", "cause", "fault", "measured", "missing")
_text = lru_cache(maxsize=64)(mask_text)
"""A policy and the texts of a task come with each simulation of theirs."""


def masked(conversation: Conversation) -> Conversation:
    """Return the same with everything that looks like a credential, or that a name makes one, as `***`. Costs some 0.1 ms a kB."""
    known: dict[str, Any] = {name: mask(getattr(conversation, name)) for name in _TOLD}
    policy = None if conversation.policy is None else _text(conversation.policy)
    return replace(conversation, turns=[_turn(turn) for turn in conversation.turns], policy=policy, **known)


def _turn(turn: Turn) -> Turn:
    heard = None if turn.heard is None else mask_text(turn.heard)
    return replace(turn, text=mask_text(turn.text), heard=heard, calls=[_call(call) for call in turn.calls])


def _call(call: ToolCall) -> ToolCall:
    result = None if call.result is None else mask_text(call.result)
    return replace(call, tool=mask_text(call.tool), arguments=mask(call.arguments), result=result)
