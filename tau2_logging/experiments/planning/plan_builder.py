"""From a command line to a plan: arms, tasks, what it will cost, what it can find out."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Mapping, Sequence
from typing import Any

from tau2_logging.errors import UserError
from tau2_logging.events.call_arguments import MASK
from tau2_logging.events.domain_label import plain_domain
from tau2_logging.experiments.planning.plan_file import ExperimentPlan
from tau2_logging.runner.harness.enhanced_domains import offered
from tau2_logging.runner.harness.load_harness import load_harness
from tau2_logging.runner.settings.config import Arm, ModelChoice, RunConfig
from tau2_logging.runner.settings.simulation_settings import simulation_settings
from tau2_logging.runner.settings.user_variants import chosen_variants, known_variants, variant_arms
from tau2_logging.runner.work.run_plan import make_plan

_KEYS = ("variant", "agent", "agent_args", "agent_llm", "agent_llm_args", "user_llm", "user_llm_args")


def arms_of(
    variants: str | None = None, agents: str | None = None, agent_llms: str | None = None, own: Sequence[str] = ()
) -> tuple[Arm, ...]:
    """Return the arms a command line names: by variants, by agents, by agents' models, or one by one (`own`, each NAME=JSON)."""
    arms = list(variant_arms(variants)) if variants else []
    arms += [Arm(name, agent=name) for name in _words(agents)]
    arms += [Arm(_as_name(llm), agent_model=ModelChoice(llm, {}, named=True)) for llm in _words(agent_llms)]
    return tuple(arms + [own_arm(text) for text in own])


def _words(text: str | None) -> list[str]:
    return [word.strip() for word in (text or "").split(",") if word.strip()]


def _as_name(llm: str) -> str:
    return "".join(letter if letter.isalnum() or letter in "_.-" else "-" for letter in llm)


def own_arm(text: str) -> Arm:
    """Return `NAME={"agent": "retry_agent", "agent_llm": "gpt-4.1", ...}` as an arm. Raises UserError."""
    name, equals, rest = text.partition("=")
    shown = name.strip() if equals else MASK
    example = '--arm \'careful={"agent": "retry_agent", "agent_args": {"attempts": 5}}\''
    try:
        data = json.loads(rest)
    except ValueError as error:
        raise UserError(f"--arm {shown} is not NAME=JSON ({error}); write it as {example}") from None
    if not isinstance(data, dict):
        raise UserError(f"--arm {shown} is not a JSON object; write it as {example}")
    unknown = sorted(data.keys() - set(_KEYS))
    if unknown:
        raise UserError(f"--arm {name}: no setting {unknown[0]!r}; there are {', '.join(_KEYS)}")
    variant = chosen_variants(data["variant"])[0] if "variant" in data else None
    models = {f"{role}_model": _model(data, role) for role in ("agent", "user") if f"{role}_llm" in data}
    return Arm(name, variant, data.get("agent"), data.get("agent_args") or {}, **models)


def _model(data: Mapping[str, Any], role: str) -> ModelChoice:
    return ModelChoice(data[f"{role}_llm"], data.get(f"{role}_llm_args") or {}, named=True)


def planned_tasks(config: RunConfig) -> dict[str, list[str]]:
    """Return the tasks that a run of this configuration does, by domain (loads tau2). Raises UserError for anything tau2 does not have."""
    harness = load_harness(config)
    settings = simulation_settings(config)
    with offered(harness.registry, settings.values()):
        units = make_plan(config, settings, harness).units
    found: dict[str, list[str]] = {domain: [] for domain in config.domains}
    for label, task in dict.fromkeys((unit.domain, str(unit.task.id)) for unit in sorted(units, key=lambda unit: unit.trial)):
        if task not in found[plain_domain(label)]:
            found[plain_domain(label)].append(task)
    return found


def experiment_plan(name: str, config: RunConfig, reference: str | None, assumed: Mapping[str, Any]) -> ExperimentPlan:
    """Return the plan; the reference is `control` if there is such an arm, else the first. Raises UserError."""
    names = [arm.name for arm in config.arms]
    chosen = reference or ("control" if "control" in names else names[0] if names else "")
    if len(names) < 2:
        return ExperimentPlan(name, chosen, config, {"": []})  # says what is missing before tau2 is loaded
    tasks = planned_tasks(config)
    ids = tuple(dict.fromkeys(task for tasks_of in tasks.values() for task in tasks_of))
    fixed = dataclasses.replace(config, task_ids=ids if len(config.domains) == 1 else config.task_ids)
    return ExperimentPlan(name, chosen, fixed, tasks, assumed)


def all_variants(files: Sequence[str]) -> dict[str, Any]:
    """Return the variants that ship and those of YAML files."""
    return dict(known_variants(files))
