"""A line of a log as the live page needs it: whose it is, and its fields only if somebody asks.

Decoding a line whole takes fifteen times as long as finding out which simulation it is of, and of most lines nothing else is needed.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property, lru_cache

from tau2_logging.analysis.reader.legacy import Row
from tau2_logging.analysis.reader.lines import read_line
from tau2_logging.errors import CodecError
from tau2_logging.events.logfmt import Value, decode_task

_HEAD = re.compile(rb"\[\w+\] (\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\.\d{3}) task=(\S+) thread=\d+ type=(\w+) ")
_CONTEXT = re.compile(rb' domain=([^\s"]+)(?: trial=(\d+))? run=([^\s"]+)(?: |$)')
Simulation = tuple[str, str, int]
"""Domain (with its arm), task, trial."""


@dataclass(frozen=True)
class SeenEvent:
    """One event. `time` as the log has it; `simulation` is None for an event of the run."""

    type: str
    time: str
    run: str
    domain: str | None
    simulation: Simulation | None
    line: bytes

    @cached_property
    def fields(self) -> Mapping[str, Value]:
        """What the line says, by column; nothing if it cannot be read."""
        return {name: value for name, value in (_whole(self.line) or {}).items() if value is not None}


def seen_event(line: bytes) -> SeenEvent | None:
    """Return the event of a line; None for other text, for what cannot be read, and for events that name no run."""
    head, context = _HEAD.match(line), _CONTEXT.search(line)
    if head is None or context is None:
        return _slowly(line)
    try:
        task = _task(head[2])
        domain, run = context[1].decode(), context[3].decode()
    except (CodecError, UnicodeDecodeError):
        return None
    simulation = None if task is None else (domain, task, int(context[2] or 0))
    return SeenEvent(head[3].decode(), head[1].decode(), run, domain, simulation, line)


def _slowly(line: bytes) -> SeenEvent | None:
    """Return the same for a line whose names are quoted, or whose context is not complete."""
    found = _whole(line) if b" type=" in line else None
    if found is None or found.get("run") is None:
        return None
    domain, task, trial = found.get("domain"), found["task"], found.get("trial", 0)
    simulation = None
    if task is not None:
        simulation = (str(domain or ""), str(task), trial if isinstance(trial, int) else 0)
    return SeenEvent(
        str(found["type"]), str(found["time"]), str(found["run"]), None if domain is None else str(domain), simulation, line
    )  # fmt: skip


def _whole(line: bytes) -> Row | None:
    found = read_line(line.decode("utf-8", "replace"), True)
    return found if isinstance(found, dict) else None


@lru_cache(maxsize=4096)
def _task(token: bytes) -> str | None:
    return decode_task(token.decode())


def wall_seconds(time: str, utc_offset: str) -> float | None:
    """Return the seconds since 1970 of a time of the log, which is local; None if it is none. `utc_offset` is that of run_start."""
    try:
        return datetime.fromisoformat(f"{time}{utc_offset}").timestamp()
    except ValueError:
        return None
