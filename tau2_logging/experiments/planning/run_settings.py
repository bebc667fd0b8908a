"""The configuration of an experiment's run, from the options of `experiments plan`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from tau2_logging.experiments.planning.plan_builder import arms_of
from tau2_logging.runner.model_calls.server_questions import with_served_model
from tau2_logging.runner.settings.config import RunConfig
from tau2_logging.runner.settings.from_options import new_config

_ARMS = ("user_variants", "agents", "agent_llms", "arm")


def run_config(given: Mapping[str, Any]) -> RunConfig:
    """Return what is run in every cell, and the arms. Raises UserError."""
    variants, agents, models, own = (given.get(name) for name in _ARMS)
    of_run = {name: value for name, value in given.items() if name not in _ARMS and value is not None}
    if given.get("budget") is not None:
        of_run["max_cost"] = given["budget"]
    return new_config(with_served_model(of_run), arms_of(variants, agents, models, own or ()))
