"""A simulation from task_start to task_end."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass

from tau2_logging.errors import SimulationTimeout
from tau2_logging.events.levels import DEBUG
from tau2_logging.events.secrets.masking import masked_start, shorten
from tau2_logging.logger.call_problem import CallProblem
from tau2_logging.logger.content.error_text import traceback_text
from tau2_logging.logger.context import bind
from tau2_logging.logger.event_logger import EventLogger
from tau2_logging.logger.operation import error_fields
from tau2_logging.logger.simulation import DONE, Simulation

OK, ERROR, TIMEOUT = "ok", "error", "timeout"
INTERRUPTED = "interrupted"
"""Status of a simulation in the checkpoint that was in flight when the run was stopped. It has no task_end: it has not ended."""

_STOP_TOKENS = {"###STOP###": "stop", "###TRANSFER###": "transfer", "###OUT-OF-SCOPE###": "out_of_scope"}


@dataclass(frozen=True)
class Outcome:
    """How a simulation ended. A failure of the infrastructure has no reward: it is not scored. The failure of the agent's own model has
    reward 0 and status ok, with the `error` that it ended in. `cause` is the model call that the error comes from. `tau2_reward` is
    tau2's own if another harness gave `reward`."""

    status: str
    reward: float | None = None
    termination: str | None = None
    stop_token: str | None = None
    error: BaseException | None = None
    tau2_reward: float | None = None
    cause: CallProblem | None = None


def failed(simulation: Simulation, error: BaseException) -> Outcome:
    """Return the outcome of a simulation that ended in an exception."""
    return Outcome(ERROR, error=error, cause=simulation.cause_of(error))


def described_error(outcome: Outcome, limit: int = 300) -> tuple[str, str] | None:
    """Return (error_type, error_message) of an outcome, masked and shortened: the name that the model call has in its event, if a call is
    the cause; the exception's class is then part of the message. None if there was no error."""
    if outcome.error is None:
        return None
    fields = error_fields(outcome.error, limit)
    kind, message = str(fields["error_type"]), str(fields["error_message"])
    cause = outcome.cause
    if cause is None:
        return kind, message
    said = masked_start(cause.said, limit)
    if cause.error is outcome.error:
        return cause.name, said or message if cause.name == kind else shorten(f"{kind}: {said or message}", 2 * limit)
    own = f"{kind}: {message}"
    return cause.name, shorten(own if said in own else f"{said} ({own})", 2 * limit)


def stop_token(text: str | None) -> str | None:
    """Return which token ended the conversation: tau2 ends all three as user_stop."""
    return next((name for token, name in _STOP_TOKENS.items() if token in (text or "")), None)


def begin(
    logger: EventLogger,
    domain: str,
    task: str,
    trial: int | None = None,
    seed: int | None = None,
    more: Mapping[str, object] | None = None,
) -> Simulation:
    """Return a new simulation; writes task_start, with `more` fields. Its time counts as setup until the first step."""
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
    said = described_error(outcome)
    if said is not None and outcome.error is not None:
        fields["error_type"], fields["error_message"] = said
        simulation.logger.attempt(_write_traceback, simulation, outcome.error)
    simulation.events.write()
    simulation.emit_last("task_end", fields)
    return True


def _write_traceback(simulation: Simulation, error: BaseException) -> None:
    text = traceback_text(error)
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
            end(simulation, failed(simulation, error))
            raise
        end(simulation, Outcome(OK))
