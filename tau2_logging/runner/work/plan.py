"""Which simulations a run consists of. Everything a person can get wrong about tau2 is said here, before anything is written."""

from __future__ import annotations

import difflib
import random
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from tau2_logging.errors import UserError
from tau2_logging.events.label import plain_domain
from tau2_logging.logger.content.masking import shorten
from tau2_logging.runner.harness.tau2_harness import Tau2Harness, trial_seeds
from tau2_logging.runner.settings.arms import agent_name, arm_user
from tau2_logging.runner.settings.config import RunConfig


@dataclass(frozen=True, eq=False)
class Unit:
    """One simulation to run: a task of a domain (`retail`, or `retail@anger` in an arm), a trial, its seed.

    Compared by identity: tau2's tasks have no hash.
    """

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
    """The simulations of a run in the order they are started; `left_out` counts tasks the agent cannot do, by domain. `users` and
    `agents` are those of each domain, under tau2's names.
    """

    units: tuple[Unit, ...]
    seeds: tuple[int, ...]
    user: str
    left_out: dict[str, int]
    users: dict[str, str] = field(default_factory=dict)
    agents: dict[str, str] = field(default_factory=dict)

    def tasks(self, domain: str) -> list[Any]:
        """The tasks of a domain, each once."""
        return list({str(unit.task.id): unit.task for unit in self.units if unit.domain == domain}.values())


def make_plan(config: RunConfig, harness: Tau2Harness, given: Mapping[str, list[Any]] | None = None) -> Plan:
    """The plan of a run; `given` tasks of a domain stand in place of those the configuration chooses.

    Raises UserError for a domain, split, task, agent or user that is not there.
    """
    _known("domain", config.domains, harness.domains(), "--list-domains shows them")
    if len(set(config.domains)) != len(config.domains):
        raise UserError(f"--domains names one twice: {' '.join(config.domains)}")
    for domain in config.domains:
        _check_name(domain)
    agents = {label: agent_name(config, label) for label in config.labels}
    for agent in dict.fromkeys(agents.values()):
        _known("agent", [agent], harness.agents(), "register your own with tau2's registry")
        if not harness.runs_agent(agent):
            raise UserError(
                f"tau2 cannot run agent {agent!r}: this release takes only classes derived from its LLMAgent, LLMGTAgent or LLMSoloAgent"
            )
    users = {label: arm_user(config, label, "") or _user(config, harness, agents[label]) for label in config.labels}
    for label, user in users.items():
        if user != "dummy_user" and harness.is_solo(agents[label]):
            raise UserError(f"agent {agents[label]!r} works without a user, so that a variant of one changes nothing; choose another agent")
    seeds = trial_seeds(config.seed, config.num_trials)
    chosen = {
        domain: given[domain] if given is not None and domain in given else _select(config, harness, domain) for domain in config.domains
    }
    for domain, tasks in chosen.items():
        _check_ids(domain, tasks)
    suited = {domain: _suited(tasks, harness, agents.values()) for domain, tasks in chosen.items()}
    units = [
        Unit(label, task, trial, seeds[trial])
        for trial in range(config.num_trials)
        for label in config.labels
        for task in suited[plain_domain(label)]
    ]
    if not units:
        names = ", ".join(dict.fromkeys(agents.values()))
        raise UserError(f"agent {names!r} can do none of the chosen tasks of {', '.join(config.domains)}; choose another agent")
    if config.arms:  # whatever changes while the run lasts, the hour or the provider's load, then meets all arms alike
        random.Random(f"cells|{config.seed}").shuffle(units)
    left_out = {domain: len(tasks) - len(suited[domain]) for domain, tasks in chosen.items()}
    return Plan(tuple(units), tuple(seeds), users[config.labels[0]], left_out, users, agents)


def _check_name(domain: str) -> None:
    """Files are named after a domain, and arms (`retail@anger`)."""
    wrong = next((character for character in domain if character in "@/\\" or not character.isprintable()), None)
    if wrong is not None or not domain.strip("."):
        what = f"its name holds {wrong!r}" if wrong is not None else "files cannot be named after it"
        raise UserError(f"domain {domain!r} cannot be run: {what}; register it with tau2 under a name of letters, digits, - and _")


def _suited(tasks: list[Any], harness: Tau2Harness, agents: Iterable[str]) -> list[Any]:
    """The tasks that all of these agents can do."""
    filters = [suits for agent in dict.fromkeys(agents) if (suits := harness.task_filter(agent)) is not None]
    return [task for task in tasks if all(suits(task) for suits in filters)]


def _user(config: RunConfig, harness: Tau2Harness, agent: str) -> str:
    solo = harness.is_solo(agent)
    user = config.user or ("dummy_user" if solo else "user_simulator")
    _known("user", [user], harness.users(), "register your own with tau2's registry")
    if solo != (user == "dummy_user"):
        right = "dummy_user" if solo else "user_simulator"
        raise UserError(f"--user {user} does not go with agent {agent!r}; use --user {right}")
    if solo:
        for domain in config.domains:
            harness.check_solo(domain)
    return user


def _select(config: RunConfig, harness: Tau2Harness, domain: str) -> list[Any]:
    splits = harness.splits(domain)
    if config.task_split is not None and config.task_split not in splits:
        offered = f"it has {', '.join(splits)}" if splits else "it has no splits; leave --task-split out"
        raise UserError(f"no split {config.task_split!r} in {domain}; {offered}")
    tasks = harness.tasks(domain, config.task_split)
    if config.task_ids is not None:
        by_id = {str(task.id): task for task in tasks}
        split = config.task_split or ("base" if "base" in splits else "only")
        for task_id in config.task_ids:
            if task_id not in by_id:
                raise UserError(_no_task(task_id, domain, split, list(by_id)))
        wanted = set(config.task_ids)
        tasks = [task for task in tasks if str(task.id) in wanted]
    return tasks[: config.num_tasks] if config.num_tasks is not None else tasks


def _check_ids(domain: str, tasks: Sequence[Any]) -> None:
    """A task's id names its simulations in every log: of two alike, one would be lost."""
    ids = Counter(str(task.id) for task in tasks)
    twice = [name for name, number in ids.items() if number > 1]
    if twice:
        raise UserError(
            f"domain {domain} has {ids[twice[0]]} tasks of the id {shorten(repr(twice[0]), 60)}; give each task an id of its own"
        )


def _no_task(task_id: str, domain: str, split: str, ids: Sequence[str]) -> str:
    close = difflib.get_close_matches(task_id, ids, n=1)
    hint = f"did you mean {close[0]!r}? " if close else ""
    span = f"{len(ids)}: {shorten(ids[0], 60)}..{shorten(ids[-1], 60)}" if len(ids) > 3 else ", ".join(ids)
    return f"no task {task_id!r} in {domain} ({split} split has {span}); {hint}--list-tasks {domain} shows all"


def _known(kind: str, wanted: Iterable[str], offered: Sequence[str], hint: str) -> None:
    for name in wanted:
        if name not in offered:
            raise UserError(f"no {kind} {name!r}; there are {', '.join(offered)} ({hint})")
