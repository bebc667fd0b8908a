"""Which simulations a run consists of. Everything the user can get wrong about tau2 is said here, before anything is written."""

from __future__ import annotations

import difflib
import random
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from tau2_logging.errors import UserError
from tau2_logging.events.domain_label import plain_domain
from tau2_logging.events.secrets.masking import shorten
from tau2_logging.events.task_hash import task_hash
from tau2_logging.invocation import EXPERIMENTS, command
from tau2_logging.models.recorded import RecordedReplies
from tau2_logging.runner.harness.tau2_harness import Tau2Harness, trial_seeds
from tau2_logging.runner.settings.config import RunConfig
from tau2_logging.runner.settings.simulation_settings import SimulationSettings
from tau2_logging.runner.settings.tool_faults import ToolFaults
from tau2_logging.soundness.audited_tasks import audits_named


@dataclass(frozen=True)
class PlayedConversation:
    """A conversation before its evaluation: tau2's SimulationRun, and the model calls that were made for it, as JSON text."""

    simulation: str
    calls: str | None = None


@dataclass(frozen=True, eq=False)
class Unit:
    """One simulation to run: a task of a domain (`retail`, or `retail@anger` in an arm), a trial, its seed.

    Compared by identity: tau2's tasks have no hash.
    """

    domain: str
    task: Any
    trial: int
    seed: int
    recorded: Mapping[str, RecordedReplies] = field(default_factory=dict)
    """What its recorded models have to say, by the model's name."""

    played: PlayedConversation | None = None
    """Its conversation, if an earlier start of the run has played it: it is only evaluated then."""

    @property
    def key(self) -> tuple[str, str, int]:
        """(domain, task id, trial), which names it in every log and checkpoint."""
        return self.domain, str(self.task.id), self.trial


@dataclass(frozen=True)
class RunPlan:
    """The simulations of a run in the order they are started; `left_out` counts tasks the agent cannot do, by domain. `settings` of each
    label, with the user that goes with its agent.
    """

    units: tuple[Unit, ...]
    seeds: tuple[int, ...]
    left_out: dict[str, int]
    settings: Mapping[str, SimulationSettings]

    def tasks(self, label: str) -> list[Any]:
        """Return the tasks of a label, each once."""
        return list({str(unit.task.id): unit.task for unit in self.units if unit.domain == label}.values())

    def planned(self) -> dict[str, int]:
        """Return how many simulations each label has."""
        return {label: sum(unit.domain == label for unit in self.units) for label in self.settings}


def make_plan(
    config: RunConfig,
    settings: Mapping[str, SimulationSettings],
    harness: Tau2Harness,
    given: Mapping[str, list[Any]] | None = None,
) -> RunPlan:
    """Make the plan of a run, with the `settings` of each label; `given` tasks of a domain replace those that `config` chooses.

    Raises UserError for a domain, split, task, agent or user that is not there.
    """
    _known("domain", config.domains, harness.domains(), "--list-domains shows them")
    if len(set(config.domains)) != len(config.domains):
        raise UserError(f"--domains names one twice: {' '.join(config.domains)}")
    for domain in config.domains:
        _check_name(domain)
    _check_faulty_tools(config, harness)
    settings = _with_users(config, settings, harness)
    agents = list(dict.fromkeys(item.agent for item in settings.values()))
    seeds = trial_seeds(config.seed, config.num_trials)
    chosen = {
        domain: given[domain] if given is not None and domain in given else _select(config, harness, domain) for domain in config.domains
    }
    for domain, tasks in chosen.items():
        _check_ids(domain, tasks)
    suited = {domain: _suited(tasks, harness, agents) for domain, tasks in chosen.items()}
    units = [
        Unit(label, task, trial, seeds[trial])
        for trial in range(config.num_trials)
        for label in settings
        for task in suited[plain_domain(label)]
    ]
    if not units:
        raise UserError(f"agent {', '.join(agents)!r} can do none of the chosen tasks of {', '.join(config.domains)}; choose another agent")
    if config.arms:  # whatever changes while the run lasts, the hour or the provider's load, then meets all arms alike
        random.Random(f"cells|{config.seed}").shuffle(units)
    left_out = {domain: len(tasks) - len(suited[domain]) for domain, tasks in chosen.items()}
    return RunPlan(tuple(units), tuple(seeds), left_out, settings)


