"""What the scripted models know of a task: the reference actions, in order, and what must be said.

A script is plain data made from a tau2 Task by looking at its attributes; nothing here imports tau2.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

CLOSING = "Is there anything else I can help you with?"
TRANSFER_TOOL = "transfer_to_human_agents"
TRANSFER_NOTICE = "YOU ARE BEING TRANSFERRED TO A HUMAN AGENT. PLEASE HOLD ON."
REQUEST_PREFIX = "Please do this on your side: "


@dataclass(frozen=True)
class Action:
    """A reference action: who performs it (`assistant` or `user`), the tool and its arguments."""

    requestor: str
    name: str
    arguments: Mapping[str, Any]

    def request(self) -> str:
        """Return how the agent asks the user to perform it; the user reads the action back from it."""
        return REQUEST_PREFIX + json.dumps({"name": self.name, "arguments": dict(self.arguments)}, ensure_ascii=False)


@dataclass(frozen=True)
class TaskScript:
    """What the scripted agent does in a task, and what it has to tell the user."""

    task: str
    actions: tuple[Action, ...] = ()
    communicate: tuple[str, ...] = ()
    assertions: tuple[Action, ...] = field(default=())
    """The task's environment assertions; used if a task has no reference actions."""


def script_of(task: Any) -> TaskScript:
    """Return the script of a tau2 Task.

    A task without reference actions is solved from its environment assertions: `assert_task_status(expected_status=...)` is made true
    by the tool `update_task_status(status=...)`, if there is one (see `agent.goal_actions`).
    """
    criteria = task.evaluation_criteria
    actions = tuple(Action(action.requestor, action.name, action.arguments) for action in getattr(criteria, "actions", None) or ())
    assertions = tuple(
        Action(assertion.env_type, assertion.func_name, assertion.arguments)
        for assertion in getattr(criteria, "env_assertions", None) or ()
        if assertion.assert_value
    )
    communicate = tuple(getattr(criteria, "communicate_info", None) or ())
    return TaskScript(str(task.id), actions, communicate, () if actions else assertions)


def requested_action(text: str) -> Action | None:
    """Return the action that an agent's message asks the user for, None if it asks for none."""
    if not text.startswith(REQUEST_PREFIX):
        return None
    try:
        wanted = json.loads(text[len(REQUEST_PREFIX) :])
        return Action("user", wanted["name"], wanted["arguments"])
    except (ValueError, KeyError, TypeError):
        return None


class TaskScripts:
    """Scripts by (domain, task id). The runner fills it before it starts."""

    def __init__(self) -> None:
        self._scripts: dict[tuple[str, str], TaskScript] = {}
        self._writes: dict[str, frozenset[str]] = {}

    @classmethod
    def of(cls, tasks: Mapping[str, Iterable[Any]]) -> TaskScripts:
        """Return the scripts of tau2's tasks, by domain."""
        scripts = cls()
        for domain, chosen in tasks.items():
            for task in chosen:
                scripts.add(domain, script_of(task))
        return scripts

    def add(self, domain: str, script: TaskScript) -> None:
        """Keep the script of a task."""
        self._scripts[domain, script.task] = script

    def add_write_tools(self, domain: str, names: Iterable[str]) -> None:
        """Keep which tools of a domain write."""
        self._writes[domain] = frozenset(names)

    def writes(self, domain: str | None) -> frozenset[str]:
        """Return the tools of a domain that write, none if nobody has said."""
        return self._writes.get(domain or "", frozenset())

    def find(self, domain: str | None, task: str | None) -> TaskScript | None:
        """Return the script of a task, None if there is none."""
        return self._scripts.get((domain or "", task or ""))
