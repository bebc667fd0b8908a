"""Fields of run_start that say what the user varies from run to run, what may be a credential masked."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from tau2_logging.events.call_arguments import shown_arguments
from tau2_logging.events.roles import CONFIGURED_ROLES
from tau2_logging.events.secrets.masking import mask_text, masked_json
from tau2_logging.models.recorded import PREFIX
from tau2_logging.runner.settings.simulation_settings import SimulationSettings

_OURS = ("num_retries",)
"""Set by the runner in every run."""


def settings_fields(settings: SimulationSettings) -> dict[str, object]:
    """Return agent, user, models and experts with their arguments as they are in force (tau2's default temperature included), and
    limits."""
    experts = {expert.alias: _settings_of(expert) for expert in settings.experts}
    return {
        "agent": settings.agent,
        "agent_args": _text(settings.agent_settings),
        "user": settings.user,
        "agent_llm": settings.agent_llm,
        "agent_llm_args": _arguments(settings.agent_args),
        "user_llm": settings.user_llm,
        "user_llm_args": _arguments(settings.user_args),
        "judge_llm": settings.judge_llm,
        "judge_llm_args": _arguments(settings.judge_args) if settings.judge_llm else None,
        "experts": ",".join(f"{expert.alias}={expert.model}" for expert in settings.experts) or None,
        "expert_mode": settings.expert_mode if settings.experts else None,
        "expert_args": _text({alias: of_expert for alias, of_expert in experts.items() if of_expert}),
        "replayed_from": _recordings(settings),
        "tool_faults": " ".join(settings.tool_faults) or None,
        "retrieval_config": settings.retrieval_config,
        "max_steps": settings.max_steps,
        "max_errors": settings.max_errors,
    }


def _recordings(settings: SimulationSettings) -> str | None:
    models = {role: getattr(settings, f"{role}_llm") for role in CONFIGURED_ROLES}
    found = [f"{role}={model.removeprefix(PREFIX)}" for role, model in models.items() if model is not None and model.startswith(PREFIX)]
    return ",".join(found) or None


def _settings_of(expert: Any) -> dict[str, Any]:
    given = {name: getattr(expert, name) for name in ("description", "prompt") if getattr(expert, name) is not None}
    return {**given, **({"args": shown_arguments(expert.args, mask_text)} if expert.args else {})}


def _arguments(arguments: Mapping[str, Any]) -> str | None:
    return _text(shown_arguments(arguments, mask_text))


def _text(arguments: Mapping[str, Any]) -> str | None:
    kept = {name: arguments[name] for name in sorted(arguments) if name not in _OURS}
    return masked_json(kept) if kept else None
