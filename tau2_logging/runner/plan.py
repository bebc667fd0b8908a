"""Which simulations a run consists of. Everything a person can get wrong about tau2 is said here, before anything is written."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from tau2_logging.errors import UserError
from tau2_logging.logger.masking import shorten
from tau2_logging.runner.benchmark import Benchmark, trial_seeds
from tau2_logging.runner.config import RunConfig


@dataclass(frozen=True, eq=False)
class Unit:
    """One simulation to run: a task of a domain, a trial, its seed. Compared by identity: tau2's tasks have no hash."""

    domain: str
    task: Any
    trial: int
    seed: int

    @property
    def key(self) -> tuple[str, str, int]:
        """(domain, task id, trial), which names it in every log and checkpoint."""
        return self.domain, str(self.task.id), self.trial


@dataclass(frozen=True)
class Plan:
    """The simulations of a run in the order they are started; `left_out` counts tasks the agent cannot do, by domain."""

    units: tuple[Unit, ...]
    seeds: tuple[int, ...]
    user: str
    left_out: dict[str, int]

    def tasks(self, domain: str) -> list[Any]:
        """The tasks of a domain, each once."""
        return list({str(unit.task.id): unit.task for unit in self.units if unit.domain == domain}.values())


def make_plan(config: RunConfig, benchmark: Benchmark, given: Mapping[str, list[Any]] | None = None) -> Plan:
    """The plan of a run; `given` tasks of a domain stand in place of those the configuration chooses.

    Raises UserError for a domain, split, task, agent or user that is not there.
    """
    _known("domain", config.domains, benchmark.domains(), "--list-domains shows them")
    if len(set(config.domains)) != len(config.domains):
        raise UserError(f"--domains names one twice: {' '.join(config.domains)}")
    _known("agent", [config.agent], benchmark.agents(), "register your own with tau2's registry")
    if not benchmark.runs_agent(config.agent):
        raise UserError(
            f"tau2 cannot run agent {config.agent!r}: this release takes only classes derived from its LLMAgent, LLMGTAgent or LLMSoloAgent"
        )
    user = _user(config, benchmark)
    seeds = trial_seeds(config.seed, config.num_trials)
    per_domain: dict[str, list[Any]] = {}
    left_out: dict[str, int] = {}
    for domain in config.domains:
        tasks = given[domain] if given is not None and domain in given else _select(config, benchmark, domain)
        suited = benchmark.task_filter(config.agent)
        per_domain[domain] = [task for task in tasks if suited is None or suited(task)]
        left_out[domain] = len(tasks) - len(per_domain[domain])
    units = tuple(
        Unit(domain, task, trial, seeds[trial])
        for trial in range(config.num_trials)
        for domain, tasks in per_domain.items()
        for task in tasks
    )
    if not units:
        raise UserError(f"agent {config.agent!r} can do none of the chosen tasks of {', '.join(config.domains)}; choose another agent")
    return Plan(units, tuple(seeds), user, left_out)


def _user(config: RunConfig, benchmark: Benchmark) -> str:
    solo = benchmark.is_solo(config.agent)
    user = config.user or ("dummy_user" if solo else "user_simulator")
    _known("user", [user], benchmark.users(), "register your own with tau2's registry")
    if solo != (user == "dummy_user"):
        right = "dummy_user" if solo else "user_simulator"
        raise UserError(f"--user {user} does not go with agent {config.agent!r}; use --user {right}")
    if solo:
        for domain in config.domains:
            benchmark.check_solo(domain)
    return user


def _select(config: RunConfig, benchmark: Benchmark, domain: str) -> list[Any]:
    splits = benchmark.splits(domain)
    if config.task_split is not None and config.task_split not in splits:
        offered = f"it has {', '.join(splits)}" if splits else "it has no splits; leave --task-split out"
        raise UserError(f"no split {config.task_split!r} in {domain}; {offered}")
    tasks = benchmark.tasks(domain, config.task_split)
    if config.task_ids is not None:
        by_id = {str(task.id): task for task in tasks}
        split = config.task_split or ("base" if "base" in splits else "only")
        for task_id in config.task_ids:
            if task_id not in by_id:
                raise UserError(_no_task(task_id, domain, split, list(by_id)))
        wanted = set(config.task_ids)
        tasks = [task for task in tasks if str(task.id) in wanted]
    return tasks[: config.num_tasks] if config.num_tasks is not None else tasks


def _no_task(task_id: str, domain: str, split: str, ids: Sequence[str]) -> str:
    close = difflib.get_close_matches(task_id, ids, n=1)
    hint = f"did you mean {close[0]!r}? " if close else ""
    span = f"{len(ids)}: {shorten(ids[0], 60)}..{shorten(ids[-1], 60)}" if len(ids) > 3 else ", ".join(ids)
    return f"no task {task_id!r} in {domain} ({split} split has {span}); {hint}--list-tasks {domain} shows all"


def _known(kind: str, wanted: Iterable[str], offered: Sequence[str], hint: str) -> None:
    for name in wanted:
        if name not in offered:
            raise UserError(f"no {kind} {name!r}; there are {', '.join(offered)} ({hint})")
