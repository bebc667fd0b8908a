"""The structured events of a simulation: what is to be said is kept for a moment, and said together.

To look at a call's arguments, to find what is sensitive in them and to make a line of fifty fields takes some three hundred function calls.
Between two steps of a simulation, with the processor's caches full of something else, that costs three times what it costs when it is done
for several calls in a row.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import Future, wait
from typing import TYPE_CHECKING, Any

from tau2_logging.events.structured import StateChangeEvent, StateSnapshot, StructuredEvent

if TYPE_CHECKING:
    from tau2_logging.logger.event_logger import EventLogger

Made = tuple[type[StructuredEvent], dict[str, Any]]
"""An event: its kind, and its fields."""
Make = Callable[[], Iterable[Made]]
"""Makes events. It is called once, soon, by any thread: what it needs must not change meanwhile."""

MOST_PENDING = 32
"""A simulation's events are made and written when so many wait, when they have waited for some time (see `Unwritten`), and at its end."""

_MAY_WAIT: Mapping[type[StructuredEvent], tuple[str, ...]] = {
    StateChangeEvent: ("pre_hash", "post_hash"),
    StateSnapshot: ("agent_hash", "user_hash"),
}
"""The fields that may be a `Future`."""


class EventQueue:
    """The structured events of one simulation, in the order in which they were put in. Never raises."""

    def __init__(self, logger: EventLogger) -> None:
        self._logger = logger
        self._pending: deque[tuple[Mapping[str, Any], Make]] = deque()
        self._made: deque[Made] = deque()
        self._lock = threading.RLock()

    def put(self, place: Mapping[str, Any], make: Make) -> None:
        """Have `make` called; its events get the fields of `place`, where they do not have them, and the time of this call."""
        self._pending.append(({"time": self._logger.event_time(), **place}, make))
        self._logger.attempt(self._logger.unwritten.add, self)
        if len(self._pending) >= MOST_PENDING:
            self.write()

    def write(self) -> None:
        """Make what is to be made, and write what is complete, up to the first event whose hash is still being made."""
        self._write(whatever=False)

    def finish(self, timeout_s: float = 10.0) -> None:
        """Wait for the hashes that are missing, and write everything; a hash that does not come is left out."""
        self._make_all()
        missing = [future for kind, fields in tuple(self._made) for future in _futures(kind, fields)]
        if missing:
            wait(missing, timeout_s)
        self._write(whatever=True)

    def _make_all(self) -> None:
        with self._lock:
            while self._pending:
                self._logger.attempt(self._make, *self._pending.popleft())

    def _make(self, place: Mapping[str, Any], make: Make) -> None:
        for kind, fields in make():
            self._made.append((kind, {**place, **fields}))

    def _write(self, whatever: bool) -> None:
        with self._lock:
            self._logger.unwritten.discard(self)  # first: what is put in from here on brings it back
            self._make_all()
            complete = []
            while self._made and (whatever or all(future.done() for future in _futures(*self._made[0]))):
                kind, fields = self._made.popleft()
                fields.update({name: _value(fields[name]) for name in _MAY_WAIT.get(kind, ()) if name in fields})
                complete.append((kind, fields))
            if complete:
                self._logger.structured(complete)
            if self._made:
                self._logger.unwritten.add(self)


def _futures(kind: type[StructuredEvent], fields: Mapping[str, Any]) -> list[Future[str]]:
    return [value for name in _MAY_WAIT.get(kind, ()) if isinstance(value := fields.get(name), Future)]


def _value(value: Any) -> Any:
    """What a Future came to; None where it failed or never came."""
    if not isinstance(value, Future):
        return value
    return value.result() if value.done() and value.exception() is None else None
