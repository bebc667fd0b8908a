"""How reading a file went."""

from __future__ import annotations

from dataclasses import dataclass

_SHOWN = 2000


@dataclass(frozen=True)
class Rejected:
    """A line that could not be read: `line` counts from 1, `text` is its start (2000 characters at most)."""

    file: str
    line: int
    reason: str
    text: str


def rejected(file: str, number: int, reason: str, text: str) -> Rejected:
    """Return a refusal, its text cut to what the user reads."""
    return Rejected(file, number, reason, text.rstrip("\r\n")[:_SHOWN])


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
