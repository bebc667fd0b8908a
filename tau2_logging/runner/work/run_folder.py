"""The folder of a run: its name, and what an earlier start has left in it."""

from __future__ import annotations

import json
import secrets
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from tau2_logging.errors import UserError
from tau2_logging.events.secrets.masking import shorten
from tau2_logging.runner.settings.config import RunConfig
from tau2_logging.runner.settings.saved_run import read_run
from tau2_logging.runner.work.checkpoint import Key, finished, played_rows
from tau2_logging.runner.work.run_lock import RunLock
from tau2_logging.runner.work.run_plan import PlayedConversation, RunPlan


@dataclass(frozen=True)
class RunFolder:
    """Name and folder of a run, when it started, and what an earlier start of it has left there: what is `done`, the `seeds` of its
    trials, conversations that are `played` and not evaluated, rows that cannot be read (`damaged`).
    """

    run_id: str
    directory: Path
    started_wall: float
    done: dict[Key, dict[str, Any]]
    resumed: bool
    seeds: tuple[int, ...] = ()
    played: Mapping[Key, PlayedConversation] = field(default_factory=dict)
    damaged: tuple[str, ...] = ()


def new_folder(config: RunConfig) -> RunFolder:
    """Return the folder of a run that starts. Raises UserError for a name that is taken or can be none, or a folder that cannot be
    written."""
    run_id = config.run_name or f"{time.strftime('%Y%m%d-%H%M%S')}-{secrets.token_hex(2)}"
    if "/" in run_id or run_id in (".", "..") or not run_id.isprintable():
        raise UserError(f"--run-name {run_id!r} cannot name a folder; use letters, digits, - and _")
    directory = config.log_dir / "runs" / run_id
    if (directory / "run.json").exists():
        raise UserError(f"run {run_id!r} exists already in {config.log_dir}; choose another name, or --resume {directory}")
    _check_writable(config.log_dir)
    return RunFolder(run_id, directory, time.time(), {}, resumed=False)


def resumed_folder(labels: Iterable[str], directory: Path) -> RunFolder:
    """Return the folder of a run that goes on. Raises UserError if the folder is not a run."""
    data, labels = read_run(directory), list(labels)
    damaged: list[str] = []
    done = finished(directory, labels, damaged)
    played = {key: _conversation(row) for key, row in played_rows(directory, labels).items() if key not in done}
    return RunFolder(
        data["run_id"], directory, float(data["started_wall"]), done, True, tuple(data["trial_seeds"]), played, tuple(damaged)
    )  # fmt: skip


def _conversation(row: Mapping[str, Any]) -> PlayedConversation:
    calls = row.get("calls")
    return PlayedConversation(json.dumps(row["played"], ensure_ascii=False), json.dumps(calls, ensure_ascii=False) if calls else None)


@contextmanager
def locked_folder(config: RunConfig, labels: Iterable[str], resume: Path | None) -> Iterator[tuple[RunFolder, RunLock]]:
    """Yield the folder of a new run, or of the one to `resume`, and its lock, which is held inside the block. Raises UserError if another
    process works on it.
    """
    if resume is None:
        folder = new_folder(config)
        directory = folder.directory
    else:
        directory = resume.absolute()
        read_run(directory)
    _make(directory)
    lock = RunLock(directory)
    try:
        yield (folder if resume is None else resumed_folder(labels, directory)), lock
    finally:
        lock.release()


def _make(directory: Path) -> None:
    try:
        directory.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UserError(f"cannot make {directory}: {error.strerror}; choose another --log-dir or make room") from error


def within_plan(folder: RunFolder, plan: RunPlan) -> RunFolder:
    """Return the folder with what is done of this plan. Raises UserError if the plan's seeds are not those the run started with."""
    if not folder.resumed:
        return folder
    if folder.seeds[: len(plan.seeds)] != plan.seeds[: len(folder.seeds)]:
        raise _changed_seed(folder, f"its trials began with the seeds {_few(folder.seeds)}, and its settings now give {_few(plan.seeds)}")
    planned = {unit.key: unit.seed for unit in plan.units}
    done, damaged = {}, list(folder.damaged)
    for key, row in folder.done.items():
        if key not in planned:
            damaged.append(f"task {shorten(key[1], 60)} trial {key[2]} of {key[0]} is not a simulation of this run")
        elif row.get("seed") not in (None, planned[key]):
            raise _changed_seed(folder, f"task {shorten(key[1], 60)} trial {key[2]} ran with seed {row['seed']}, not {planned[key]}")
        else:
            done[key] = row
    played = {key: one for key, one in folder.played.items() if key in planned}
    return replace(folder, done=done, played=played, damaged=tuple(damaged))


def _changed_seed(folder: RunFolder, what: str) -> UserError:
    return UserError(f"run {folder.run_id} cannot go on with another seed: {what}; restore {folder.directory}/run.json or start a new run")


def _few(seeds: Sequence[int]) -> str:
    return ", ".join(map(str, seeds[:4])) + (", ..." if len(seeds) > 4 else "")


def _check_writable(directory: Path) -> None:
    probe = directory / f".probe-{secrets.token_hex(4)}"
    try:
        directory.mkdir(parents=True, exist_ok=True)
        probe.touch()
        probe.unlink()
    except OSError as error:
        raise UserError(f"cannot write to --log-dir {directory}: {error.strerror}; choose another or make it writable") from error
