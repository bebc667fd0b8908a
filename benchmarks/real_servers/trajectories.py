"""A simulation's trajectory without what differs by chance: identifiers, times, costs."""

from __future__ import annotations

from typing import Any

_KEPT = ("role", "content", "requestor", "error", "turn_idx")


def trajectory(simulation: dict[str, Any]) -> dict[str, Any]:
    """What two runs of the same deterministic model must have in common."""
    return {
        "task": simulation["task_id"],
        "trial": simulation["trial"],
        "termination": simulation["termination_reason"],
        "reward": (simulation.get("reward_info") or {}).get("reward"),
        "messages": [_message(message) for message in simulation["messages"]],
    }


def _message(message: dict[str, Any]) -> dict[str, Any]:
    kept = {name: message.get(name) for name in _KEPT}
    calls = [{name: call.get(name) for name in ("name", "arguments", "requestor")} for call in message.get("tool_calls") or []]
    return {**kept, "tool_calls": calls, "usage": message.get("usage")}


def first_difference(one: list[dict[str, Any]], other: list[dict[str, Any]]) -> str | None:
    """Where two lists of simulations come apart, in a few words; None if nowhere."""
    if len(one) != len(other):
        return f"{len(one)} and {len(other)} simulations"
    for left, right in zip(map(trajectory, one), map(trajectory, other), strict=True):
        for name in ("task", "trial", "termination", "reward"):
            if left[name] != right[name]:
                return f"task {left['task']}: {name} {left[name]} and {right[name]}"
        for at, pair in enumerate(zip(left["messages"], right["messages"], strict=False)):
            if pair[0] != pair[1]:
                return f"task {left['task']}, message {at}: {_short(pair[0])} and {_short(pair[1])}"
        if len(left["messages"]) != len(right["messages"]):
            return f"task {left['task']}: {len(left['messages'])} and {len(right['messages'])} messages"
    return None


def _short(message: dict[str, Any]) -> str:
    told = {name: value for name, value in message.items() if value}
    return str(told)[:160]
