"""The plan of an experiment: one JSON file that says everything, made before anything is run.

experiments/<name>/plan.json      the plan
experiments/<name>/logs/          log and checkpoint of its run (logs/runs/<name>/)
experiments/<name>/report/        what `analyze` writes
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from tau2_logging.errors import UserError
from tau2_logging.invocation import EXPERIMENTS, command
from tau2_logging.runner.settings.config import Arm, RunConfig

SCHEMA = 1
FILE = "plan.json"


@dataclass(frozen=True)
class ExperimentPlan:
    """`config` holds the arms and how each cell is run, `tasks` the ids of each domain's, `reference` the arm that the others are compared
    with. `assumed` is what power and cost were reckoned with.
    """

    name: str
    reference: str
    config: RunConfig
    tasks: dict[str, list[str]]
    assumed: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if len(self.arms) < 2:
            raise UserError(
                "an experiment compares arms, and this has fewer than two; give --user-variants, --agents, --agent-llms or --arm"
            )
        if self.reference not in self.arms:
            raise UserError(f"no arm {self.reference!r} to compare with; there are {', '.join(self.arms)}")
        if not any(self.tasks.values()):
            raise UserError("the plan holds no task; choose others with --domains, --task-ids or --num-tasks")

    @property
    def arms(self) -> tuple[str, ...]:
        """Names of the arms, in their order."""
        return tuple(arm.name for arm in self.config.arms)

    @property
    def compared(self) -> tuple[str, ...]:
        """The arms that are compared with the reference."""
        return tuple(name for name in self.arms if name != self.reference)

    @property
    def cells(self) -> int:
        """How many simulations it takes."""
        return len(self.arms) * self.config.num_trials * self.number_of_tasks

    @property
    def number_of_tasks(self) -> int:
        """Tasks over all domains."""
        return sum(map(len, self.tasks.values()))

    def arm(self, name: str) -> Arm:
        """Return the arm of a name."""
        return next(arm for arm in self.config.arms if arm.name == name)

    def as_json(self) -> dict[str, Any]:
        """As plan.json holds it; secrets among the models' arguments are masked."""
        head = {"schema": SCHEMA, "name": self.name, "reference": self.reference, "arms": list(self.arms), "cells": self.cells}
        return {**head, "tasks": self.tasks, "assumed": dict(self.assumed), "config": self.config.as_json()}


@dataclass(frozen=True)
class Experiment:
    """A plan and the folder it is in."""

    plan: ExperimentPlan
    directory: Path

    @property
    def config(self) -> RunConfig:
        """The run that carries it out; logs and checkpoint are beside the plan."""
        return replace(self.plan.config, log_dir=self.directory / "logs", run_name=self.plan.name)

    @property
    def run_dir(self) -> Path:
        """The folder of its run."""
        return self.directory / "logs" / "runs" / self.plan.name

    @property
    def logs(self) -> list[Path]:
        """The event logs that are there."""
        return [path for domain in self.plan.config.domains if (path := self.directory / "logs" / f"tau2_{domain}.log").exists()]


def write_plan(plan: ExperimentPlan, path: Path) -> None:
    """Write the file, whole or not at all. Raises UserError if another plan is there, or the disk refuses."""
    if path.exists():
        raise UserError(f"{path} is there already; choose another --name, or delete it if nothing has been run with it")
    part = path.with_suffix(".part")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        part.write_text(json.dumps(plan.as_json(), indent=2, ensure_ascii=False, default=str) + "\n", encoding="utf-8")
        os.replace(part, path)
    except OSError as error:
        raise UserError(f"cannot write {path}: {error.strerror}; choose another --out") from error


def read_plan(path: Path) -> Experiment:
    """Return the experiment of a plan file, or of the folder it is in. Raises UserError for anything else."""
    path = path / FILE if path.is_dir() else path
    try:
        data = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise UserError(f"cannot read the plan {path}: {error.strerror}; make one with: {command(EXPERIMENTS)} plan") from error
    except (ValueError, RecursionError) as error:
        raise UserError(f"{path} is not JSON that can be read: {error}") from error
    if not isinstance(data, dict) or data.get("schema") != SCHEMA:
        raise UserError(f"{path} is no plan of this version; make one with: {command(EXPERIMENTS)} plan")
    try:
        config = RunConfig.from_json(data["config"])
        plan = ExperimentPlan(data["name"], data["reference"], config, data["tasks"], data.get("assumed") or {})
    except (KeyError, TypeError, AttributeError, ValueError) as error:
        raise UserError(f"{path} is no complete plan ({type(error).__name__}: {error}); make the plan again") from error
    return Experiment(plan, path.parent)
