"""Read back what the loggers wrote: nothing lost, nothing torn."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

_HEAD = re.compile(r"\[[A-Z]+\] |level=")
_TASK = re.compile(r"\btask=(\S+)")
_STEP = re.compile(r"\bstep=(\d+)\b")
_FIELDS = 20
"""task, thread, type (`event` for structlog), 12 fields of its own and 5 of context."""


@dataclass(frozen=True)
class Written:
    """What a file holds, against what was sent to it."""

    sent: int
    lost: int
    torn: int


def check(path: Path, sent: Mapping[str, int]) -> Written:
    """`sent` is the number of steps, from 0, of each task."""
    missing = {(task, step) for task, steps in sent.items() for step in range(steps)}
    total, torn = len(missing), 0
    with open(path, encoding="utf-8") as file:
        for line in file:
            key = _whole(line)
            if key is None or key not in missing:
                torn += 1
            else:
                missing.remove(key)
    return Written(total, len(missing), torn)


def _whole(line: str) -> tuple[str, int] | None:
    if not line.endswith("\n") or not _HEAD.match(line) or line.count("llm_call") != 1:
        return None
    task, step = _TASK.search(line), _STEP.search(line)
    fields = line.count("=") - (2 if line.startswith("level=") else 0)
    return (task[1], int(step[1])) if task and step and fields == _FIELDS else None
