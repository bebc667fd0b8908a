"""Writes queued structured events soon after they were made."""

from __future__ import annotations

import threading
from contextvars import Context
from typing import Protocol

LATEST_S = 1.0
"""The longest that an event stays in a queue, in seconds."""


class Flushable(Protocol):
    """A queue of events."""

    def write(self) -> None:
        """Write everything that is queued."""


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
