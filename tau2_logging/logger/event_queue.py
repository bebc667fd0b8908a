"""The structured events of a simulation: queued for a moment, then made and written together.

Examining a call's arguments, masking what is sensitive in them and encoding a line of forty fields is cheaper for several calls in a
row than between two steps of a simulation, when the processor's caches are full of other data. The same holds for tau2's hash of a
changed database, which may take milliseconds.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Iterable, Mapping
from contextvars import Context
from typing import Any

from tau2_logging.logger.event_writer import EventWriter, Flushable, StructuredFields

MakeEvents = Callable[[], Iterable[StructuredFields]]
"""Makes events. It is called once, soon, by any thread: the values that it uses must not change in the meantime."""

MOST_PENDING = 32
"""A simulation's events are written when this many are queued, after some time (see `Flusher`), and at its end."""

LATEST_S = 1.0
"""The longest that an event stays in a queue, in seconds."""


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


class Flusher:
    """The queues of a logger that hold events. A thread writes them every `every_s` seconds; it ends when all queues are empty."""

    def __init__(self, every_s: float = LATEST_S) -> None:
        self._every_s = every_s
        self._queues: set[Flushable] = set()
        self._lock = threading.Lock()
        self._thread: threading.Thread | None = None
        self._closed = threading.Event()

    def add(self, queue: Flushable) -> None:
        """Note that a queue holds events."""
        if queue not in self._queues:
            with self._lock:
                self._queues.add(queue)
                if self._thread is None and not self._closed.is_set():
                    thread = threading.Thread(target=self._run, name="structured events", daemon=True)
                    Context().run(thread.start)  # in an empty context: it works for no particular simulation
                    self._thread = thread

    def discard(self, queue: Flushable) -> None:
        """Note that a queue is about to be written."""
        with self._lock:
            self._queues.discard(queue)

    def close(self) -> None:
        """Write all queues and stop the thread. What is queued later is written only when its queue is full or its simulation ends."""
        self._closed.set()
        for queue in self._all():
            queue.write()

    def __len__(self) -> int:
        return len(self._queues)

    def _run(self) -> None:
        while not self._closed.wait(self._every_s):
            for queue in self._all():
                queue.write()
            with self._lock:
                if not self._queues:
                    self._thread = None
                    return

    def _all(self) -> list[Flushable]:
        with self._lock:
            return list(self._queues)
