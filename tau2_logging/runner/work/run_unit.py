"""Run one simulation, whatever happens in it: the outcome is a value, never an exception."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from tau2_logging.errors import SimulationInterrupted, SimulationTimeout
from tau2_logging.events.retrieval_tools import required_of
from tau2_logging.events.task_hash import task_hash
from tau2_logging.instrument.tau2 import outcome_of
from tau2_logging.logger.content.call_tape import CallTape
from tau2_logging.logger.content.error_text import error_line
from tau2_logging.logger.content.prompt_hash import prompt_hash
from tau2_logging.logger.content.sensitive import ALL
from tau2_logging.logger.context import bind
from tau2_logging.logger.event_logger import EventLogger
from tau2_logging.logger.scope import ERROR, INTERRUPTED, TIMEOUT, Outcome, begin, described_error, end
from tau2_logging.logger.simulation import JUDGE, Simulation
from tau2_logging.models.recorded import Replay
from tau2_logging.models.scripted.provider import TASK_ARGUMENT
from tau2_logging.runner.harness.tau2_harness import Tau2Harness
from tau2_logging.runner.settings.simulation_settings import SimulationSettings
from tau2_logging.runner.work.checkpoint import PLAYED, Row
from tau2_logging.runner.work.dumping import Dump, dumped, dumped_all
from tau2_logging.runner.work.failure_cause import ended_by
from tau2_logging.runner.work.masked_record import masked_row
from tau2_logging.runner.work.run_plan import Unit

Begun = Callable[[Unit, Simulation], None]
Keep = Callable[[Row], None]


EVALUATIONS = 2
"""How often a conversation is evaluated whose judge gives an answer that cannot be read: the next one may be readable. A judge that does
not answer at all has been asked again by then (--max-retries)."""
_UNREADABLE = (ValueError, KeyError, TypeError, AttributeError)
"""What tau2's evaluator raises over an answer that is not what it asked for."""


@dataclass(frozen=True)
class RunContext:
    """What every simulation of a run shares. `keep` takes its rows: the conversation when it is over, and how the simulation ended. Raises
    OSError if a row cannot be kept."""

    harness: Tau2Harness
    logger: EventLogger
    settings: Mapping[str, SimulationSettings]
    keep: Keep


@dataclass(frozen=True)
class PlayedUnit:
    """A simulation whose conversation is over and kept: what is left is its evaluation."""

    unit: Unit
    simulation: Simulation
    result: Any


def run_unit(unit: Unit, context: RunContext, begun: Begun) -> Row | None:
    """Run a simulation, write its events and keep its rows. None if the watchdog gave it up meanwhile and has done all that."""
    played = play_unit(unit, context, begun)
    return evaluate_unit(played, context) if isinstance(played, PlayedUnit) else played


def play_unit(unit: Unit, context: RunContext, begun: Begun) -> PlayedUnit | Row | None:
    """Play a simulation and keep its conversation; one that an earlier start has played is as it was left. What `run_unit` returns if it
    ends here: in an error, or because its harness has evaluated it already."""
    more = context.logger.attempt(_start_fields, unit, context)
    simulation = begin(context.logger, unit.domain, str(unit.task.id), unit.trial, unit.seed, more)
    simulation.replay = Replay(unit.recorded) if unit.recorded else None
    begun(unit, simulation)
    with bind(simulation):
        outcome, result = _tried(simulation, context, lambda: _conversation(unit, simulation, context))
        if outcome is None and result.reward_info is None:
            _keep_played(unit, simulation, context, result)
            return PlayedUnit(unit, simulation, result)
        if outcome is None:
            outcome, result = _scored(simulation, context, lambda: result)
    return conclude(unit, simulation, outcome, context, result)


def evaluate_unit(played: PlayedUnit, context: RunContext) -> Row | None:
    """Evaluate a simulation that was played, write its events and keep its row; None as in `run_unit`."""
    with bind(played.simulation):
        outcome, result = _scored(played.simulation, context, lambda: _evaluated(played, context))
    return conclude(played.unit, played.simulation, outcome, context, result)


def _tried(simulation: Simulation, context: RunContext, make: Callable[[], Any]) -> tuple[Outcome | None, Any]:
    """Return (None, what `make` returns), or how the simulation ended if it raises, with what is scored of it."""
    try:
        return None, make()
    except SimulationTimeout as error:
        return Outcome(TIMEOUT, error=error), None
    except BaseException as error:
        policy = context.settings[simulation.domain].model_failures
        return context.logger.attempt(ended_by, error, simulation, policy) or (Outcome(ERROR, error=error), None)


