"""What was said in a recorded simulation: the messages with their calls, the scenario of the user, the policy, the judges' verdicts."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from tau2_logging.analysis.deep.reading.messages import Message, failed
from tau2_logging.events.task_hash import task_hash
from tau2_logging.statistics.score import is_solved

KEPT = 400
"""Characters of a tool's result that are kept of a solved simulation; of one that failed, which is read closely, all are."""


@dataclass(frozen=True)
class SaidMessage:
    """A message. `index` counts the messages of the trajectory from 0, tool results among them; `error` is None if it is no tool's."""

    index: int
    role: str
    text: str
    calls: tuple[tuple[str, Mapping[str, Any]], ...] = ()
    error: bool | None = None


@dataclass(frozen=True)
class RecordedConversation:
    """A simulation's messages and what they are judged by. `scenario` and `policy` are empty if the record does not hold them; `expected`:
    how many `statements` on the conversation the task has, None if it is not known."""

    run: str
    domain: str
    task: str
    trial: int
    messages: tuple[SaidMessage, ...]
    scenario: str = ""
    policy: str = ""
    verdicts: tuple[Mapping[str, Any], ...] = ()
    expected: int | None = None
    statements: tuple[str, ...] = ()
    note: str = ""
    reviews: Mapping[str, Any] = field(default_factory=dict)
    text: str | None = None
    """Hash of the task's text, None if it is not known which task it is."""

    @property
    def key(self) -> tuple[str, str, str, int]:
        """What tells it from others: run, domain, task, trial."""
        return self.run, self.domain, self.task, self.trial


REVIEWS = ("review", "user_only_review", "hallucination_check", "auth_classification")
"""What tau2 v1 may have been asked to say of a simulation itself."""


@dataclass(frozen=True)
class TaskText:
    """What the conversations of one task share; see RecordedConversation."""

    scenario: str = ""
    statements: tuple[str, ...] | None = None
    hash: str | None = None


def text_of(tasks: Sequence[Mapping[str, Any]]) -> TaskText:
    """Return the text of a task, or of those that a simulation may be of if the file mixes them up."""
    scenario = "\n".join(map(scenario_of, tasks))
    if len(tasks) != 1:
        return TaskText(scenario)
    statements = tuple(map(str, (tasks[0].get("evaluation_criteria") or {}).get("nl_assertions") or ()))
    return TaskText(scenario, statements, task_hash(tasks[0]))


def conversation_of(
    key: Mapping[str, Any], simulation: Mapping[str, Any], messages: Iterable[Message], policy: str = "", task: TaskText = TaskText()
) -> RecordedConversation:
    """Return the conversation of tau2's SimulationRun."""
    reward = simulation.get("reward_info") or {}
    whole = not is_solved(reward.get("reward") or 0.0)
    return RecordedConversation(
        str(key["run"]), str(key["domain"]), str(key["task"]), int(key["trial"]),
        tuple(_said(index, message, whole) for index, message in enumerate(messages)),
        task.scenario,
        policy,
        tuple(reward.get("nl_assertions") or ()),
        None if task.statements is None else len(task.statements),
        task.statements or (),
        str((reward.get("info") or {}).get("note") or ""),
        {name: simulation[name] for name in REVIEWS if simulation.get(name)},
        task.hash,
    )  # fmt: skip


def _said(index: int, message: Message, whole: bool) -> SaidMessage:
    role, text = str(message.get("role")), _text(message.get("content"))
    is_tool = role == "tool"
    calls = tuple((str(call["name"]), _arguments(call)) for call in message.get("tool_calls") or ())
    return SaidMessage(index, role, text if whole or not is_tool else text[:KEPT], calls, failed(message) if is_tool else None)


def _arguments(call: Mapping[str, Any]) -> Mapping[str, Any]:
    return found if isinstance(found := call.get("arguments"), Mapping) else {}


def _text(content: object) -> str:
    if isinstance(content, list):
        return "\n".join(_text(part.get("text")) for part in content if isinstance(part, Mapping))
    return "" if content is None else str(content)


def scenario_of(task: Mapping[str, Any]) -> str:
    """Return everything that the user of a task is told, as text."""
    return "\n".join(_leaves(task.get("user_scenario") or {}))


def _leaves(value: Any) -> Iterable[str]:
    if isinstance(value, Mapping):
        return [text for item in value.values() for text in _leaves(item)]
    if isinstance(value, list | tuple):
        return [text for item in value for text in _leaves(item)]
    return [] if value is None else [str(value)]
