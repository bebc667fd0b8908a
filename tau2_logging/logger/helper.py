"""Work that may be done a moment later by a helper thread.

tau2's hash of a changed database may take milliseconds of SHA-256, which runs without the interpreter's lock: the call that made the
change need not wait for it.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable

from tau2_logging.logger.context import bind

Work = Callable[[], None]


class Helper:
    """One thread, and at most `most` pieces of work that wait for it; what comes beyond is done by whoever brings it.

    The thread starts when it is first needed, and ends when there has been nothing to do for `idle_s`. Work must not raise.
    """

    def __init__(self, name: str, most: int = 16, idle_s: float = 5.0) -> None:
        self._name = name
        self._most = most
        self._idle_s = idle_s
        self._queue: deque[Work] = deque()
        self._changed = threading.Condition()
        self._thread: threading.Thread | None = None

    def do(self, work: Work) -> None:
        """Have it done, later or now."""
        with self._changed:
            full = len(self._queue) >= self._most
            if not full:
                self._queue.append(work)
                self._changed.notify()
                self._start()
        if full:
            work()

    def _start(self) -> None:
        if self._thread is None or not self._thread.is_alive():
            self._thread = threading.Thread(target=self._work, name=self._name, daemon=True)
            with bind(None):  # it works for no simulation in particular
                self._thread.start()

    def _work(self) -> None:
        work = self._next()
        while work is not None:
            work()
            work = self._next()

    def _next(self) -> Work | None:
        with self._changed:
            if not self._queue and not self._changed.wait_for(lambda: self._queue, self._idle_s):
                self._thread = None
                return None
            return self._queue.popleft()
