"""Recorded conversations, from the folder of a run, its checkpoint, or any results file of tau2; and how their run was set up."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from tau2_logging.analysis.deep.reading.files.results_files import RUN_FILE, domain_of, read_file, run_name, simulations_of
from tau2_logging.errors import UserError
from tau2_logging.events import StateChangeEvent, StateSnapshot, read_events
from tau2_logging.events.domain_label import arm_of, plain_domain
from tau2_logging.events.retrieval_tools import KNOWLEDGE
from tau2_logging.events.secrets.masking import shorten
from tau2_logging.runner.harness.rebuilt_conversation import KnownHashes
from tau2_logging.runner.settings.config import ModelChoice, RunConfig
from tau2_logging.runner.settings.options import THREADS
from tau2_logging.runner.settings.saved_run import saved_config
from tau2_logging.runner.work.checkpoint import read_rows
from tau2_logging.statistics.score import is_solved

_MAX_STEPS, _MAX_ERRORS = 100, 10
"""tau2's own limits, for a file that does not say."""
_DAMAGED = (AttributeError, LookupError, TypeError, ValueError, OverflowError, RecursionError)
"""What reading values of a wrong form raises."""


@dataclass(frozen=True)
class SavedSimulation:
    """One recorded simulation. `label` is the domain as its run calls it; `about` the task as it was recorded, None if the file does not
    hold it; `info` what a results file says of its run, empty for a checkpoint."""

    source: Path
    run: str
    label: str
    task: str
    trial: int
    simulation: Mapping[str, Any]
    about: Mapping[str, Any] | None = None
    info: Mapping[str, Any] = field(default_factory=dict)

    @property
    def domain(self) -> str:
        """tau2's name of the domain."""
        return plain_domain(self.label)

    @property
    def name(self) -> str:
        """Return it as `run/domain/task/trial`."""
        return f"{self.run}/{self.label}/{self.task}/{self.trial}"

    @property
    def reward(self) -> float | None:
        """The recorded reward."""
        reward = (self.simulation.get("reward_info") or {}).get("reward")
        return None if reward is None else float(reward)

    @property
    def won(self) -> bool | None:
        """Whether it was a success; None if it has no reward."""
        return None if self.reward is None else is_solved(self.reward)

    @property
    def is_scripted(self) -> bool:
        """Whether built-in scripted models played agent and user, which cost nothing."""
        models = [str((self.info.get(f"{role}_info") or {}).get("llm") or "") for role in ("agent", "user")]
        return all(model.startswith("scripted/") for model in models)

    @property
    def user(self) -> str:
        """Who played the user: implementation, model, arm."""
        about = self.info.get("user_info") or {}
        return " ".join(str(part) for part in (about.get("implementation"), about.get("llm"), arm_of(self.label)) if part)


def read_saved(paths: Iterable[str | Path]) -> list[SavedSimulation]:
    """Return every simulation of runs and files. Raises UserError for a path that holds none."""
    found = []
    for path in map(Path, paths):
        recordings = [saved for file in _files(path) for saved in _read(file)]
        if not recordings:
            raise UserError(f"{path} holds no recorded simulation; give the folder of a run that has ended one, or a results file of tau2")
        found += recordings
    return found


def one_saved(recordings: Sequence[SavedSimulation], task: str, trial: int) -> SavedSimulation:
    """Return the simulation of a task and trial. Raises UserError if there is none, or it is of several domains or arms."""
    of_task = [saved for saved in recordings if saved.task == task]
    if not of_task:
        known = ", ".join(dict.fromkeys(shorten(" ".join(saved.task.split()), 40) for saved in recordings[:8]))
        raise UserError(f"no simulation of task {shorten(task, 60)!r} is recorded in {recordings[0].source.parent}; there are {known}, ...")
    of_trial = [saved for saved in of_task if saved.trial == trial]
    if not of_trial:
        raise UserError(f"task {task} has no trial {trial}; there are {', '.join(str(saved.trial) for saved in of_task)} (--trial)")
    if len(of_trial) > 1:
        where = ", ".join(str(saved.source) for saved in of_trial)
        raise UserError(f"task {task} trial {trial} is recorded {len(of_trial)} times; name one of the files: {where}")
    return of_trial[0]


def _files(path: Path) -> list[Path]:
    if not path.is_dir():
        return [path]
    results = sorted(path.glob("results_*.json")) or [file for file in [path / "results.json"] if file.is_file()]
    done = {file.stem.removeprefix("results_") for file in results}
    checkpoints = [file for file in sorted(path.glob("simulations_*.jsonl")) if file.stem.removeprefix("simulations_") not in done]
    return [*results, *checkpoints]


def _read(file: Path) -> list[SavedSimulation]:
    try:
        found = list(_of_file(file))
        for saved in found:
            _ = saved.reward, saved.user, saved.is_scripted
        return found
    except _DAMAGED as error:
        raise UserError(f"{file} cannot be read ({type(error).__name__}: {error}); give another") from error


