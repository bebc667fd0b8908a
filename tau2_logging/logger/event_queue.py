"""The structured events of a simulation: queued for a moment, then made and written together.

Examining a call's arguments, masking what is sensitive in them and encoding a line of forty fields is cheaper for several calls in a
row than between two steps of a simulation, when the processor's caches are full of other data. The same holds for tau2's hash of a
changed database, which may take milliseconds.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from tau2_logging.logger.event_writer import EventWriter, StructuredFields

MakeEvents = Callable[[], Iterable[StructuredFields]]
"""Makes events. It is called once, soon, by any thread: the values that it uses must not change in the meantime."""

MOST_PENDING = 32
"""A simulation's events are written when this many are queued, after some time (see `Flusher`), and at its end."""


class EventQueue:
    """The structured events of one simulation, in the order in which they were put in. Never raises."""

    def __init__(self, writer: EventWriter) -> None:
        self._writer = writer
        self._pending: deque[tuple[Mapping[str, Any], MakeEvents]] = deque()
        self._lock = threading.RLock()

    def put(self, shared: Mapping[str, Any], make: MakeEvents) -> None:
        """Queue the events that `make` returns. They get the time of this call, and the fields of `shared` that they lack."""
        self._pending.append(({"time": self._writer.event_time(), **shared}, make))
        self._writer.attempt(self._writer.flusher.add, self)
        if len(self._pending) >= MOST_PENDING:
            self.write()

    def write(self) -> None:
        """Make and write everything that is queued."""
        with self._lock:
            self._writer.flusher.discard(self)  # first: whatever is put in from here on adds it again
            made: list[StructuredFields] = []
            while self._pending:
                made += self._writer.attempt(_make, *self._pending.popleft()) or ()
            if made:
                self._writer.structured(made)


def _make(shared: Mapping[str, Any], make: MakeEvents) -> list[StructuredFields]:
    return [(kind, {**shared, **fields}) for kind, fields in make()]
