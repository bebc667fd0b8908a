"""Events kept in memory: for tests, notebooks and code that wants to look at its own run."""

from __future__ import annotations

from collections.abc import Sequence

from tau2_logging.events import Event
from tau2_logging.events.structured import StructuredEvent
from tau2_logging.logger.sink import Sink


class MemorySink(Sink):
    """`events`, `lines` and `structured` events in the order of writing, `texts` as (domain, text)."""

    wants_events = True
    wants_structured = True

    def __init__(self, level: int = 0) -> None:
        self.level = level
        self.events: list[Event] = []
        self.lines: list[str] = []
        self.structured: list[StructuredEvent] = []
        self.texts: list[tuple[str | None, str]] = []

    def write_line(self, domain: str | None, line: str) -> None:
        """Keep the line; the domain is in it."""
        self.lines.append(line)

    def write_event(self, event: Event) -> None:
        """Keep the event."""
        self.events.append(event)

    def write_structured(self, events: Sequence[StructuredEvent]) -> None:
        """Keep the events in order."""
        self.structured.extend(events)

    def write_text(self, domain: str | None, text: str) -> None:
        """Keep (domain, text); the domain is None for a text of the whole run."""
        self.texts.append((domain, text))

    def of(self, *types: str) -> list[Event]:
        """Return the events of these types."""
        return [event for event in self.events if event.type in types]
