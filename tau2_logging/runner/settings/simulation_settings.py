"""Settings of the simulations of a domain, or of a domain in an arm: resolved once from the run's, then passed on as they are."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from tau2_logging.events.domain_label import arm_label
from tau2_logging.models.experts import ADVISE, Expert
from tau2_logging.runner.settings.config import Arm, ModelChoice, RunConfig
from tau2_logging.users import Variant, user_name

_QUIET = {"num_retries": 0}
"""Failed calls are made again by us, not by litellm."""


@dataclass(frozen=True)
class SimulationSettings:
    """How the simulations of a label are run. `agent` and `user` are names in tau2's registry; `user` is None until the plan has asked the
    harness which one goes with the agent. `agent_args`, `user_args`, `judge_args` are the arguments of every call of these models.

    `base_agent` with `agent_settings` and `variant` are what `agent` and `user` are made of, if they are ours. `model_failures` is `score`
    if a failure of the agent's own model is scored with 0, `error` if it is an error without reward.
    """

    domain: str
    agent: str
    user: str | None
    agent_llm: str
    agent_args: Mapping[str, Any]
    user_llm: str
    user_args: Mapping[str, Any]
    judge_llm: str | None
    judge_args: Mapping[str, Any]
    repetition_judge: bool
    max_steps: int
    max_errors: int
    num_trials: int
    seed: int
    model_failures: str = "score"
    base_agent: str = ""
    agent_settings: Mapping[str, Any] = field(default_factory=dict)
    variant: Variant | None = None
    experts: tuple[Expert, ...] = ()
    expert_mode: str = ADVISE
    tool_faults: tuple[str, ...] = ()
    retrieval_config: str | None = None


def simulation_settings(config: RunConfig) -> dict[str, SimulationSettings]:
    """Return the settings of every label of a run: each domain once, or once for every arm if there are any."""
    if not config.arms:
        return {domain: _settings(config, domain, None) for domain in config.domains}
    return {arm_label(domain, arm.name): _settings(config, domain, arm) for domain in config.domains for arm in config.arms}


def _settings(config: RunConfig, domain: str, arm: Arm | None) -> SimulationSettings:
    arm = arm or Arm("-")  # changes nothing
    agent, user = arm.agent_model or config.agent_model, arm.user_model or config.user_model
    judge = config.judge_model or ModelChoice("")  # tau2's own
    base = arm.agent or config.agent
    return SimulationSettings(
        domain=domain,
        agent=f"{arm.agent or 'agent'}@{arm.name}" if arm.agent_args else base,
        user=config.user if arm.variant is None else user_name(arm.variant),
        agent_llm=agent.llm,
        agent_args=_arguments(agent),
        user_llm=user.llm,
        user_args=_arguments(user),
        judge_llm=judge.llm or None,
        judge_args=_arguments(judge),
        repetition_judge=judge.named,
        max_steps=config.max_steps,
        max_errors=config.max_errors,
        num_trials=config.num_trials,
        seed=config.seed,
        model_failures=config.model_failures,
        base_agent=base,
        agent_settings=arm.agent_args or ({} if arm.agent else config.agent_args),
        variant=arm.variant,
        experts=config.experts if arm.agent in (None, config.agent) else (),
        expert_mode=config.expert_mode,
        tool_faults=config.tool_faults,
        retrieval_config=config.retrieval_config,
    )


def _arguments(model: ModelChoice) -> dict[str, Any]:
    return {**model.call_args, **_QUIET}
