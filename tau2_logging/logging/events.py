"""Events that a script writes: those of a run (`tau2_logging.events`), and `ExecutionEvent` as the base of your own kinds."""

from __future__ import annotations

import re
import time
from dataclasses import dataclass, field, fields
from datetime import datetime
from typing import Any

from tau2_logging.events import ContextReductionEvent, StateChangeEvent, StateSnapshot, StructuredEvent, ToolExecutionEvent

__all__ = ["ContextReductionEvent", "ExecutionEvent", "StateChangeEvent", "StateSnapshot", "ToolExecutionEvent"]

_PLACED = {item.name for item in fields(StructuredEvent)} - {"schema", "type", "time", "extra"}


@dataclass
class ExecutionEvent:
    """Base class of your own events: a dataclass whose fields all have defaults. `timestamp`: seconds since 1970.

    A class `CustomAnalysisEvent` is written with `type` `custom_analysis`, and read back as a StructuredEvent with its fields in `extra`.
    Fields named as those of every StructuredEvent (`domain`, `task`, `trial`, `step`, ...) say where it belongs.
    """

    timestamp: float = field(default_factory=time.time)
    level: str = "info"
    source: str = "unknown"
    message: str = ""
    metadata: dict[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Do nothing: for subclasses, which call it."""

    def structured(self) -> StructuredEvent:
        """Return the event as it is written."""
        values = dict(vars(self))
        placed = {name: values.pop(name) for name in _PLACED & values.keys()}
        return StructuredEvent(type=_type_of(type(self).__name__), time=wall_time(self.timestamp), extra=values, **placed)


def wall_time(at_s: float) -> str:
    """Return seconds since 1970 as local wall time, as structured events have it."""
    return datetime.fromtimestamp(at_s).isoformat(timespec="milliseconds")


def _type_of(class_name: str) -> str:
    words = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", class_name).lower()
    return words.removesuffix("_event")
