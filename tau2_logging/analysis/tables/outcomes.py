"""How a simulation ended, under its own name: tau2's termination says more than that there was an error, or hides it behind `ok`."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

ERROR, OK = "error", "ok"
AGENT_ERROR = "agent_error"
STATUSES = ("error", "timeout", "unfinished", "agent_error", "user_error", "judge_error", "infrastructure_error")
"""Statuses of simulations that did not end as they should; `unknown` is none of them."""


def is_error(termination: object) -> bool:
    """Return whether tau2 ended the simulation for an error of the agent, the user simulator, a judge or the infrastructure."""
    return isinstance(termination, str) and termination.endswith("_error")


def named(status: Any, termination: Any) -> Any:
    """Return the status that is shown: the termination's name if that is an error. An unfinished or timed-out simulation stays what it
    is."""
    return termination if is_error(termination) and status in (OK, ERROR) else status


def named_statuses(statuses: Iterable[Any], terminations: Iterable[Any]) -> list[Any]:
    """Return the same for columns."""
    return [named(status, termination) for status, termination in zip(statuses, terminations, strict=True)]


def recorded_ending(termination: Any, reward: Any) -> tuple[str, Any]:
    """Return (status, reward) of a simulation in a results file. A reward that is there is taken as it is; an agent that ended in an
    error without one has failed; a failure of the user simulator or of the infrastructure is not scored.
    """
    if not is_error(termination):
        return OK, reward
    return ERROR, 0.0 if reward is None and termination == AGENT_ERROR else reward
