"""The messages of a recorded simulation one by one, in whatever shape a release of tau2 kept them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime
from typing import Any

from tau2_logging.analysis.tables.voice.transcript import spoken_messages

Message = Mapping[str, Any]

_CALLS = ("agent_tool_calls", "user_tool_calls")
_ERROR = "Error: "
"""How tau2 starts the text of a tool's error."""


def messages_of(simulation: Mapping[str, Any], tick_s: object = None) -> list[Message]:
    """Return what was said and done; of a spoken simulation its transcript, with its tool calls. `tick_s`: see `read_ticks`."""
    return list(flat(simulation.get("messages") or ())) or list[Message](spoken_messages(simulation, tick_s))


def ticks_of(simulation: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """Return the ticks of a voice run (tau2 v1) that know of tool calls; a trimmed file may have kept none of these."""
    return [tick for tick in simulation.get("ticks") or () if any(calls in tick for calls in _CALLS)]


def flat(messages: Iterable[Message]) -> Iterator[Message]:
    """Yield messages one by one: several tool results may come as one message."""
    for message in messages:
        if message.get("tool_messages"):
            yield from message["tool_messages"]
        else:
            yield message


def failed(message: Message) -> bool:
    """Return whether a tool's result is an error: as the file says; in a trimmed one, which does not, by tau2's own words."""
    error = message.get("error")
    return str(message.get("content") or "").startswith(_ERROR) if error is None else bool(error)


def moment(text: Any) -> float | None:
    """Return an ISO time as seconds; None if there is none."""
    try:
        return datetime.fromisoformat(str(text).replace("Z", "+00:00")).timestamp()
    except ValueError:
        return None
