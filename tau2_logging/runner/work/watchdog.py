"""Looks at the simulations in flight: a heartbeat for each at regular times, and `stuck` for one that is past its limit."""

from __future__ import annotations

from collections.abc import Iterable

from tau2_logging.logger.simulation import Simulation


class Watchdog:
    """`tick` is called often, from one thread; it reads the simulations' own clock.

    `heartbeat_s` and `limit_s` in seconds; no limit if it is None.
    """

    def __init__(self, heartbeat_s: float, limit_s: float | None) -> None:
        self.limit_s = limit_s
        self._heartbeat_ms = heartbeat_s * 1000
        self._limit_ms = None if limit_s is None else limit_s * 1000
        self._beats: dict[str, int] = {}

    def tick(self, simulations: Iterable[Simulation]) -> list[Simulation]:
        """Write what is due. Returns those past their limit, each once; they are told to stop at their next step."""
        stuck = []
        alive = list(simulations)
        for simulation in alive:
            elapsed_ms = simulation.elapsed_ms() - simulation.queued_ms
            self._beat(simulation, elapsed_ms)
            if self._limit_ms is not None and elapsed_ms > self._limit_ms and not simulation.timed_out.is_set():
                simulation.emit("stuck", {**_state(simulation), "elapsed_ms": elapsed_ms, "limit_ms": self._limit_ms})
                simulation.timed_out.set()
                stuck.append(simulation)
        self._beats = {simulation.span: self._beats.get(simulation.span, 0) for simulation in alive}
        return stuck

    def _beat(self, simulation: Simulation, elapsed_ms: float) -> None:
        due = int(elapsed_ms // self._heartbeat_ms)
        if due > self._beats.get(simulation.span, 0):
            self._beats[simulation.span] = due
            simulation.emit("heartbeat", {**_state(simulation), "elapsed_ms": _waited_ms(simulation)})


def _state(simulation: Simulation) -> dict[str, object]:
    waiting = simulation.waiting()
    return {"step": simulation.step, "waiting_on": waiting.what, "model": waiting.model}


def _waited_ms(simulation: Simulation) -> float:
    return (simulation.logger.clock.now_ns() - simulation.waiting().since_ns) / 1e6
