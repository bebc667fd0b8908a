"""Whether a recorded simulation holds what a run can have: objects that are objects, and numbers of a size that is possible."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

_MOST = 1e12
_SIMULATION = ("duration", "agent_cost", "user_cost", "trial")
_MESSAGE = ("cost", "generation_time_seconds")
_TOKENS = ("prompt_tokens", "completion_tokens")


def problem(simulation: object) -> str | None:
    """Return what is wrong with a simulation of a results file; None if it can be read."""
    if not isinstance(simulation, Mapping):
        return f"it is {_shown(simulation)}, no object"
    return next(_problems(simulation), None)


def _problems(simulation: Mapping[str, Any]) -> Iterator[str]:
    reward, messages = simulation.get("reward_info"), simulation.get("messages")
    if not isinstance(reward, Mapping | None):
        yield f"reward_info is {_shown(reward)}, no object"
    elif not _is_number(given := (reward or {}).get("reward"), least=-_MOST):
        yield f"reward is {_shown(given)}, not a number that a run can have"
    yield from _numbers(simulation, _SIMULATION)
    if not isinstance(messages, list | None):
        yield f"messages is {_shown(messages)}, no list"
    else:
        yield from _message_problems(messages or ())


def _message_problems(messages: Iterable[Any]) -> Iterator[str]:
    for message in messages:
        if isinstance(message, Mapping) and isinstance(message.get("usage"), Mapping | None):
            yield from _numbers(message, _MESSAGE)
            yield from _numbers(message.get("usage") or {}, _TOKENS)
            yield from _call_problems(message.get("tool_calls"))
        else:
            yield f"a message is {_shown(message)}, which cannot be read"


def _call_problems(calls: Any) -> Iterator[str]:
    if not isinstance(calls, list | None) or not all(
        isinstance(call, Mapping) and isinstance(call.get("name"), str) for call in calls or ()
    ):
        yield f"tool_calls is {_shown(calls)}, not a list of calls with names"


def _numbers(found: Mapping[str, Any], names: Iterable[str]) -> Iterator[str]:
    for name in names:
        if (value := found.get(name)) is not None and not _is_number(value):
            yield f"{name} is {_shown(value)}, not a number that a run can have"


def _is_number(value: object, least: float = 0.0) -> bool:
    if value is None:
        return True
    return isinstance(value, int | float) and not isinstance(value, bool) and least <= value <= _MOST


def _shown(value: object) -> str:
    text = repr(value)
    return text if len(text) <= 40 else f"{text[:40]}..."
