"""Simulations in threads of this process.

Own threads, not a pool: a thread that hangs in somebody's network call can be given up (another takes its place), and does not keep
the process from ending.
"""

from __future__ import annotations

import queue
import threading
import time
from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass

from tau2_logging.logger.simulation import Simulation
from tau2_logging.runner.checkpoint import Row
from tau2_logging.runner.plan import Unit
from tau2_logging.runner.unit import Bench, run_unit

THREAD_NAME = "simulation"
APART_S, LONGEST_RAMP_S = 0.02, 2.0
"""Workers begin a little apart. All at once they would queue for the interpreter, in step from then on, and their calls with them."""


@dataclass(frozen=True)
class Failure:
    """A worker broke outside of any simulation, for one because the checkpoint could not be written: the run cannot go on."""

    error: BaseException


Report = Row | Failure | None
"""A finished simulation; None when a worker has found nothing left to do."""


class ThreadsExecutor:
    """Runs units, `workers` at a time, and puts a Report into `reports` for each."""

    def __init__(self, bench: Bench, units: Iterable[Unit], workers: int) -> None:
        self.reports: queue.SimpleQueue[Report] = queue.SimpleQueue()
        self.in_flight: dict[Unit, Simulation] = {}
        self._bench = bench
        self._pending = deque(units)
        self._workers = min(workers, max(len(self._pending), 1))
        self._given_up: set[Unit] = set()
        self._at_work = 0
        self._lock = threading.Lock()

    def start(self) -> None:
        """Begin. Returns at once."""
        apart_s = min(APART_S, LONGEST_RAMP_S / self._workers)
        for number in range(self._workers):
            self._start_worker(number * apart_s)

    @property
    def idle(self) -> bool:
        """Nobody is at work and nothing is left to report."""
        return self._at_work == 0 and self.reports.empty()

    def stop(self) -> None:
        """Take no new units. Those in flight go on, but nobody waits for them."""
        with self._lock:
            self._pending.clear()

    def give_up(self, unit: Unit) -> None:
        """Stop waiting for a unit in flight: its slot is given to a new thread."""
        with self._lock:
            if self.in_flight.pop(unit, None) is None:
                return
            self._given_up.add(unit)
            self._at_work -= 1  # it may never end
        self._start_worker()

    def _start_worker(self, after_s: float = 0.0) -> None:
        with self._lock:
            self._at_work += 1
        threading.Thread(target=self._work, args=(after_s,), name=THREAD_NAME, daemon=True).start()

    def _work(self, after_s: float) -> None:
        try:
            time.sleep(after_s)
            while (unit := self._take()) is not None:
                row = run_unit(unit, self._bench, self._begun)
                if self._leave(unit):
                    return  # another has taken this one's place
                if row is not None:
                    self.reports.put(row)
            self._end(None)
        except BaseException as error:
            self._end(Failure(error))

    def _end(self, report: Report) -> None:
        self.reports.put(report)
        with self._lock:
            self._at_work -= 1

    def _take(self) -> Unit | None:
        with self._lock:
            return self._pending.popleft() if self._pending else None

    def _begun(self, unit: Unit, simulation: Simulation) -> None:
        self.in_flight[unit] = simulation

    def _leave(self, unit: Unit) -> bool:
        with self._lock:
            self.in_flight.pop(unit, None)
            return unit in self._given_up
