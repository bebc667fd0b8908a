"""The structured events of a simulation: what is to be said is kept for a moment, and said together.

To look at a call's arguments, to find what is sensitive in them and to make a line of forty fields costs less when it is done for several
calls in a row than between two steps of a simulation, with the processor's caches full of something else. tau2's hash of a changed
database, which may take milliseconds, is made then, too.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING, Any

from tau2_logging.events.structured import StructuredEvent

if TYPE_CHECKING:
    from tau2_logging.logger.event_logger import EventLogger

Made = tuple[type[StructuredEvent], dict[str, Any]]
"""An event: its kind, and its fields."""
Make = Callable[[], Iterable[Made]]
"""Makes events. It is called once, soon, by any thread: what it needs must not change meanwhile."""

MOST_PENDING = 32
"""A simulation's events are made and written when so many wait, when they have waited for some time (see `Unwritten`), and at its end."""


class EventQueue:
    """The structured events of one simulation, in the order in which they were put in. Never raises."""

    def __init__(self, logger: EventLogger) -> None:
        self._logger = logger
        self._pending: deque[tuple[Mapping[str, Any], Make]] = deque()
        self._lock = threading.RLock()

    def put(self, place: Mapping[str, Any], make: Make) -> None:
        """Have `make` called; its events get the fields of `place`, where they do not have them, and the time of this call."""
        self._pending.append(({"time": self._logger.event_time(), **place}, make))
        self._logger.attempt(self._logger.unwritten.add, self)
        if len(self._pending) >= MOST_PENDING:
            self.write()

    def write(self) -> None:
        """Make and write what is to be made."""
        with self._lock:
            self._logger.unwritten.discard(self)  # first: what is put in from here on brings it back
            made: list[Made] = []
            while self._pending:
                made += self._logger.attempt(_placed, *self._pending.popleft()) or ()
            if made:
                self._logger.structured(made)


def _placed(place: Mapping[str, Any], make: Make) -> list[Made]:
    return [(kind, {**place, **fields}) for kind, fields in make()]
