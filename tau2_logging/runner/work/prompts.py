"""The system prompts that a run's user simulators are to be sent, made from the run's settings alone."""

from __future__ import annotations

from dataclasses import replace

from tau2_logging.logger.content.prompt_hash import prompt_hash
from tau2_logging.runner.harness.enhanced_domains import offered
from tau2_logging.runner.harness.load_harness import load_harness
from tau2_logging.runner.harness.tau2_harness import Tau2Harness
from tau2_logging.runner.settings.config import RunConfig
from tau2_logging.runner.settings.simulation_settings import simulation_settings
from tau2_logging.runner.work.run_plan import make_plan
from tau2_logging.users import Variant, registered_users, user_name


def user_prompts(config: RunConfig) -> dict[tuple[str, str], str]:
    """Hash of the prompt by (label, task id), for every user that has one (loads tau2)."""
    harness = load_harness(config)
    settings = simulation_settings(config)
    found = {}
    with offered(harness.registry, settings.values()):
        plan = make_plan(config, settings, harness)
        for unit in plan.units:
            key = (unit.domain, str(unit.task.id))
            if key not in found:
                prompt = harness.user_prompt(plan.settings[unit.domain], unit.task)
                found[key] = None if prompt is None else prompt_hash(prompt)
    return {key: value for key, value in found.items() if value is not None}


def prompt_of(variant: Variant | None, domain: str, task_id: str) -> str:
    """Return the whole system prompt of a task with a variant, or tau2's own if there is none. Raises UserError for no such domain or
    task."""
    harness = Tau2Harness.load()
    config = RunConfig(domains=(domain,), task_ids=(task_id,))
    with registered_users(harness.registry, [variant] if variant is not None else []):
        plan = make_plan(config, simulation_settings(config), harness)
        settings = replace(plan.settings[domain], user=user_name(variant))
        prompt = harness.user_prompt(settings, plan.units[0].task)
    assert prompt is not None, "the user simulator has a prompt"
    return prompt


def scenarios(config: RunConfig) -> dict[tuple[str, str], str]:
    """Return what tau2 tells the user of each task, by (domain, task id)."""
    plain = replace(config, arms=())
    plan = make_plan(plain, simulation_settings(plain), load_harness(plain))
    return {(unit.domain, str(unit.task.id)): str(unit.task.user_scenario) for unit in plan.units}