def _scored(simulation: Simulation, context: RunContext, score: Callable[[], Any]) -> tuple[Outcome, Any]:
    """Return the outcome of a simulation, and tau2's SimulationRun as `score` returns it."""
    failed, found = _tried(simulation, context, lambda: _with_outcome(score()))
    return (failed, found) if failed is not None else found


def _with_outcome(result: Any) -> tuple[Outcome, Any]:
    return outcome_of(result), result


def _conversation(unit: Unit, simulation: Simulation, context: RunContext) -> Any:
    """Return tau2's SimulationRun of a conversation: the one that was played before if there is one and it can be read."""
    earlier = context.logger.attempt(context.harness.read_run, unit.played.simulation) if unit.played is not None else None
    if unit.played is not None and earlier is not None:
        simulation.tape = CallTape(json.loads(unit.played.calls or "[]"))
        return earlier
    settings = _with_task(context.settings[unit.domain], unit, context.harness)
    result = context.harness.play(settings, unit.task, unit.seed)
    result.trial = unit.trial
    return result


def _keep_played(unit: Unit, simulation: Simulation, context: RunContext, result: Any) -> None:
    """Keep a conversation: whatever becomes of its evaluation, it need not be played again. Its structured events are written first, as
    nobody would make them again either. What is masked cannot be evaluated later, nor what faults were injected into: only this simulation
    knows which."""
    simulation.events.write()
    kept = context.logger.attempt(dumped, result)
    if kept is not None and not simulation.closed and context.logger.masking != ALL and not context.settings[unit.domain].tool_faults:
        ending = str(getattr(result.termination_reason, "value", result.termination_reason))
        context.keep(_row(unit, simulation, Outcome(PLAYED, termination=ending), simulation.elapsed_ms(), kept, Dump()))


def _evaluated(played: PlayedUnit, context: RunContext) -> Any:
    unit, simulation = played.unit, played.simulation
    settings = _with_task(context.settings[unit.domain], unit, context.harness)
    for number in range(1, EVALUATIONS + 1):
        asked = simulation.tape.count(JUDGE)
        try:
            context.harness.evaluate(settings, unit.task, played.result)
            break
        except _UNREADABLE:
            if number == EVALUATIONS or simulation.tape.count(JUDGE) == asked:
                raise
    return played.result


def _start_fields(unit: Unit, context: RunContext) -> dict[str, object]:
    """Return the fields of task_start: hashes of the task's text and of the prompt that the user's model is to be sent, and the user's
    variant."""
    settings = context.settings[unit.domain]
    prompt = context.logger.attempt(context.harness.user_prompt, settings, unit.task)
    dumped_task = context.logger.attempt(_as_json, unit.task)
    return {
        "task_hash": None if dumped_task is None else task_hash(dumped_task),
        "variant": context.harness.variant_of(settings.user),
        "prompt_hash": None if prompt is None else prompt_hash(prompt),
        "required": len(required_of(unit.task)) or None,
        "played_before": True if unit.played is not None else None,
    }


def _as_json(task: Any) -> dict[str, Any] | None:
    return task.model_dump(mode="json") if hasattr(task, "model_dump") else None


def conclude(unit: Unit, simulation: Simulation, outcome: Outcome, context: RunContext, result: Any = None) -> Row | None:
    """Write task_end and keep the row; None if that has been done already.

    Whatever an agent, a tool, a model or tau2 has made of the simulation, there is an event and a row, and both say the same.
    Raises OSError if the row cannot be kept.
    """
    simulation.exit_if_forked()
    try:
        row = _concluded(unit, simulation, outcome, context, result)
    except BaseException as error:  # nothing that a simulation has left behind may end the run
        row = _last_resort(unit, simulation, error, context)
    if row is not None:
        _keep(context, row)
    return row


def _concluded(unit: Unit, simulation: Simulation, outcome: Outcome, context: RunContext, result: Any) -> Row | None:
    measured = simulation.ledger.milliseconds()
    outcome, kept = _kept(outcome, result)
    if not end(simulation, outcome, measured):
        return None
    partial = context.logger.attempt(_partial_trajectory, simulation) if kept.text is None else None
    row = _row(unit, simulation, outcome, measured[1], kept, partial or Dump())
    if row.note is not None:
        context.logger.text(unit.domain, f"task {row.task} trial {row.trial}: {row.note}")
    return row


