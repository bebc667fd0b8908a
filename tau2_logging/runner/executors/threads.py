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
from contextlib import suppress

from tau2_logging.logger.scope import TIMEOUT, Outcome
from tau2_logging.logger.simulation import InFlight, Simulation
from tau2_logging.runner.executors.executor import Held, Report, RunFailure, free
from tau2_logging.runner.work.checkpoint import Row
from tau2_logging.runner.work.run_plan import Unit
from tau2_logging.runner.work.run_unit import PlayedUnit, RunContext, conclude, evaluate_unit, interrupt, play_unit
from tau2_logging.runner.work.watchdog import Watchdog

THREAD_NAME, EVALUATION_THREAD_NAME = "simulation", "evaluation"
_HELD_S = 0.1
_STARTED_S = 2.0
"""How long the end of a run waits for a simulation that is being started; that takes milliseconds."""
APART_S, LONGEST_RAMP_S = 0.02, 2.0
"""Workers start a little apart. All at once they would queue for the interpreter, in step from then on, and their calls with them."""


class ThreadsExecutor:
    """Runs units, `workers` at a time. With `units` None they are given one by one with `add`, by the code that runs a worker process.
    None is started while `held` says why. With `evaluations`, a conversation that is over and has to be judged leaves its worker to
    the next one: so many at a time are judged in threads of their own, in the order in which they were played.
    """

    def __init__(
        self,
        context: RunContext,
        units: Iterable[Unit] | None,
        workers: int,
        watchdog: Watchdog,
        held: Held = free,
        evaluations: int | None = None,
    ) -> None:
        self.reports: queue.SimpleQueue[Report] = queue.SimpleQueue()
        self._context = context
        self._watchdog = watchdog
        self._held = held
        self._pending = deque(units or ())
        self._more = units is None
        self._workers = workers if self._more else min(workers, max(len(self._pending), 1))
        self._flying: dict[Unit, Simulation] = {}
        self._given_up: set[Unit] = set()
        self._most_evaluations = evaluations or 0
        self._evaluators = 0
        self._queued: dict[Unit, tuple[PlayedUnit, int]] = {}
        self._evaluating: set[Unit] = set()
        self._at_work = 0
        self._starting = 0
        self._changed = threading.Condition()

    def start(self) -> None:
        """Start. Returns at once."""
        apart_s = min(APART_S, LONGEST_RAMP_S / self._workers)
        for number in range(self._workers):
            self._start_worker(number * apart_s)

    def add(self, unit: Unit) -> None:
        """Add a unit to run."""
        with self._changed:
            self._pending.append(unit)
            self._changed.notify()

    def tick(self) -> None:
        """Write the heartbeats that are due, and give up what is past its time limit."""
        flying = {simulation: unit for unit, simulation in self._flying.copy().items() if unit not in self._queued}
        for simulation in self._watchdog.tick(flying):
            waiting = simulation.waiting()
            late = TimeoutError(f"past the limit of {self._watchdog.limit_s:g} s, waiting on {waiting.what}")
            row = conclude(flying[simulation], simulation, Outcome(TIMEOUT, error=late), self._context)
            if row is not None:
                self._give_up(flying[simulation])
                self.reports.put(row)

    def in_flight(self) -> list[InFlight]:
        """Return the simulations that run now."""
        return [simulation.in_flight() for simulation in self._flying.copy().values()]

    @property
    def idle(self) -> bool:
        """Nobody is at work and nothing is left to report."""
        return self._at_work == 0 and self.reports.empty()

    def stop(self) -> None:
        """Take no new units. Those in flight go on, but nobody waits for them."""
        with self._changed:
            self._pending.clear()
            self._more = False
            self._changed.notify_all()

    def close(self) -> None:
        """Abandon what is in flight: it is kept as interrupted, writes nothing more, and stops at its next step."""
        self.stop()
        with self._changed:
            self._queued.clear()
        with self._changed:  # one that has been taken is about to write its task_start
            self._changed.wait_for(lambda: self._starting == 0, _STARTED_S)
        for unit, simulation in self._flying.copy().items():
            with suppress(OSError):  # a full disk has been told already, or is told when totals are compared
                row = interrupt(unit, simulation, self._context)
                if row is not None:
                    self.reports.put(row)

    def _give_up(self, unit: Unit) -> None:
        """Stop waiting for a unit in flight: its slot is given to a new thread."""
        with self._changed:
            if self._flying.pop(unit, None) is None:
                return
            self._given_up.add(unit)
            self._at_work -= 1  # it may never end
            judged = unit in self._evaluating
            self._evaluators -= judged
        if judged:
            self._start_evaluators()
        else:
            self._start_worker()

    def _start_worker(self, after_s: float = 0.0) -> None:
        with self._changed:
            self._at_work += 1
        threading.Thread(target=self._work, args=(after_s,), name=THREAD_NAME, daemon=True).start()

    def _work(self, after_s: float) -> None:
        try:
            time.sleep(after_s)
            while (unit := self._take()) is not None:
                done = play_unit(unit, self._context, self._begun)
                if isinstance(done, PlayedUnit):
                    if self._handed_over(done):
                        continue
                    done = evaluate_unit(done, self._context)
                if not self._finish(unit, done):
                    return  # another has taken this one's place
            self._end(None)
        except BaseException as error:
            self._end(RunFailure(error))

    def _finish(self, unit: Unit, row: Row | None) -> bool:
        """Report a unit; False if it was given up, and its slot to another thread."""
        if self._leave(unit):
            return False
        if row is not None:
            self.reports.put(row)
        return True

    def _handed_over(self, played: PlayedUnit) -> bool:
        """Leave a unit's evaluation to others if it asks a judge: to wait for models takes no worker, to play tools again does."""
        context, unit = self._context, played.unit
        if not self._most_evaluations or not context.harness.asks_judge(context.settings[unit.domain], unit.task):
            return False
        with self._changed:
            if unit in self._given_up:
                return False
            self._queued[unit] = played, context.logger.clock.now_ns()
        self._start_evaluators()
        return True

    def _start_evaluators(self) -> None:
        """Start a thread if there is something to evaluate and room for one more. It ends when nothing is left."""
        with self._changed:
            if not self._queued or self._evaluators >= self._most_evaluations:
                return
            self._evaluators += 1
            self._at_work += 1
        threading.Thread(target=self._evaluate, name=EVALUATION_THREAD_NAME, daemon=True).start()

    def _evaluate(self) -> None:
        try:
            while (played := self._next_played()) is not None:
                if not self._finish(played.unit, evaluate_unit(played, self._context)):
                    return
        except BaseException as error:
            self._end(RunFailure(error))

    def _next_played(self) -> PlayedUnit | None:
        with self._changed:
            if not self._queued:
                self._evaluators -= 1
                self._at_work -= 1
                return None
            unit = next(iter(self._queued))
            played, since_ns = self._queued.pop(unit)
            self._evaluating.add(unit)
            played.simulation.queued_ms += (self._context.logger.clock.now_ns() - since_ns) / 1e6
            return played

    def _end(self, report: Report) -> None:
        self.reports.put(report)
        with self._changed:
            self._at_work -= 1

    def _take(self) -> Unit | None:
        with self._changed:
            self._changed.wait_for(lambda: self._pending or not self._more)
            while self._pending and self._held() is not None:
                self._changed.wait(_HELD_S)
            if not self._pending:
                return None
            self._starting += 1
            return self._pending.popleft()

    def _begun(self, unit: Unit, simulation: Simulation) -> None:
        with self._changed:
            self._flying[unit] = simulation
            self._starting -= 1
            self._changed.notify_all()

    def _leave(self, unit: Unit) -> bool:
        with self._changed:
            self._flying.pop(unit, None)
            self._evaluating.discard(unit)
            return unit in self._given_up
