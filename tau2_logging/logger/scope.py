"""A simulation from task_start to task_end."""

from __future__ import annotations

import traceback
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass

from tau2_logging.errors import SimulationTimeout
from tau2_logging.events.levels import DEBUG
from tau2_logging.logger.context import bind
from tau2_logging.logger.event_logger import EventLogger
from tau2_logging.logger.masking import mask_text
from tau2_logging.logger.operation import error_fields
from tau2_logging.logger.simulation import DONE, Simulation

OK, ERROR, TIMEOUT = "ok", "error", "timeout"

_STOP_TOKENS = {"###STOP###": "stop", "###TRANSFER###": "transfer", "###OUT-OF-SCOPE###": "out_of_scope"}


@dataclass(frozen=True)
class Outcome:
    """How a simulation ended. A failure of the infrastructure has no reward: it is not scored. `tau2_reward` is tau2's own where another
    harness gave `reward`."""

    status: str
    reward: float | None = None
    termination: str | None = None
    stop_token: str | None = None
    error: BaseException | None = None
    tau2_reward: float | None = None


def stop_token(text: str | None) -> str | None:
    """Which token ended the talk: tau2 ends all three as user_stop."""
    return next((name for token, name in _STOP_TOKENS.items() if token in (text or "")), None)


def begin(
    logger: EventLogger,
    domain: str,
    task: str,
    trial: int | None = None,
    seed: int | None = None,
    more: Mapping[str, object] | None = None,
) -> Simulation:
    """A new simulation; writes task_start, with `more` fields. Its time counts as setup until the first step."""
    simulation = Simulation(logger, domain, task, trial, seed)
    started = simulation.ledger.enter("setup")
    simulation.emit("task_start", {"start_ms": logger.since_start_ms(started), "seed": seed, **(more or {})}, span=simulation.span)
    return simulation


def end(simulation: Simulation, outcome: Outcome, measured: tuple[dict[str, float], float] | None = None) -> bool:
    """Write task_end and close. True for the one call that did it: worker and watchdog may both try. `measured` is what the ledger said
    when the simulation ended, if something has been done since."""
    with simulation.lock:
        if simulation.phase == DONE:
            return False
        simulation.phase = DONE
    spent, total_ms = measured or simulation.ledger.milliseconds()
    fields: dict[str, object] = {
        "status": outcome.status,
        "reward": outcome.reward,
        "tau2_reward": outcome.tau2_reward,
        "termination": outcome.termination,
        "stop_token": outcome.stop_token,
        "start_ms": simulation.logger.since_start_ms(simulation.ledger.opened_ns),
        "duration_ms": total_ms,
        **{f"{category}_ms": ms for category, ms in spent.items()},
        **simulation.usage.fields(),
    }
    if outcome.error is not None:
        fields.update({name: value for name, value in error_fields(outcome.error).items() if name != "error"})
        simulation.logger.attempt(_write_traceback, simulation, outcome.error)
    simulation.events.write()
    simulation.emit("task_end", fields, span=simulation.span)
    simulation.closed = True
    return True


def _write_traceback(simulation: Simulation, error: BaseException) -> None:
    text = mask_text("".join(traceback.format_exception(type(error), error, error.__traceback__)))
    simulation.logger.text(simulation.domain, f"task {simulation.task} ended in an error:\n{text}")
    if simulation.logger.enabled(DEBUG):
        simulation.emit("traceback", {"step": simulation.step, "error_type": type(error).__name__, "traceback": text})


@contextmanager
def simulation_scope(
    logger: EventLogger, domain: str, task: str, trial: int | None = None, seed: int | None = None
) -> Iterator[Simulation]:
    """Run the block as a simulation. An exception ends it as error (or timeout) and goes on to the caller.

    The block may end the simulation itself with `end`, to say reward and termination; else it ends as ok without them.
    """
    simulation = begin(logger, domain, task, trial, seed)
    with bind(simulation):
        try:
            yield simulation
        except SimulationTimeout as error:
            end(simulation, Outcome(TIMEOUT, error=error))
            raise
        except BaseException as error:
            end(simulation, Outcome(ERROR, error=error))
            raise
        end(simulation, Outcome(OK))
