"""What a turn has cost: tau2 adds up the messages of its trajectory, and a turn of several calls is one message there."""

from __future__ import annotations

from collections import Counter
from typing import Any


class TurnCost:
    """Cost and usage of the replies of one turn. What a reply does not say is left out, as tau2 does."""

    def __init__(self) -> None:
        self._costs: list[float] = []
        self._tokens: Counter[str] = Counter()
        self._replies = 0

    def add(self, reply: Any) -> None:
        """A reply of the agent's model or of an expert's."""
        self._replies += 1
        if reply.cost is not None:
            self._costs.append(reply.cost)
        self._tokens.update({name: number for name, number in (reply.usage or {}).items() if isinstance(number, int)})

    def put_on(self, message: Any) -> Any:
        """Return a copy of `message` that bears the cost and usage of the whole turn; the message itself if it was the only reply."""
        if self._replies < 2:
            return message
        cost = sum(self._costs) if self._costs else None
        return message.model_copy(update={"cost": cost, "usage": dict(self._tokens) or message.usage})
