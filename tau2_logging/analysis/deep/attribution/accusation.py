"""What a rule says of a failed simulation, and the shape that all rules share."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tau2_logging.analysis.deep.attribution.failed_case import FailedCase

AGENT, USER, JUDGE, TASK, TOOLS, INFRASTRUCTURE, UNKNOWN = "agent", "user", "judge", "task", "tools", "infrastructure", "unknown"
FAULT_NAMES: Mapping[str, str] = {
    AGENT: "agent",
    USER: "user simulator",
    JUDGE: "judge",
    TASK: "task",
    TOOLS: "tools",
    INFRASTRUCTURE: "infrastructure",
    UNKNOWN: "unknown",
}
"""Whose fault it can be, and how it is called."""


@dataclass(frozen=True)
class Shown:
    """What a rule found: the message that shows it (index in the trajectory, None if no single one does), and a sentence."""

    turn: int | None
    sentence: str


@dataclass(frozen=True)
class FaultRule:
    """`looks_at`: what of the record it reads, in a few words; `find` returns what it found, None if the rule does not apply."""

    name: str
    fault: str
    looks_at: str
    find: Callable[[FailedCase], Shown | None]


@dataclass(frozen=True)
class Accusation:
    """A rule that applies to a simulation, with what it found."""

    rule: FaultRule
    shown: Shown
