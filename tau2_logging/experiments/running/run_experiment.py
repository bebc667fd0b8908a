"""Carrying out a plan, and how far it has come. The run is an ordinary one: everything that is known of runs holds of it."""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from tau2_logging.errors import UserError
from tau2_logging.events.domain_label import arm_label
from tau2_logging.experiments.planning.plan_file import Experiment
from tau2_logging.invocation import EXPERIMENTS, command
from tau2_logging.runner.settings.config import RunConfig
from tau2_logging.runner.work.checkpoint import read_rows
from tau2_logging.units import money

ROUNDS = 3
"""How often `run` goes over what is not finished: what ended in an error of the infrastructure is run again, never scored."""

STOPPED = (130, 143)


@dataclass(frozen=True)
class Progress:
    """Cells of an arm. `failed` ended in error or timeout when last tried; `missing` is everything that is not `ok`."""

    arm: str
    planned: int
    ok: int
    failed: int
    cost_usd: float | None

    @property
    def missing(self) -> int:
        """Cells without a result."""
        return self.planned - self.ok


def run_experiment(experiment: Experiment, changes: Mapping[str, Any], rounds: int = ROUNDS) -> int:
    """Run what is missing, in up to `rounds` goes; the exit code of the last. `changes`: settings of RunConfig that change no result.

    Raises UserError for what the run cannot start with.
    """
    from tau2_logging.runner.run_notices import NextCommands
    from tau2_logging.runner.session import run

    config = _checked(replace(experiment.config, **changes))
    directory = shlex.quote(str(experiment.directory))
    following = NextCommands(f"{command(EXPERIMENTS)} analyze {directory}", f"{command(EXPERIMENTS)} run {directory}")
    code = 0
    for go in range(rounds):
        if go and budget_is_spent(experiment, config):
            break
        begun = (experiment.run_dir / "run.json").exists()
        words = ["experiments", "run", experiment.plan.name]
        code = run(_within_budget(config, experiment), experiment.run_dir if begun else None, words, following=following)
        if code in STOPPED or not any(item.missing for item in progress(experiment)):
            break
    return code


def _checked(config: RunConfig) -> RunConfig:
    masked = config.masked_secret()
    if masked is not None:
        raise UserError(
            f"the settings of the {masked} held what may be a secret, which a plan does not keep; "
            "give keys by the environment (OPENAI_API_KEY, ...)"
        )
    return config


def _within_budget(config: RunConfig, experiment: Experiment) -> RunConfig:
    """With what is left of the budget; a start counts only its own cost."""
    if config.max_cost is None:
        return config
    spent = _spent(experiment)
    if budget_is_spent(experiment, config):
        raise UserError(f"the budget of {money(config.max_cost)} is spent ({money(spent)}); raise it with --budget to go on")
    return replace(config, max_cost=config.max_cost - spent)


def budget_is_spent(experiment: Experiment, config: RunConfig) -> bool:
    """Return whether the simulations so far have cost what they may."""
    return config.max_cost is not None and _spent(experiment) >= config.max_cost


def _spent(experiment: Experiment) -> float:
    return sum(item.cost_usd or 0.0 for item in progress(experiment))


def progress(experiment: Experiment) -> list[Progress]:
    """Return how far each arm has come, from the checkpoint."""
    return [_of_arm(experiment, name) for name in experiment.plan.arms]


def _of_arm(experiment: Experiment, name: str) -> Progress:
    plan = experiment.plan
    last: dict[tuple[str, str, int], str] = {}
    costs: list[float | None] = []
    for domain in plan.tasks:
        for row in read_rows(experiment.run_dir / f"simulations_{arm_label(domain, name)}.jsonl"):
            key = (domain, row["task"], row["trial"])
            if last.get(key) != "ok":
                last[key] = row["status"]
            simulation = row.get("simulation") or {}
            parts = [simulation.get("agent_cost"), simulation.get("user_cost")]
            costs += [part for part in parts if simulation]
    ok = sum(status == "ok" for status in last.values())
    known = [cost for cost in costs if cost is not None]
    cost = sum(known) if len(known) == len(costs) else None
    return Progress(name, plan.number_of_tasks * plan.config.num_trials, ok, len(last) - ok, cost)
