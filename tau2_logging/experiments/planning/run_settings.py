"""From the words of a command line to the configuration of an experiment's run."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tau2_logging.experiments.planning.plan_builder import arms_of
from tau2_logging.runner.settings.config import SCRIPTED_AGENT, SCRIPTED_JUDGE, SCRIPTED_USER, ModelChoice, RunConfig
from tau2_logging.runner.settings.json_flag import json_object

_PLAIN = ("num_tasks", "task_split", "num_trials", "seed", "max_concurrency", "max_steps", "max_errors", "max_retries", "task_timeout")


def run_config(given: Mapping[str, Any]) -> RunConfig:
    """What is run in every cell, and the arms. Raises UserError."""
    arms = arms_of(given.get("user_variants"), given.get("agents"), given.get("agent_llms"), given.get("arm") or ())
    agent, user = _model(given, "agent", SCRIPTED_AGENT), _model(given, "user", SCRIPTED_USER)
    scripted = agent.scripted and user.scripted and all(arm.agent_model is None or arm.agent_model.scripted for arm in arms)
    judge = _model(given, "judge", SCRIPTED_JUDGE) if scripted or given.get("judge_llm") else None
    values: dict[str, Any] = {name: given[name] for name in _PLAIN if given.get(name) is not None}
    for name in ("domains", "task_ids"):
        if given.get(name):
            values[name] = tuple(given[name])
    if given.get("agent"):
        values["agent"] = given["agent"]
    if given.get("budget") is not None:
        values["max_cost"] = given["budget"]
    return RunConfig(**values, agent_model=agent, user_model=user, judge_model=judge, arms=arms, log_dir=Path("logs"))


def _model(given: Mapping[str, Any], role: str, default: str) -> ModelChoice:
    name = given.get(f"{role}_llm")
    return ModelChoice(name or default, json_object(given, f"{role}_llm_args"), named=name is not None)
