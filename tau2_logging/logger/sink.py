"""What the logger asks of a sink. The sinks themselves are in `tau2_logging.sinks`."""

from __future__ import annotations

from collections.abc import Sequence

from tau2_logging.events import Event
from tau2_logging.events.structured import StructuredEvent

NO_LINES = 1 << 30
"""Level of a sink that takes no events of the log."""


class Sink:
    """Takes events of `level` and above. A sink that sets `wants_events` is also given the event as an object, one that sets
    `wants_structured` the structured events."""

    level = 0
    wants_events = False
    wants_structured = False
    shared = False
    """Worker processes of this machine write into it themselves."""

    def write_line(self, domain: str | None, line: str) -> None:
        """One event as its line, without the newline. Called from any thread; must not raise."""

    def write_event(self, event: Event) -> None:
        """One event as an object, only if `wants_events` is set. Called from any thread; must not raise."""

    def write_structured(self, events: Sequence[StructuredEvent]) -> None:
        """Structured events, in order, only if `wants_structured` is set. Called from any thread; must not raise."""

    def write_text(self, domain: str | None, text: str) -> None:
        """Something the run said that is no event (tau2's own log, warnings, tracebacks); None is every domain."""

    def lost(self) -> tuple[int, str]:
        """Return how many lines the system refused to write, and why."""
        return 0, ""

    def reopened(self) -> list[str]:
        """Return files that were moved away or removed and have been opened again."""
        return []

    def close(self) -> None:
        """Flush and release; called once."""
