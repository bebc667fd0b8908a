"""What `--expert` and `--expert-mode` mean for a run."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import Any

from tau2_logging.agents import EXPERT_AGENT
from tau2_logging.errors import UserError
from tau2_logging.models.experts import parse_experts
from tau2_logging.runner.settings.config import RunConfig


def expert_settings(values: Sequence[str] | None, mode: str | None) -> dict[str, Any]:
    """Return the settings of RunConfig for these `--expert` values: experts need the agent that can ask them. Raises UserError."""
    if values is None:
        if mode is not None:
            raise UserError("--expert-mode is given without --expert; name an expert with --expert NAME=MODEL")
        return {}
    chosen = {} if mode is None else {"expert_mode": mode}
    return {"agent": EXPERT_AGENT, "experts": parse_experts(values), **chosen}


def with_experts(config: RunConfig, values: Sequence[str]) -> RunConfig:
    """Return an earlier run's settings with some experts named again: their options may change, their models may not. Raises UserError."""
    experts = {expert.alias: expert for expert in config.experts}
    for expert in parse_experts(values):
        before = experts.get(expert.alias)
        if before is None or before.model != expert.model:
            kept = ", ".join(f"{known.alias}={known.model}" for known in config.experts) or "none"
            raise UserError(
                f"--expert {expert.alias}={expert.model} is none of the run's experts ({kept}), which --resume keeps; "
                "leave it out or start a new run"
            )
        experts[expert.alias] = expert
    return dataclasses.replace(config, experts=tuple(experts.values()))