def _last_resort(unit: Unit, simulation: Simulation, error: BaseException, context: RunContext) -> Row:
    """Write an event and a row of nothing but the failure to make them."""
    context.logger.failed()
    duration_ms = simulation.elapsed_ms()
    start_ms = context.logger.since_start_ms(simulation.ledger.opened_ns)
    fields = {"status": ERROR, "error_type": type(error).__name__, "start_ms": start_ms, "duration_ms": duration_ms}
    simulation.emit("task_end", fields, span=simulation.span)
    simulation.closed = True
    return replace(_row(unit, simulation, Outcome(ERROR), duration_ms, Dump(), Dump()), error=error_line(error))


def interrupt(unit: Unit, simulation: Simulation, context: RunContext) -> Row | None:
    """Keep a row that says that the run was stopped and does not wait for this one. None if the simulation has ended already."""
    waiting = simulation.waiting()
    elapsed_ms = simulation.elapsed_ms()
    if not simulation.abandon():
        return None
    error = SimulationInterrupted(f"the run was stopped while it waited on {waiting.what}")
    partial = context.logger.attempt(_partial_trajectory, simulation) or Dump()
    row = _row(unit, simulation, Outcome(INTERRUPTED, error=error), elapsed_ms, Dump(), partial)
    _keep(context, row)
    return row


def _keep(context: RunContext, row: Row) -> None:
    context.keep(masked_row(row) if context.logger.masking == ALL else row)


def _kept(outcome: Outcome, result: Any) -> tuple[Outcome, Dump]:
    """Return tau2's result as it is kept. A result that cannot be dumped at all makes the simulation one that ended in error."""
    if result is None:
        return outcome, Dump()
    try:
        return outcome, dumped(result)
    except BaseException as error:
        return Outcome(ERROR, error=outcome.error or error), Dump()


def _row(unit: Unit, simulation: Simulation, outcome: Outcome, duration_ms: float, kept: Dump, partial: Dump) -> Row:
    error = described_error(outcome, 2000)
    return Row(
        domain=unit.domain,
        task=str(unit.task.id),
        trial=unit.trial,
        seed=unit.seed,
        status=outcome.status,
        reward=outcome.reward,
        termination=outcome.termination,
        duration_ms=round(duration_ms, 3),
        error=None if error is None else error[0] if error[1] == f"{error[0]}()" else ": ".join(error),
        simulation=kept.text,
        messages=partial.text,
        note=kept.note or partial.note,
        calls=simulation.tape.json(),
        texts=simulation.tape.texts(),
        left_recording=_left_recording(simulation),
    )


def _left_recording(simulation: Simulation) -> str | None:
    """Return where a simulation left its recording and went on, and how often."""
    differences = simulation.replay.differences if isinstance(simulation.replay, Replay) else []
    more = f" (and {len(differences) - 1} more)" if len(differences) > 1 else ""
    return f"{differences[0]}{more}" if differences else None


def _partial_trajectory(simulation: Simulation) -> Dump:
    """Return what had been said before the simulation failed: it may be what explains the failure."""
    messages = getattr(simulation.orchestrator, "trajectory", None)
    return dumped_all(list(messages)) if messages else Dump()


def _with_task(settings: SimulationSettings, unit: Unit, harness: Tau2Harness) -> SimulationSettings:
    """Tell each scripted model its task; one that hides behind another name finds it in the context. A recorded judge that was not asked
    in this simulation is not asked now."""
    recorded = unit.recorded.get(settings.judge_llm or "")
    asked = bool(getattr(unit.task.evaluation_criteria, "nl_assertions", None))
    if recorded is not None and asked and not recorded.calls.get(JUDGE) and not harness.needs_judge(unit.task):
        settings = replace(settings, judge_llm=None)
    task = f"{unit.domain}/{unit.task.id}"
    named = {TASK_ARGUMENT: task}
    return replace(
        settings,
        agent_args={**settings.agent_args, **(named if settings.agent_llm.startswith("scripted/") else {})},
        user_args={**settings.user_args, **(named if settings.user_llm.startswith("scripted/") else {})},
    )
