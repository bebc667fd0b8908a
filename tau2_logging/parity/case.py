"""What both sides play, as plain data that goes through a pipe: calls in order on the initial state of a task."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

NO_TOOL = "look_up_something"
"""A tool that no domain has."""
GREETING = "Hi! How can I help you today?"
STOP = "###STOP###"
Key = tuple[str, str, int | None, bool]


@dataclass(frozen=True)
class Call:
    """One tool call: who asks for it (`assistant` or `user`), the tool, its arguments."""

    requestor: str
    name: str
    arguments: Mapping[str, Any]

    def __str__(self) -> str:
        return f"{self.name}({', '.join(f'{name}={value!r}' for name, value in self.arguments.items())})"


@dataclass(frozen=True)
class Case:
    """A sequence of calls on the initial state of task `task` of `domain`. `fuzz` numbers random ones, None is the task's gold actions.

    `slip`: the gold actions after a call of a tool that does not exist, as models make them.
    """

    domain: str
    task: str
    fuzz: int | None
    calls: tuple[Call, ...]
    slip: bool = False

    @property
    def key(self) -> Key:
        """What names it on both sides."""
        return self.domain, self.task, self.fuzz, self.slip

    @property
    def played(self) -> str:
        """`gold`, `slip` or `fuzz`."""
        return "fuzz" if self.fuzz is not None else "slip" if self.slip else "gold"

    def as_json(self) -> dict[str, Any]:
        """For the pipe; `of` reads it back."""
        return asdict(self)

    @classmethod
    def of(cls, data: Mapping[str, Any]) -> Case:
        """From `as_json`."""
        calls = tuple(Call(call["requestor"], call["name"], call["arguments"]) for call in data["calls"])
        return cls(data["domain"], data["task"], data["fuzz"], calls, data["slip"])


@dataclass(frozen=True)
class Act:
    """One message of a conversation: a call, or words."""

    role: str
    text: str = ""
    call: Call | None = None


def gold_conversation(calls: tuple[Call, ...], communicate: tuple[str, ...]) -> list[Act]:
    """Return the perfect conversation about a task: the gold actions in order, what must be said, and the user's stop.

    The user answers a greeting. Whenever it is the user's turn to act, the agent asks for it, the user makes all calls of that stretch
    one after the other and says so. Every text is another one.
    """
    acts = [Act("user", "Hello, I need help.")]
    turn = "assistant"
    for number, call in enumerate(calls, start=1):
        if call.requestor != turn:
            acts.append(Act(turn, f"Please go on with step {number}." if turn == "assistant" else f"That was step {number - 1}."))
            turn = call.requestor
        acts.append(Act(turn, call=call))
    if turn == "user":
        acts.append(Act("user", f"That was step {len(calls)}, the last one."))
    acts.append(Act("assistant", f"All is done. {' '.join(communicate)}".strip()))
    acts.append(Act("user", f"Thank you. {STOP}"))
    return acts
