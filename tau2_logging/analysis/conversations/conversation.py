"""One simulation as a reader sees it: turns with their calls, the task, the reference actions, the parts of the reward, the cause."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

Messages = Sequence[Any]
Key = tuple[str, str, str, str]
"""(run, domain, task, trial), each as text; empty for one that is not known."""


@dataclass
class Told:
    """What a source tells of one simulation, in tau2's own shape.

    `history`: how many messages were there before it started. `task`, `reward` (tau2's reward_info) and `policy` are None if the source
    does
    not hold them. `ended`: tau2's reason of the end.
    """

    key: Key
    messages: Messages
    source: str
    history: int = 0
    task: Any = None
    policy: str | None = None
    reward: Any = None
    ended: str | None = None
    began: str | None = None


@dataclass
class ToolCall:
    """A tool call and what came of it. `times`: 2 for the second call with the same arguments; `error` None if it was never executed."""

    tool: str
    arguments: Any
    result: str | None = None
    error: bool | None = None
    times: int = 1
    position: int | None = None
    at_ms: float | None = None
    ms: float | None = None
    line: int | None = None


@dataclass
class Turn:
    """A message of the agent or the user. Times in ms since the simulation started, cost in US dollars; None is unknown.

    `model_calls`: how many model calls the turn took. Of speech `audio_at_ms` and `audio_ms` are start and length in audio time, `at_ms`
    is None, and `heard` is what the agent's side understood, if that was other words.
    """

    who: str
    text: str
    calls: list[ToolCall] = field(default_factory=list)
    before: bool = False
    at_ms: float | None = None
    ms: float | None = None
    tokens_in: int | None = None
    tokens_out: int | None = None
    usd: float | None = None
    line: int | None = None
    model_calls: int | None = None
    audio_at_ms: float | None = None
    audio_ms: float | None = None
    heard: str | None = None


@dataclass
class Conversation:
    """Everything there is to read of one simulation. `measured`: what `branch` found out about its turns; `missing` names in sentences what
    was not recorded."""

    key: Key
    source: str
    turns: list[Turn]
    task: dict[str, Any] | None = None
    policy: str | None = None
    reference: list[dict[str, Any]] = field(default_factory=list)
    parts: list[dict[str, Any]] = field(default_factory=list)
    changes: list[dict[str, Any]] = field(default_factory=list)
    cause: dict[str, Any] | None = None
    fault: dict[str, Any] | None = None
    measured: dict[str, Any] | None = None
    missing: list[str] = field(default_factory=list)
