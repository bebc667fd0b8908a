"""Where a simulation's time went, without counting any moment twice.

At every moment exactly one category runs: the innermost thing at work, or `other`. Calls that run in parallel share their wall time.
So the categories add up to the time since the ledger was opened, whatever nests or overlaps.
"""

from __future__ import annotations

import threading

from tau2_logging.events.roles import NESTING
from tau2_logging.logger.clock import Clock

CATEGORIES = (*NESTING, "setup")
"""Innermost first: of several that are at work, the first one runs. `other` is when none is."""
OTHER = "other"


class Ledger:
    """Exclusive time by category, in milliseconds. Safe to enter and leave from any thread."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._open = dict.fromkeys(CATEGORIES, 0)
        self._spent_ns = dict.fromkeys((*CATEGORIES, OTHER), 0)
        self._running = OTHER
        self.opened_ns = self._since_ns = clock.now_ns()

    def enter(self, category: str) -> int:
        """Something of this category starts; returns the time, in ns."""
        with self._lock:
            self._open[category] += 1
            return self._switch()

    def leave(self, category: str) -> int:
        """It ended; returns the time, in ns."""
        with self._lock:
            self._open[category] -= 1
            return self._switch()

    def _switch(self) -> int:
        now = self._clock.now_ns()
        self._spent_ns[self._running] += now - self._since_ns
        self._since_ns = now
        self._running = next((category for category in CATEGORIES if self._open[category] > 0), OTHER)
        return now

    def milliseconds(self) -> tuple[dict[str, float], float]:
        """Return (milliseconds by category, `other` included; milliseconds since the ledger was opened). The first add up to the second."""
        with self._lock:
            now = self._switch()
            spent = {category: ns / 1e6 for category, ns in self._spent_ns.items()}
            return spent, (now - self.opened_ns) / 1e6
