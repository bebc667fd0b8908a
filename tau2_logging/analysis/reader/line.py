"""What a line of a log says, before it has columns, and how reading a file went."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from tau2_logging.events.logfmt import Value


@dataclass(frozen=True)
class Line:
    """An event as a line says it; `level` by name, `task` None for an event of the run."""

    level: str
    time: str
    task: str | None
    thread: int
    type: str
    fields: Mapping[str, Value] = field(default_factory=dict)


@dataclass(frozen=True)
class Rejected:
    """A line that could not be read: `line` counts from 1, `text` is its start (2000 characters at most)."""

    file: str
    line: int
    reason: str
    text: str


@dataclass(frozen=True)
class FileCounts:
    """What was read and how it went, by file: number of lines, of events, of other text, of lines that could not be read, and of values
    that were left out of events (see `column_types`).
    """

    file: str
    lines: int
    events: int
    other: int
    rejected: int
    values: int = 0
