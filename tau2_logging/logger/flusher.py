"""Sees to it that structured events which wait are written soon."""

from __future__ import annotations

import threading

from tau2_logging.logger.context import bind
from tau2_logging.logger.event_queue import EventQueue

LATEST_S = 1.0


class Unwritten:
    """The queues of a log that hold something. A thread has them written once in `every_s`, and ends when there is nothing more."""

    def __init__(self, every_s: float = LATEST_S) -> None:
        self._every_s = every_s
        self._queues: set[EventQueue] = set()
        self._lock = threading.Lock()
        self._thread: threading.Thread | None = None
        self._closed = threading.Event()

    def add(self, queue: EventQueue) -> None:
        """It holds something."""
        if queue not in self._queues:
            with self._lock:
                self._queues.add(queue)
                if self._thread is None and not self._closed.is_set():
                    thread = threading.Thread(target=self._tick, name="structured events", daemon=True)
                    with bind(None):  # it works for no simulation in particular
                        thread.start()
                    self._thread = thread

    def discard(self, queue: EventQueue) -> None:
        """It is about to be written."""
        with self._lock:
            self._queues.discard(queue)

    def close(self) -> None:
        """Write everything; from here on only what is finished by itself is written."""
        self._closed.set()
        for queue in self._all():
            queue.write()

    def __len__(self) -> int:
        return len(self._queues)

    def _tick(self) -> None:
        while not self._closed.wait(self._every_s):
            for queue in self._all():
                queue.write()
            with self._lock:
                if not self._queues:
                    self._thread = None
                    return

    def _all(self) -> list[EventQueue]:
        with self._lock:
            return list(self._queues)
