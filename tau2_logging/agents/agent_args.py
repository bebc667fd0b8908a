"""Settings of the agents (`--agent-args`), checked at the edge. Standard library only."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from tau2_logging.errors import UserError


@dataclass(frozen=True)
class RetrySettings:
    """`attempts`: how often at most a reply of one turn is withheld and asked for again. `schema_check`: look at arguments before the call
    is made. `tell_errors`: say with a tool's error what the tool takes."""

    attempts: int = 3
    schema_check: bool = True
    tell_errors: bool = True

    def __post_init__(self) -> None:
        _whole("attempts", self.attempts, 0, 20)
        _flag("schema_check", self.schema_check)
        _flag("tell_errors", self.tell_errors)


@dataclass(frozen=True)
class ContextSettings:
    """`limit`: the most tokens a prompt may have (None: what litellm knows of the model, else 128,000). From `warning` times the limit on
    the prompt is made shorter; above `critical` times the limit the oldest turns are dropped, too. `keep_results` of the last tool results
    and `keep_messages` of the last messages stay as they are.
    """

    limit: int | None = None
    warning: float = 0.8
    keep_results: int = 2
    keep_messages: int = 6
    critical: float = 1.0

    def __post_init__(self) -> None:
        if self.limit is not None:
            _whole("limit", self.limit, 100, 100_000_000)
        if not isinstance(self.warning, int | float) or isinstance(self.warning, bool) or not 0 < self.warning <= 1:
            raise UserError(f"warning is {self.warning!r}; give a share of the limit, above 0 and at most 1")
        if not isinstance(self.critical, int | float) or isinstance(self.critical, bool) or not self.warning <= self.critical <= 1:
            raise UserError(
                f"critical is {self.critical!r}; give a share of the limit, at least that of warning ({self.warning}) and at most 1"
            )
        _whole("keep_results", self.keep_results, 0, 1000)
        _whole("keep_messages", self.keep_messages, 1, 1000)


KINDS: dict[str, tuple[type, ...]] = {
    "retry_agent": (RetrySettings,),
    "context_agent": (ContextSettings,),
    "enhanced_agent": (RetrySettings, ContextSettings),
}
"""Our agents, and the settings each takes."""


def settings_of(agent: str, arguments: Mapping[str, Any]) -> tuple[RetrySettings | None, ContextSettings | None]:
    """Return the settings of one of our agents. Raises UserError for a name it does not have or a value it cannot be."""
    kinds = KINDS.get(agent, ())
    offered = {item.name: kind for kind in kinds for item in dataclasses.fields(kind)}
    for name in arguments:
        if name not in offered:
            there = f"it takes {', '.join(offered)}" if offered else f"only {', '.join(KINDS)} take any"
            raise UserError(f"--agent-args: no setting {name!r} for agent {agent!r}; {there}")
    try:
        made = {kind: kind(**{name: value for name, value in arguments.items() if offered[name] is kind}) for kind in kinds}
    except UserError as error:
        raise UserError(f"--agent-args: {error}") from error
    return made.get(RetrySettings), made.get(ContextSettings)


def _whole(name: str, value: Any, least: int, most: int) -> None:
    if not isinstance(value, int) or isinstance(value, bool) or not least <= value <= most:
        raise UserError(f"{name} is {value!r}; give a whole number from {least} to {most:,}")


def _flag(name: str, value: Any) -> None:
    if not isinstance(value, bool):
        raise UserError(f"{name} is {value!r}; give true or false")
