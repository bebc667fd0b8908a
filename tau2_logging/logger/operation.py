"""A measured operation: start it, then let it finish or fail. One event, whatever happens in between."""

from __future__ import annotations

from tau2_logging.events.secrets.masking import masked_start
from tau2_logging.logger.content.error_text import error_text
from tau2_logging.logger.simulation import Simulation


class Operation:
    """A call that a simulation waits for. `finish` and `fail` are idempotent: the first of them writes the event.

    The clock is read before anything is hashed, encoded or written, so that none of it is measured.
    """

    def __init__(self, simulation: Simulation, type_: str, category: str, what: str, model: str | None = None) -> None:
        self.simulation = simulation
        self.type = type_
        self.category = category
        self.step = simulation.step
        self.parent = simulation.step_span
        self.span = simulation.logger.new_span()
        self.done = False
        self.duration_ms: float | None = None
        self.within_ms = 0.0
        """Of duration_ms, the time of operations within this one: events give each moment to one operation."""
        self.started_ns = simulation.ledger.enter(category)
        simulation.start_waiting(self.span, what, model, self.started_ns)

    def stop(self) -> bool:
        """Read the clock. True for the first call, which is then the one to write the event."""
        simulation = self.simulation
        with simulation.lock:
            if self.done:
                return False
            self.done = True
        ended = simulation.ledger.leave(self.category)
        self.duration_ms = (ended - self.started_ns) / 1e6
        simulation.stop_waiting(self.span)
        return True

    def write(self, fields: dict[str, object]) -> None:
        """The event, with the operation's own times. To be called once, after `stop`."""
        simulation = self.simulation
        timed: dict[str, object] = {
            "step": self.step,
            "start_ms": simulation.logger.since_start_ms(self.started_ns),
            "duration_ms": None if self.duration_ms is None else self.duration_ms - self.within_ms,
            "total_duration_ms": self.duration_ms if self.within_ms else None,
            **fields,
        }
        simulation.emit(self.type, timed, span=self.span, parent=self.parent)


def error_fields(error: BaseException, limit: int = 300) -> dict[str, object]:
    """Return `error=true` with the class of an exception and what it said, masked and shortened to `limit` characters."""
    name = type(error).__name__
    return {"error": True, "error_type": name, "error_message": masked_start(error_text(error), limit) or f"{name}()"}
