"""What a run has left of its simulations: the folder of a run, its checkpoint (simulations_<domain>.jsonl), or a results file of tau2."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tau2_logging.errors import UserError
from tau2_logging.events.domain_label import plain_domain
from tau2_logging.models.recorded.recorded_replies import RecordedReplies, from_tape, from_trajectory
from tau2_logging.units import plural

PROVIDER = "recorded"
PREFIX = f"{PROVIDER}/"
Key = tuple[str, str, int]
_CHECKPOINT, _RESULTS, _PROMPTS = "simulations_", "results_", "prompts_"
_DAMAGED = (AttributeError, LookupError, TypeError, ValueError, OverflowError, RecursionError)
"""What reading values of a wrong form raises."""


@dataclass(frozen=True)
class _Found:
    """A simulation as it was read: tau2's SimulationRun or what there is of one, its calls if they were kept, its task as recorded."""

    simulation: Mapping[str, Any]
    tape: tuple[Mapping[str, Any], ...] | None = None
    task: Mapping[str, Any] | None = None
    policy: str | None = None


@dataclass(frozen=True)
class Recording:
    """The simulations of a recording by (domain, task, trial)."""

    path: Path
    found: Mapping[Key, _Found] = field(repr=False)
    texts: Mapping[str, str] = field(repr=False, default_factory=dict)

    def key_of(self, label: str, task: str, trial: int) -> Key | None:
        """Return which recorded simulation answers one of `label` (`retail`, or `retail@anger`), None if there is none."""
        return next((key for domain in (label, plain_domain(label)) if (key := (domain, task, trial)) in self.found), None)

    def simulation(self, key: Key, history: int) -> RecordedReplies:
        """Return a simulation, whose first `history` messages were there before it started. Raises UserError if it is damaged."""
        found = self.found[key]
        try:
            if found.tape is not None:
                return from_tape(found.tape, found.simulation.get("messages") or (), self.texts, found.simulation.get("seed"))
            return from_trajectory(found.simulation, history, _known(found))
        except _DAMAGED as error:
            raise UserError(
                f"{self.path}: task {key[1]} trial {key[2]} of {key[0]} cannot be read ({type(error).__name__}: {error})"
            ) from error

    def held(self) -> str:
        """Return what it holds, for a person who asks for something else."""
        by_domain: dict[str, list[str]] = {}
        for domain, task, _ in self.found:
            by_domain.setdefault(domain, []).append(task)
        parts = [
            f"{plural(len(tasks), 'simulation')} of {domain} (tasks {_few(list(dict.fromkeys(tasks)))})"
            for domain, tasks in by_domain.items()
        ]
        return " and ".join(parts) or "no simulation"


def _few(tasks: list[str]) -> str:
    short = [task if len(task) <= 30 else f"{task[:27]}..." for task in tasks]
    return ", ".join(short) if len(short) <= 6 else f"{', '.join(short[:3])}, ..., {short[-1]}"


def recording_path(model: str) -> Path:
    """Return the path of a recorded model's recording. Raises UserError if it names none."""
    name = model.removeprefix(PREFIX)
    if not name:
        raise UserError(f"model {model!r} names no recording; write recorded/logs/runs/<run>, or recorded/<results file>")
    return Path(name).expanduser()


def open_recording(path: Path) -> Recording:
    """Read a recording. Raises UserError if there is none, or if it is not readable."""
    try:
        if path.is_dir():
            return _of_folder(path)
        if path.suffix == ".jsonl":
            return Recording(path, dict(_rows(path)), _texts(path.parent, [path]))
        return Recording(path, dict(_results(path)))
    except FileNotFoundError as error:
        raise UserError(f"no recording at {path}; give the folder of a run, its simulations_<domain>.jsonl, or a results file") from error
    except OSError as error:
        raise UserError(f"cannot read the recording {path}: {error.strerror}") from error
    except _DAMAGED as error:
        raise UserError(f"the recording {path} cannot be read ({type(error).__name__}: {error}); give another") from error


def _of_folder(path: Path) -> Recording:
    rows = sorted(path.glob(f"{_CHECKPOINT}*.jsonl"))
    with_rows = {file.stem.removeprefix(_CHECKPOINT) for file in rows}
    results = [file for file in sorted(path.glob(f"{_RESULTS}*.json")) if file.stem.removeprefix(_RESULTS) not in with_rows]
    results += [file for file in (path / "results.json",) if file.exists()]
    found = {key: one for file in results for key, one in _results(file)} | {key: one for file in rows for key, one in _rows(file)}
    if not rows and not results:
        raise UserError(f"{path} holds no recording: it has neither simulations_<domain>.jsonl nor a results file; give a run's folder")
    return Recording(path, found, _texts(path, rows))