def _with_users(config: RunConfig, settings: Mapping[str, SimulationSettings], harness: Tau2Harness) -> dict[str, SimulationSettings]:
    """Return the settings with the user that goes with each agent. Raises UserError for an agent or a user that cannot be run."""
    for agent in dict.fromkeys(item.agent for item in settings.values()):
        several = f"to compare several agents: {command(EXPERIMENTS)} plan --agents {agent}"
        _known("agent", [agent], harness.agents(), several if "," in agent else "register your own with tau2's registry")
        if not harness.runs_agent(agent):
            raise UserError(
                f"tau2 cannot run agent {agent!r}: this release takes only classes derived from its LLMAgent, LLMGTAgent or LLMSoloAgent"
            )
    return {label: replace(item, user=_user(config, item, harness)) for label, item in settings.items()}


def _check_faulty_tools(config: RunConfig, harness: Tau2Harness) -> None:
    """Raise UserError for a tool of --tool-faults that no domain has."""
    if named := ToolFaults.of(config.tool_faults).tools:
        offered = sorted({tool for domain in config.domains for tool in harness.tools(domain)})
        for tool in named:
            if tool not in offered:
                close = difflib.get_close_matches(tool, offered, n=1)
                hint = f"did you mean {close[0]!r}? " if close else ""
                raise UserError(f"--tool-faults: no tool {tool!r} in {', '.join(config.domains)}; {hint}there are {', '.join(offered)}")


def _check_name(domain: str) -> None:
    """Files are named after a domain, and arms (`retail@anger`)."""
    wrong = next((character for character in domain if character in "@/\\" or not character.isprintable()), None)
    if wrong is not None or not domain.strip("."):
        what = f"its name holds {wrong!r}" if wrong is not None else "files cannot be named after it"
        raise UserError(f"domain {domain!r} cannot be run: {what}; register it with tau2 under a name of letters, digits, - and _")


def _suited(tasks: list[Any], harness: Tau2Harness, agents: Iterable[str]) -> list[Any]:
    """Return the tasks that all of these agents can do."""
    filters = [suits for agent in agents if (suits := harness.task_filter(agent)) is not None]
    return [task for task in tasks if all(suits(task) for suits in filters)]


def _user(config: RunConfig, settings: SimulationSettings, harness: Tau2Harness) -> str:
    agent, solo = settings.agent, harness.is_solo(settings.agent)
    if settings.variant is not None and solo:
        raise UserError(f"agent {agent!r} works without a user, so that a variant of one changes nothing; choose another agent")
    user = settings.user or ("dummy_user" if solo else "user_simulator")
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
        offered = f"it has {', '.join(splits)}" if splits else "it has no splits; omit --task-split"
        raise UserError(f"no split {config.task_split!r} in {domain}; {offered}")
    tasks = harness.tasks(domain, config.task_split)
    if config.task_set is not None:
        tasks = _sound(tasks, domain, config.task_set)
    if config.task_ids is not None:
        by_id = {str(task.id): task for task in tasks}
        split = f"{'sound part of the ' if config.task_set else ''}{config.task_split or ('base' if 'base' in splits else 'only')}"
        for task_id in config.task_ids:
            if task_id not in by_id:
                raise UserError(_no_task(task_id, domain, split, list(by_id)))
        tasks = [by_id[task_id] for task_id in dict.fromkeys(config.task_ids)]
    return tasks[: config.num_tasks] if config.num_tasks is not None else tasks


def _sound(tasks: Sequence[Any], domain: str, task_set: str) -> list[Any]:
    """Return the tasks that an audit found sound, by their texts as they are installed. Raises UserError if it found none so."""
    audits = audits_named(task_set)
    known = [audits.of(domain, str(task.id), task_hash(task.model_dump(mode="json"))) for task in tasks]
    sound = [task for task, found in zip(tasks, known, strict=True) if found is not None and found.sound]
    if not sound:
        examined = sum(found is not None for found in known)
        what = f"none of its {examined} audited tasks is sound" if examined else f"the audit ({audits.source}) has none of its tasks"
        raise UserError(
            f"--task-set {task_set}: no sound task in {domain}: {what}; examine the installed ones with {command('audit')} "
            f"--domains {domain}, and give --task-set the folder that it writes"
        )
    return sound


def _check_ids(domain: str, tasks: Sequence[Any]) -> None:
    """Refuse two tasks of one id. The id names its simulations in every log: of two alike, one would be lost."""
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
