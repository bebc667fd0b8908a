"""A conversation of MASEval's as tau2's SimulationRun, scored by tau2's own evaluator."""

from __future__ import annotations

import importlib
import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from tau2_logging.environments.initial_state import set_initial_state
from tau2_logging.runner.harness.maseval.trajectory import in_tau2s_words, termination, trajectory

HARNESS_REWARD, TAU2_REWARD = "maseval_reward", "tau2_reward"
"""Under these names both rewards are in `reward_info.info` of a result."""


@dataclass(frozen=True)
class Repetition:
    """A repetition that MASEval has executed: its report, the task as tau2 has it, trial and seed."""

    domain: str
    task: Any
    report: Mapping[str, Any]
    trial: int
    seed: int | None


def simulation_of(repetition: Repetition, environment: Any, own_reward: bool) -> Any:
    """Return tau2's SimulationRun of a repetition. Its reward is MASEval's own (0 if MASEval's evaluator failed, as MASEval counts it)
    if
    `own_reward`, else tau2's; the other one is in `reward_info.info`.

    Raises NoConversation if the traces cannot be put in order.
    """
    messages = trajectory(repetition.report["traces"])
    set_initial_state(environment, repetition.task)
    in_tau2s_words(messages, environment)
    data = importlib.import_module("tau2.data_model.simulation")
    started, seconds = _times(repetition.report["traces"])
    run = data.SimulationRun.model_validate(
        {
            "id": str(uuid.uuid4()),
            "task_id": str(repetition.task.id),
            "start_time": started.isoformat(),
            "end_time": (started + timedelta(seconds=seconds)).isoformat(),
            "duration": seconds,
            "termination_reason": termination(messages),
            "messages": messages,
            "trial": repetition.trial,
            "seed": repetition.seed,
        }
    )
    scored = _score(run, repetition)
    run.reward_info = _reward_info(scored, maseval_reward(repetition.report), own_reward)
    return run


def maseval_reward(report: Mapping[str, Any]) -> float | None:
    """Return what MASEval's evaluator said; None if it failed or was not asked."""
    scores = report.get("eval") or ()
    return scores[0].get("reward") if scores else None


def _score(run: Any, repetition: Repetition) -> Any:
    """Return tau2's RewardInfo."""
    evaluator = importlib.import_module("tau2.evaluator.evaluator")
    return evaluator.evaluate_simulation(
        simulation=run,
        task=repetition.task,
        evaluation_type=evaluator.EvaluationType.ALL,
        solo_mode=False,
        domain=repetition.domain,
    )


def _reward_info(scored: Any, harness: float | None, own_reward: bool) -> Any:
    both = {HARNESS_REWARD: harness, TAU2_REWARD: scored.reward}
    reward = (harness or 0.0) if own_reward else scored.reward
    return scored.model_copy(update={"reward": reward, "info": {**(scored.info or {}), **both}})


def _times(traces: Mapping[str, Any]) -> tuple[datetime, float]:
    """Return when the first model call started and how long it was from then to the end of the last one, in seconds, as the traces have
    it."""
    calls = [
        (datetime.fromisoformat(entry["timestamp"]), float(entry.get("duration_seconds") or 0.0))
        for model in (traces.get("models") or {}).values()
        for entry in (model or {}).get("logs") or ()
        if entry.get("timestamp")
    ]
    if not calls:
        return datetime.now(), 0.0
    first = min(started for started, _ in calls)
    return first, max((started - first).total_seconds() + seconds for started, seconds in calls)
