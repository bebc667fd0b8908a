"""The state in which a task of tau2 starts: part of what its users, records and conversations are before the first step."""

from __future__ import annotations

from typing import Any


def set_initial_state(environment: Any, task: Any, with_history: bool = True) -> None:
    """Put an environment (tau2's Environment, just made) into the initial state of a task. Calls of a message history that the task starts
    with are made again in it unless `with_history` is off. Raises whatever tau2 raises: of a few tasks it cannot be set.
    """
    start = task.initial_state
    environment.set_state(
        initialization_data=getattr(start, "initialization_data", None),
        initialization_actions=getattr(start, "initialization_actions", None),
        message_history=list(getattr(start, "message_history", None) or ()) if with_history else [],
    )
