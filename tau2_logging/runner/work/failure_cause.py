"""Whose failure it is that a simulation ended in an exception: a model's own, or an outage of what lies between."""

from __future__ import annotations

import importlib
import traceback
import uuid
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from tau2_logging.instrument.model_calls.failure import CONTEXT_EXCEEDED
from tau2_logging.instrument.model_calls.reply import EMPTY_REPLY, MALFORMED_JSON, REFUSAL
from tau2_logging.instrument.simulations.acting import acting_in, orchestrator_of
from tau2_logging.logger.scope import OK, Outcome, described_error, failed
from tau2_logging.logger.simulation import AGENT, JUDGE, USER, Simulation
from tau2_logging.runner.settings.options import SCORE

AGENT_ERROR = "agent_error"
"""tau2's own termination reason."""

_OWN = frozenset((EMPTY_REPLY, MALFORMED_JSON, REFUSAL, CONTEXT_EXCEEDED))
"""What a model does to itself: the same request would end in the same way, whatever server answered it."""
_TERMINATIONS = {AGENT: AGENT_ERROR, USER: "user_error", JUDGE: "judge_error"}


def ended_by(error: BaseException, simulation: Simulation, model_failures: str) -> tuple[Outcome, Any]:
    """Return the outcome of a simulation that ended in `error`, and tau2's SimulationRun if it is scored, else None.

    If the agent's model failed, the agent has failed: reward 0, unless `model_failures` says otherwise. If the model of the user
    simulator or of a judge failed, there is no reward, because the agent could do nothing about it. Everything else, an expert's failure
    included, has neither reward nor termination.
    """
    outcome = failed(simulation, error)
    outcome = replace(outcome, termination=_termination(outcome, error))
    if outcome.termination != AGENT_ERROR or model_failures != SCORE:
        return outcome, None
    result = simulation.logger.attempt(_scored, simulation, outcome, error)
    return (outcome, None) if result is None else (replace(outcome, status=OK, reward=0.0), result)


def _termination(outcome: Outcome, error: BaseException) -> str | None:
    cause = outcome.cause
    if cause is None and _in_verdicts(error):
        return _TERMINATIONS[JUDGE]
    if cause is None or cause.name not in _OWN:
        return None
    return _TERMINATIONS.get(cause.role or acting_in(error) or "")


def _in_verdicts(error: BaseException) -> bool:
    """Return whether tau2 raised it in reading a judge's answer."""
    frames = (frame for frame, _ in traceback.walk_tb(error.__traceback__))
    return any(str(frame.f_globals.get("__name__")).endswith("evaluator_nl_assertions") for frame in frames)


def _scored(simulation: Simulation, outcome: Outcome, error: BaseException) -> Any:
    """As tau2 scores its own `agent_error`, with the messages up to there."""
    kinds = importlib.import_module("tau2.data_model.simulation")
    orchestrator: Any = simulation.orchestrator or orchestrator_of(error)
    messages = orchestrator.get_trajectory() if getattr(orchestrator, "trajectory", None) else []
    agent_cost, user_cost = importlib.import_module("tau2.utils.llm_utils").get_cost(messages) or (None, None)
    note = "The agent's model failed: " + ": ".join(described_error(outcome) or ())
    seconds, ended = simulation.elapsed_ms() / 1000, datetime.now()
    return kinds.SimulationRun(
        id=str(uuid.uuid4()),
        task_id=simulation.task,
        start_time=(ended - timedelta(seconds=seconds)).isoformat(),
        end_time=ended.isoformat(),
        duration=seconds,
        termination_reason=AGENT_ERROR,
        agent_cost=agent_cost,
        user_cost=user_cost,
        reward_info=kinds.RewardInfo(reward=0.0, reward_basis=None, info={"note": note}),
        messages=messages,
        trial=simulation.trial,
        seed=simulation.seed,
    )
