"""What a simulation and its queue need of the logger: an interface, so that neither of them knows the logger itself."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Protocol, TypeVar

from tau2_logging.events.codec import EventContext
from tau2_logging.events.structured import StructuredEvent
from tau2_logging.logger.clock import Clock
from tau2_logging.logger.content.written_parts import WrittenParts

T = TypeVar("T")

StructuredFields = tuple[type[StructuredEvent], dict[str, Any]]
"""A structured event that is still to be made: its class and its fields."""


class Flushable(Protocol):
    """A queue of events."""

    def write(self) -> None:
        """Write everything that is queued."""


class FlushList(Protocol):
    """The queues that are to be written soon. `Flusher` implements it."""

    def add(self, queue: Flushable) -> None:
        """Note that a queue holds events."""

    def discard(self, queue: Flushable) -> None:
        """Note that a queue is about to be written."""


class EventWriter(Protocol):
    """Writes the events of one run. `EventLogger` implements it. No method raises."""

    run_id: str
    host: str | None
    worker: str | None
    clock: Clock
    masking: str
    written_parts: WrittenParts
    wants_structured: bool

    @property
    def flusher(self) -> FlushList:
        """The queues of the run that hold events."""

    def new_span(self) -> str:
        """Return an id that is unique within the run."""

    def since_start_ms(self, now_ns: int) -> float:
        """Return milliseconds from the start of the run to a monotonic time."""

    def event_time(self) -> str:
        """Return the time now, as structured events write it."""

    def enabled(self, level: int) -> bool:
        """Return whether any sink takes events of this level."""

    def emit_in(self, context: EventContext, type_: str, fields: Mapping[str, object], span: str | None, parent: str | None) -> None:
        """Write an event of a simulation."""

    def structured(self, made: Sequence[StructuredFields]) -> None:
        """Write structured events to the sinks that take them."""

    def text(self, domain: str | None, text: str) -> None:
        """Pass on a text that is not an event."""

    def attempt(self, function: Callable[..., T], *args: object) -> T | None:
        """Call a piece of telemetry; return None if it fails."""
