"""The reference actions of a simulation beside its calls, and the call at which its cause can be seen."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from tau2_logging.analysis.conversations.conversation import ToolCall, Turn
from tau2_logging.analysis.conversations.turns import uses_of
from tau2_logging.analysis.deep.recall import describe, matches
from tau2_logging.analysis.deep.root_causes import Evidence, cause_of
from tau2_logging.analysis.deep.tool_calls.taxonomy import TRANSFER_WORD

_ENDED = ("not scored", "no usable reply", "out of steps")
"""Causes that are seen where the conversation ends."""


def reference_of(actions: Iterable[dict[str, Any]], turns: Sequence[Turn]) -> list[dict[str, Any]]:
    """Return each reference action: made, partly, failed, what differs in the nearest call, and the turn of the call that made it or came
    near."""
    uses = list(uses_of(list(turns)))
    return [_action(action, uses) for action in actions]


def _action(action: dict[str, Any], uses: Sequence[tuple[int, ToolCall]]) -> dict[str, Any]:
    found: tuple[int | None, Any]
    if action["made"]:
        found = next(((number, use.position) for number, use in uses if _is_made(action, use)), (None, None))
    else:
        found = (turn_at(action.get("nearest_position"), uses), action.get("nearest_position"))
    return {
        "tool": action["tool"],
        "arguments": action["wanted"],
        "requestor": action["requestor"],
        "outcome": _outcome(action),
        "differing": describe(action.get("differing")),
        "turn": found[0],
        "position": found[1],
    }


def _outcome(action: dict[str, Any]) -> str:
    if action["made"]:
        return "made, refused" if action["failed"] else "made, arguments left out" if action["partly"] else "made"
    return "other arguments" if action.get("same_tool") else "missed"


def _is_made(action: dict[str, Any], use: ToolCall) -> bool:
    call = {"tool": use.tool, "arguments": use.arguments if isinstance(use.arguments, dict) else None}
    return matches(action["tool"], action["wanted"], action["compare"], call)


def turn_at(position: Any, uses: Iterable[tuple[int, ToolCall]]) -> int | None:
    """Return the turn of the call at a position of the record; None for no position."""
    if position is None or position != position:
        return None
    return next((number for number, use in uses if use.position == position), None)


def cause_in(found: Evidence, turns: Sequence[Turn]) -> dict[str, Any]:
    """Return the likely cause, its evidence and the turn that shows it; None if no single turn does."""
    cause, evidence = cause_of(found)
    return {"cause": cause, "evidence": evidence, "turn": _turn_of(cause, found, turns)}


def _turn_of(cause: str, found: Evidence, turns: Sequence[Turn]) -> int | None:
    uses = list(uses_of(list(turns)))
    if cause in _ENDED:
        return len(turns) - 1 if turns else None
    if cause in ("loop", "too many errors"):
        return max((number for number, use in uses if use.error is True), default=None)
    if cause == "transferred to a human":
        return next((number for number, use in uses if TRANSFER_WORD in use.tool and use.error is not True), None)
    if cause == "wrong arguments":
        return turn_at(found.tried[0]["nearest_position"], uses)
    if cause == "action failed":
        failed = next((action for action in found.actions if action["made"] and action["failed"]), None)
        return next((number for number, use in uses if failed and use.error and _is_made(failed, use)), None)
    if cause == "extra change":
        return next((number for number, use in uses if _is_extra(use, found)), None)
    return None


def _is_extra(use: ToolCall, found: Evidence) -> bool:
    writes = {call["position"] for call in found.calls if call["tool_type"] == "write" and call["error"] is False}
    return use.position in writes and not any(_is_made(action, use) for action in found.actions)
