"""A conversation without its credentials: a results file may have been written without `--mask`."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import lru_cache
from typing import Any

from tau2_logging.analysis.conversations.conversation import Conversation, ToolCall, Turn
from tau2_logging.events.secrets.masking import has_sign, mask, mask_text, may_name_secret

_TOLD = ("task", "reference", "parts", "changes", "cause", "fault", "measured", "missing")
_text = lru_cache(maxsize=64)(mask_text)
"""A policy and the texts of a task come with each simulation of theirs."""
_may_name = lru_cache(maxsize=4096)(may_name_secret)

Search = Callable[[str], bool]


def search() -> Search:
    """Return `has_sign` for many conversations: tasks, results and sentences come again, and each is searched once."""
    return lru_cache(maxsize=20_000)(has_sign)


def masked(conversation: Conversation, has_sign: Search = has_sign) -> Conversation:
    """Return the same with everything that looks like a credential, or that a name makes one, as `***`. Nearly all hold none."""
    policy = None if conversation.policy is None else _text(conversation.policy)
    if not _may_hold_secret(conversation, has_sign):
        return replace(conversation, policy=policy)
    known: dict[str, Any] = {name: mask(getattr(conversation, name)) for name in _TOLD}
    return replace(conversation, turns=[_turn(turn) for turn in conversation.turns], policy=policy, **known)


def _may_hold_secret(conversation: Conversation, has_sign: Search) -> bool:
    texts: list[str] = []
    names: set[str] = set()
    for name in _TOLD:
        _gather(getattr(conversation, name), texts, names)
    for turn in conversation.turns:
        _gather((turn.who, turn.text, turn.heard), texts, names)
        for call in turn.calls:
            _gather((call.tool, call.arguments, call.result), texts, names)
    return any(map(_may_name, names)) or any(map(has_sign, texts))


def _gather(value: Any, texts: list[str], names: set[str]) -> None:
    """Add the texts in a value, and the names of its parts."""
    if isinstance(value, str):
        texts.append(value)
    elif isinstance(value, dict):
        names.update(map(str, value))
        _gather(list(value.values()), texts, names)
    elif isinstance(value, list | tuple):
        for item in value:
            if type(item) is str:
                texts.append(item)
            elif item is not None:
                _gather(item, texts, names)


def _turn(turn: Turn) -> Turn:
    heard = None if turn.heard is None else mask_text(turn.heard)
    return replace(turn, text=mask_text(turn.text), heard=heard, calls=[_call(call) for call in turn.calls])


def _call(call: ToolCall) -> ToolCall:
    result = None if call.result is None else mask_text(call.result)
    return replace(call, tool=mask_text(call.tool), arguments=mask(call.arguments), result=result)
