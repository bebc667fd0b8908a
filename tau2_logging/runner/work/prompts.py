"""The system prompts that a run's user simulators are to be sent, made from the run's settings alone."""

from __future__ import annotations

from dataclasses import replace

from tau2_logging.events.label import plain_domain
from tau2_logging.logger.content.prompt_hash import prompt_hash
from tau2_logging.runner.harness.enhanced_domains import offered
from tau2_logging.runner.harness.tau2_harness import Recipe, Tau2Harness
from tau2_logging.runner.settings.arms import arm_user
from tau2_logging.runner.settings.config import RunConfig
from tau2_logging.runner.work.plan import make_plan
from tau2_logging.users import Variant, registered_users, user_name


def user_prompts(config: RunConfig) -> dict[tuple[str, str], str]:
    """Hash of the prompt by (label, task id), for every user that has one (loads tau2)."""
    harness = Tau2Harness.load()
    found = {}
    with offered(harness.registry, config):
        plan = make_plan(config, harness)
        for unit in plan.units:
            key = (unit.domain, str(unit.task.id))
            if key not in found:
                prompt = harness.user_prompt(_recipe(unit.domain, arm_user(config, unit.domain, plan.users[unit.domain])), unit.task)
                found[key] = None if prompt is None else prompt_hash(prompt)
    return {key: value for key, value in found.items() if value is not None}


def prompt_of(variant: Variant | None, domain: str, task_id: str) -> str:
    """The whole system prompt of a task with a variant, or tau2's own where there is none. Raises UserError for no such domain or task."""
    harness = Tau2Harness.load()
    config = RunConfig(domains=(domain,), task_ids=(task_id,))
    with registered_users(harness.registry, [variant] if variant is not None else []):
        unit = make_plan(config, harness).units[0]
        prompt = harness.user_prompt(_recipe(domain, user_name(variant)), unit.task)
    assert prompt is not None, "the user simulator has a prompt"
    return prompt


def scenarios(config: RunConfig) -> dict[tuple[str, str], str]:
    """What tau2 tells the user of each task, by (domain, task id)."""
    plan = make_plan(replace(config, arms=()), Tau2Harness.load())
    return {(unit.domain, str(unit.task.id)): str(unit.task.user_scenario) for unit in plan.units}


def _recipe(label: str, user: str) -> Recipe:
    """As much of a recipe as a prompt needs."""
    return Recipe(plain_domain(label), "llm_agent", user, "none", {}, "none", {}, None, {}, False, 1, 1, 1, 0)
