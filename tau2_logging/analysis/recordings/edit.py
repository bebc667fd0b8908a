"""Results files of tau2 put together or thinned out: tau2's own format in, tau2's own format out."""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tau2_logging.analysis.deep.reading.files.results_files import domain_of, read_file, simulations_of
from tau2_logging.errors import UserError
from tau2_logging.statistics.score import is_solved

_ONE_RUN = (("agent_info", "implementation"), ("agent_info", "llm"), ("user_info", "implementation"), ("user_info", "llm"))
"""What simulations of one results file have in common."""


@dataclass(frozen=True)
class Wanted:
    """Which simulations to keep; None is any. `solved`: with full reward, as tau2 counts success."""

    tasks: Collection[str] | None = None
    trials: Collection[int] | None = None
    solved: bool | None = None
    terminations: Collection[str] | None = None

    def takes(self, task: str, trial: int, simulation: Mapping[str, Any]) -> bool:
        """Return whether a simulation is one of them."""
        reward = (simulation.get("reward_info") or {}).get("reward")
        return (
            (self.tasks is None or task in self.tasks)
            and (self.trials is None or trial in self.trials)
            and (self.solved is None or (reward is not None and is_solved(reward)) == self.solved)
            and (self.terminations is None or simulation.get("termination_reason") in self.terminations)
        )


def merged(paths: Sequence[Path]) -> dict[str, Any]:
    """Return one results file of several of the same domain, agent and user.

    A simulation that is in several files (the same `id`) is kept once. Trials of a task that bear the same number get the next free
    ones, in the order of the files. Raises UserError if files do not belong together, or tell of a task in different words.
    """
    whole: dict[str, Any] = {}
    tasks: dict[str, Any] = {}
    seen: set[object] = set()
    simulations: list[dict[str, Any]] = []
    for path in paths:
        data = read_file(path)
        whole = whole or {**data, "simulations": []}
        _check_alike(paths[0], whole, path, data)
        for task in data["tasks"]:
            if tasks.setdefault(str(task["id"]), task) != task:
                raise UserError(f"{path} tells of task {task['id']} differently from the files before it; the versions of the data differ")
        for _, trial, simulation in simulations_of(data, path):
            if simulation.get("id") is None or simulation["id"] not in seen:
                seen.add(simulation.get("id"))
                simulations.append({**simulation, "trial": trial})
    whole["tasks"] = list(tasks.values())
    whole["simulations"] = _numbered(simulations)
    whole["info"] = {**whole["info"], "num_trials": 1 + max((one["trial"] for one in whole["simulations"]), default=0)}
    return whole


def _check_alike(first: Path, one: Mapping[str, Any], path: Path, other: Mapping[str, Any]) -> None:
    pairs: dict[str, tuple[object, object]] = {"domain": (domain_of(first, one), domain_of(path, other))}
    for part, name in _ONE_RUN:
        pairs[f"{part}.{name}"] = ((one["info"].get(part) or {}).get(name), (other["info"].get(part) or {}).get(name))
    for name, (mine, theirs) in pairs.items():
        if mine != theirs:
            raise UserError(f"{path} cannot be merged with {first}: {name} is {theirs!r} there and {mine!r} here; compare them instead")


def _numbered(simulations: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    used: dict[str, set[int]] = {}
    for simulation in simulations:
        taken = used.setdefault(str(simulation["task_id"]), set())
        if simulation["trial"] in taken:
            simulation["trial"] = max(taken) + 1
        taken.add(simulation["trial"])
    return list(simulations)


def filtered(path: Path, wanted: Wanted) -> dict[str, Any]:
    """Return a results file with the simulations that are wanted and their tasks. Raises UserError if none is."""
    data = read_file(path)
    kept = [simulation for task, trial, simulation in simulations_of(data, path) if wanted.takes(task, trial, simulation)]
    if not kept:
        raise UserError(f"no simulation in {path} is wanted; it holds {sum(1 for _ in simulations_of(data, path))}")
    names = {str(simulation["task_id"]) for simulation in kept}
    return {**data, "tasks": [task for task in data["tasks"] if str(task["id"]) in names], "simulations": kept}


def write_results(data: Mapping[str, Any], path: Path, force: bool = False) -> None:
    """Write a results file. Raises UserError if it is there already, or cannot be written."""
    write_text(json.dumps(data, indent=2, ensure_ascii=False), path, force)


def write_text(text: str, path: Path, force: bool = False) -> None:
    """Write a file. Raises UserError if it is there already, or cannot be written."""
    if path.exists() and not force:
        raise UserError(f"{path} exists; choose another name, or overwrite it with --force")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    except OSError as error:
        raise UserError(f"cannot write {path}: {error.strerror}; choose another path") from error
