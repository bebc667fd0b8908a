"""Fields of run_start that say what a person varies from run to run, what may be a credential masked."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from tau2_logging.events.call_arguments import shown_arguments
from tau2_logging.logger.content.masking import mask_text, masked_json
from tau2_logging.runner.harness.tau2_harness import Recipe
from tau2_logging.runner.settings.config import RunConfig

_OURS = ("num_retries",)
"""Set by the runner in every run."""


def settings_fields(config: RunConfig, recipe: Recipe) -> dict[str, object]:
    """Agent, user, models and experts with their arguments as they are in force (tau2's default temperature included), and limits.

    `config` as it is within the domain or arm that `recipe` is of.
    """
    experts = {expert.alias: _settings_of(expert) for expert in config.experts}
    return {
        "agent": recipe.agent,
        "agent_args": _text(config.agent_args),
        "user": recipe.user,
        "agent_llm": recipe.agent_llm,
        "agent_llm_args": _arguments(recipe.agent_args),
        "user_llm": recipe.user_llm,
        "user_llm_args": _arguments(recipe.user_args),
        "judge_llm": recipe.judge_llm,
        "judge_llm_args": _arguments(recipe.judge_args) if recipe.judge_llm else None,
        "experts": ",".join(f"{expert.alias}={expert.model}" for expert in config.experts) or None,
        "expert_mode": config.expert_mode if config.experts else None,
        "expert_args": _text({alias: settings for alias, settings in experts.items() if settings}),
        "max_steps": config.max_steps,
        "max_errors": config.max_errors,
    }


def _settings_of(expert: Any) -> dict[str, Any]:
    given = {name: getattr(expert, name) for name in ("description", "prompt") if getattr(expert, name) is not None}
    return {**given, **({"args": shown_arguments(expert.args, mask_text)} if expert.args else {})}


def _arguments(arguments: Mapping[str, Any]) -> str | None:
    return _text(shown_arguments(arguments, mask_text))


def _text(arguments: Mapping[str, Any]) -> str | None:
    kept = {name: arguments[name] for name in sorted(arguments) if name not in _OURS}
    return masked_json(kept) if kept else None