def _of_file(file: Path) -> Iterator[SavedSimulation]:
    if file.suffix == ".jsonl":
        yield from _of_checkpoint(file)
        return
    data = read_file(file)
    label, run = domain_of(file, data), run_name(file)
    tasks = {str(task["id"]): task for task in data["tasks"]}
    for task, trial, simulation in simulations_of(data, file):
        yield SavedSimulation(file, run, label, task, trial, simulation, tasks.get(task), data["info"])


def _of_checkpoint(file: Path) -> Iterator[SavedSimulation]:
    if not file.is_file():
        raise UserError(f"no file {file}; give the folder of a run, or a results file of tau2")
    last = {(row["domain"], row["task"], row["trial"]): row for row in read_rows(file) if row.get("simulation") and row["status"] == "ok"}
    for (label, task, trial), row in last.items():
        yield SavedSimulation(file, file.resolve().parent.name, label, task, trial, row["simulation"])


def config_of(saved: SavedSimulation) -> RunConfig:
    """Return the settings with which a simulation was played, its arm's in the place of its run's. Raises UserError if nothing tells."""
    if (saved.source.parent / RUN_FILE).is_file():
        return _of_arm(saved_config(saved.source.parent), saved)
    if not saved.info:
        raise UserError(f"{saved.source} does not say which models played; give the folder of the run, or its results_<domain>.json")
    try:
        return _of_info(saved)
    except _DAMAGED as error:
        raise UserError(
            f"{saved.source} does not say in a way that can be read how it was played ({error}); give its run's folder"
        ) from error


def retrieval_of(saved: SavedSimulation) -> str | None:
    """Return how the agent found documents, by tau2's name; None if nothing tells, or its domain has none."""
    if saved.domain != KNOWLEDGE:
        return None
    noted = saved.info.get("retrieval_config")
    folder = saved.source.parent
    return str(noted) if noted else saved_config(folder).retrieval_config if (folder / RUN_FILE).is_file() else None


def _of_arm(config: RunConfig, saved: SavedSimulation) -> RunConfig:
    arm = next((arm for arm in config.arms if arm.name == arm_of(saved.label)), None)
    config = replace(config, domains=(saved.domain,), executor=THREADS, workers=None, ray_address=None, servers=None)
    if arm is None:
        return replace(config, arms=())
    return replace(
        config,
        agent=arm.agent or config.agent,
        agent_args=arm.agent_args or config.agent_args,
        agent_model=arm.agent_model or config.agent_model,
        user_model=arm.user_model or config.user_model,
        arms=(replace(arm, agent=None, agent_args={}, agent_model=None, user_model=None),) if arm.variant else (),
    )


def _of_info(saved: SavedSimulation) -> RunConfig:
    agent, user = (saved.info.get(f"{role}_info") or {} for role in ("agent", "user"))
    named = user.get("implementation")
    return RunConfig(
        domains=(saved.domain,),
        agent=str(agent.get("implementation") or "llm_agent"),
        user=None if named in (None, "user_simulator") else str(named),
        agent_model=_model(agent, saved),
        user_model=_model(user, saved),
        max_steps=int(saved.info.get("max_steps") or _MAX_STEPS),
        max_errors=int(saved.info.get("max_errors") or _MAX_ERRORS),
        retrieval_config=retrieval_of(saved),
        seed=int(saved.info.get("seed") or 0),
    )


def _model(about: Mapping[str, Any], saved: SavedSimulation) -> ModelChoice:
    if not about.get("llm"):
        if about.get("implementation") == "dummy_user":
            return ModelChoice("scripted/user")
        raise UserError(f"{saved.source} does not say which model played; give the folder of its run")
    return ModelChoice(str(about["llm"]), dict(about.get("llm_args") or {}))


def recorded_hashes(saved: SavedSimulation) -> KnownHashes:
    """Return tau2's hashes of the databases that a run with --events kept beside its results; none if it kept none."""
    file = saved.source.parent / f"events_{saved.label}.jsonl"
    if not file.is_file():
        return KnownHashes()
    after: dict[str, tuple[str, str]] = {}
    end: tuple[str | None, str | None] = (None, None)
    for event in read_events(file):
        if (getattr(event, "domain", None), str(getattr(event, "task", None)), getattr(event, "trial", None)) != _key(saved):
            continue
        if isinstance(event, StateChangeEvent) and event.call_id and event.post_hash:
            after[event.call_id] = (str(event.database), event.post_hash)
        elif isinstance(event, StateSnapshot) and event.moment == "end":
            end = (event.agent_hash, event.user_hash)
    return KnownHashes(after, end)


def _key(saved: SavedSimulation) -> tuple[str, str, int]:
    return saved.label, saved.task, saved.trial


def as_json_line(row: Mapping[str, Any]) -> str:
    """Return a row as one line of JSON."""
    return json.dumps(row, ensure_ascii=False, default=str)
