"""One event: what a line of the log says, as a plain frozen object."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from tau2_logging.events.fields import field_type
from tau2_logging.events.logfmt import Value, canonical


@dataclass(frozen=True)
class Event:
    """A line of the log.

    `level` is the number of the level, `time` the local wall time as `YYYY-MM-DD HH:MM:SS.mmm`, `task` the task's id or None for an
    event of the run, `thread` the identifier of the thread it was made in, `type` one of `kinds.KINDS` or the user's own,
    `fields` everything else, the context (`domain`, `trial`, `run`, `span`, `parent`) included.
    """

    level: int
    time: str
    task: str | None
    thread: int
    type: str
    fields: Mapping[str, Value] = field(default_factory=dict)

    def get(self, name: str) -> Value | None:
        """Return the value of a field, None if it is absent."""
        return self.fields.get(name)


def canonical_fields(fields: Mapping[str, object]) -> dict[str, Value]:
    """Return the fields as the log keeps them: canonical values, absent ones left out."""
    kept: dict[str, Value] = {}
    for name, value in fields.items():
        if type(value) is str and value.isascii():
            kept[name] = value
        elif value is not None:
            canonical_value = canonical(value, field_type(name))
            if canonical_value is not None:
                kept[name] = canonical_value
    return kept
