"""The structured events of a simulation in the order in which they were made, though some have to wait for a hash."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Mapping
from concurrent.futures import Future, wait
from typing import TYPE_CHECKING, Any

from tau2_logging.events.structured import StateChangeEvent, StateSnapshot, StructuredEvent

if TYPE_CHECKING:
    from tau2_logging.logger.event_logger import EventLogger

_MAY_WAIT: Mapping[type[StructuredEvent], tuple[str, ...]] = {
    StateChangeEvent: ("pre_hash", "post_hash"),
    StateSnapshot: ("agent_hash", "user_hash"),
}
"""The fields that may be a `Future`."""


class EventQueue:
    """The structured events of one simulation, written in the order in which they were made: at once, but for one that waits for a hash
    and those after it. Never raises."""

    def __init__(self, logger: EventLogger) -> None:
        self._logger = logger
        self._waiting: deque[tuple[type[StructuredEvent], dict[str, Any]]] = deque()
        self._lock = threading.RLock()

    def write(self, kind: type[StructuredEvent], fields: dict[str, Any]) -> None:
        """Write an event as soon as it is complete. A field of `_MAY_WAIT` may be a Future of its value."""
        hashes = _futures(kind, fields)
        if not hashes and not self._waiting:
            self._logger.structured(kind, **fields)
            return
        with self._lock:
            fields["time"] = self._logger.event_time()
            self._waiting.append((kind, fields))
            self._logger.unwritten.add(self)
        for future in hashes:
            future.add_done_callback(self._flush)
        self._flush()

    def finish(self, timeout_s: float = 10.0) -> None:
        """Wait for what is missing, and write the rest; what does not come is left out."""
        if self._waiting:
            wait([future for kind, fields in tuple(self._waiting) for future in _futures(kind, fields)], timeout_s)
            self._flush(whatever=True)

    def _flush(self, _: object = None, whatever: bool = False) -> None:
        with self._lock:
            while self._waiting:
                kind, fields = self._waiting[0]
                if not whatever and not all(future.done() for future in _futures(kind, fields)):
                    return
                complete = {name: _value(value) if name in _MAY_WAIT.get(kind, ()) else value for name, value in fields.items()}
                self._logger.structured(kind, **complete)
                self._waiting.popleft()  # only now: while it is there, no other event is written before it
            self._logger.unwritten.discard(self)


def _futures(kind: type[StructuredEvent], fields: Mapping[str, Any]) -> list[Future[str]]:
    return [value for name in _MAY_WAIT.get(kind, ()) if isinstance(value := fields.get(name), Future)]


def _value(value: Any) -> Any:
    """What a Future came to; None where it failed or never came."""
    if not isinstance(value, Future):
        return value
    return value.result() if value.done() and value.exception() is None else None
