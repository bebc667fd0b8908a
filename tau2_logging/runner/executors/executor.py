"""What an executor is and what it reports. All have the same names: start, tick, in_flight, idle, stop, close, and the queue `reports`."""

from __future__ import annotations

import queue
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from tau2_logging.logger.simulation import InFlight
from tau2_logging.runner.work.checkpoint import Row


@dataclass(frozen=True)
class RunFailure:
    """Something broke outside of any simulation, for one because the checkpoint could not be written: the run cannot go on."""

    error: BaseException


Report = Row | RunFailure | None
"""A finished simulation; None only wakes who waits for reports."""


Held = Callable[[], "str | None"]
"""Why no unit is to be started now; None if there is no reason."""


def free() -> None:
    """Nothing holds units back."""
    return


class Executor(Protocol):
    """Runs the units of a run and puts a Report into `reports` for each."""

    reports: queue.SimpleQueue[Report]

    def start(self) -> None:
        """Start. Returns at once."""

    def tick(self) -> None:
        """Do what is due: heartbeats, time limits. To be called a few times a second."""

    def in_flight(self) -> list[InFlight]:
        """Return the simulations that run now."""

    @property
    def idle(self) -> bool:
        """Nobody is at work and nothing is left to report."""

    def stop(self) -> None:
        """Start no new units. Those in flight go on."""

    def close(self) -> None:
        """Leave what is in flight, and everything that was started."""