def _rows(path: Path) -> Iterator[tuple[Key, _Found]]:
    """Yield the simulations of a checkpoint: of each the row in which it finished, else the last that holds calls."""
    best: dict[Key, tuple[bool, _Found]] = {}
    with open(path, encoding="utf-8", errors="replace") as file:
        for line in file:
            row = _object(line)
            read = _row(row) if row is not None else None
            if row is not None and read is not None:
                done = row.get("status") == "ok"
                if done or not best.get(read[0], (False, None))[0]:
                    best[read[0]] = done, read[1]
    if not best:
        raise UserError(f"{path} holds no conversation; give a checkpoint of a run of which a simulation was played")
    yield from ((key, found) for key, (_, found) in best.items())


def _row(row: Mapping[str, Any]) -> tuple[Key, _Found] | None:
    played = row.get("simulation") or row.get("played") or {"messages": row.get("messages"), "seed": row.get("seed")}
    tape = row.get("calls")
    key = (row.get("domain"), row.get("task"), row.get("trial"))
    if not isinstance(played, Mapping) or not (played.get("messages") or tape) or not _is_key(key):
        return None
    return (str(key[0]), str(key[1]), int(key[2])), _Found(played, tuple(tape) if isinstance(tape, list) else None)  # type: ignore[arg-type]


def _is_key(key: tuple[object, object, object]) -> bool:
    return isinstance(key[0], str) and isinstance(key[1], str) and isinstance(key[2], int)


def _object(line: str) -> Mapping[str, Any] | None:
    try:
        row = json.loads(line)
    except (ValueError, RecursionError):
        return None
    return row if isinstance(row, Mapping) else None


def _texts(folder: Path, rows: Iterable[Path]) -> dict[str, str]:
    """Return the texts of system prompts and tools that a run keeps beside its checkpoint."""
    found = {}
    for path in (folder / f"{_PROMPTS}{file.stem.removeprefix(_CHECKPOINT)}.jsonl" for file in rows):
        for line in path.read_text(encoding="utf-8", errors="replace").splitlines() if path.exists() else ():
            row = _object(line)
            if row is not None and isinstance(row.get("hash"), str) and isinstance(row.get("text"), str):
                found[row["hash"]] = row["text"]
    return found


def _results(path: Path) -> Iterator[tuple[Key, _Found]]:
    data = _read_results(path)
    environment = data["info"].get("environment_info") or {}
    ours = (path.parent / "run.json").exists() and path.stem.startswith(_RESULTS)
    domain = path.stem.removeprefix(_RESULTS) if ours else str(environment.get("domain_name") or path.stem)
    tasks = {str(task.get("id")): task for task in data["tasks"] if isinstance(task, Mapping)}
    used: dict[str, set[int]] = {}
    for one in _simulations(data, path):
        if isinstance(one, Mapping) and one.get("messages") and one.get("task_id") is not None:
            task = str(one["task_id"])
            trial = _free_trial(one.get("trial"), used.setdefault(task, set()))
            yield (domain, task, trial), _Found(one, None, tasks.get(task), environment.get("policy"))


def _free_trial(trial: Any, used: set[int]) -> int:
    free = trial if isinstance(trial, int) and trial not in used else max(used, default=-1) + 1
    used.add(free)
    return free


def _read_results(path: Path) -> dict[str, Any]:
    try:
        data = json.loads(path.read_text(encoding="utf-8"))
    except (ValueError, RecursionError) as error:
        raise UserError(f"the recording {path} is not JSON: {error}; give a results file of tau2, or the folder of a run") from error
    if not isinstance(data, dict) or not isinstance(data.get("tasks"), list) or not isinstance(data.get("info"), dict):
        raise UserError(f"the recording {path} is not a results file of tau2: it has no tasks; give one, or the folder of a run")
    return data


def _simulations(data: Mapping[str, Any], path: Path) -> Iterable[Any]:
    folder = path.parent / "simulations"
    found = data.get("simulations") or []
    if found or path.name != "results.json" or not folder.is_dir():
        return found if isinstance(found, list) else []
    return (json.loads(file.read_text(encoding="utf-8")) for file in sorted(folder.glob("*.json")))


def _known(found: _Found) -> dict[str, list[tuple[str, str]]]:
    """Return what the system prompts of a simulation must contain: the policy, and the texts of the task's scenario."""
    scenario = (found.task or {}).get("user_scenario") or {}
    texts = list(_leaves(scenario.get("instructions"))) if isinstance(scenario, Mapping) else [str(scenario)]
    return {
        "agent": [("the policy", found.policy)] if found.policy else [],
        "user": [("the scenario of the task", text) for text in texts],
    }


def _leaves(value: Any) -> Iterator[str]:
    if isinstance(value, Mapping):
        for item in value.values():
            yield from _leaves(item)
    elif isinstance(value, str) and value.strip():
        yield value
