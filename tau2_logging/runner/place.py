"""Where a run keeps its things."""

from __future__ import annotations

import secrets
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tau2_logging.errors import UserError
from tau2_logging.runner.checkpoint import Key, finished, read_run
from tau2_logging.runner.config import RunConfig


@dataclass(frozen=True)
class RunPlace:
    """Name and folder of a run, when it began, and what an earlier start of it has left there."""

    run_id: str
    directory: Path
    started_wall: float
    done: dict[Key, dict[str, Any]]
    resumed: bool


def new_place(config: RunConfig) -> RunPlace:
    """For a run that begins. Raises UserError for a name that is taken or can be none, or a folder that cannot be written."""
    run_id = config.run_name or f"{time.strftime('%Y%m%d-%H%M%S')}-{secrets.token_hex(2)}"
    if "/" in run_id or run_id in (".", "..") or not run_id.isprintable():
        raise UserError(f"--run-name {run_id!r} cannot name a folder; use letters, digits, - and _")
    directory = config.log_dir / "runs" / run_id
    if (directory / "run.json").exists():
        raise UserError(f"run {run_id!r} exists already in {config.log_dir}; choose another --run-name, or --resume {directory}")
    _check_writable(config.log_dir)
    return RunPlace(run_id, directory, time.time(), {}, resumed=False)


def resumed_place(config: RunConfig, directory: Path) -> RunPlace:
    """For a run that goes on. Raises UserError where the folder is not a run."""
    data = read_run(directory)
    return RunPlace(data["run_id"], directory, float(data["started_wall"]), finished(directory, config.labels), resumed=True)


def _check_writable(directory: Path) -> None:
    probe = directory / f".probe-{secrets.token_hex(4)}"
    try:
        directory.mkdir(parents=True, exist_ok=True)
        probe.touch()
        probe.unlink()
    except OSError as error:
        raise UserError(f"cannot write to --log-dir {directory}: {error.strerror}; choose another or make it writable") from error
