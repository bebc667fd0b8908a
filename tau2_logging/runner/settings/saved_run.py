"""run.json: written when a run starts, read to resume it. Anybody may have edited the file: what does not fit is named."""

from __future__ import annotations

import dataclasses
import json
import os
import types
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Union, get_args, get_origin, get_type_hints

from tau2_logging.errors import UserError
from tau2_logging.events.secrets.masking import shorten
from tau2_logging.logger.content.error_text import error_line
from tau2_logging.runner.settings.config import RunConfig

_NEEDED = ("domains", "log_dir", "agent_model", "user_model", "num_trials", "seed", "max_steps")
"""Settings whose default must not take their place."""


def write_run(directory: Path, data: Mapping[str, Any]) -> None:
    """Write run.json, whole or not at all."""
    part = directory / "run.json.part"
    part.write_text(json.dumps(data, indent=2, ensure_ascii=False, default=str) + "\n", encoding="utf-8")
    os.replace(part, directory / "run.json")


def read_run(directory: Path) -> dict[str, Any]:
    """Read run.json. Raises UserError if the folder is not a run."""
    path = directory / "run.json"
    try:
        data = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise UserError(f"{directory} is not a run: it has no run.json; give a folder under <log-dir>/runs/") from error
    except (OSError, ValueError) as error:
        raise UserError(f"cannot read {path}: {error}") from error
    if not isinstance(data, dict) or "config" not in data or "run_id" not in data:
        raise UserError(f"{path} does not describe a run; give a folder under <log-dir>/runs/")
    for name, right in _RUN_CHECKS.items():
        if not right(data.get(name)):
            value = shorten(repr(data.get(name)), 80)
            raise UserError(f"{path} was edited or damaged: {name} is {value}; restore it, or start a new run")
    return data


_RUN_CHECKS: dict[str, Callable[[Any], bool]] = {
    "run_id": lambda value: isinstance(value, str) and value.isprintable() and "/" not in value and value.strip(".") != "",
    "config": lambda value: isinstance(value, dict),
    "started_wall": lambda value: isinstance(value, int | float) and not isinstance(value, bool) and 0 <= value < 1e11,
    "trial_seeds": lambda value: isinstance(value, list) and all(type(seed) is int for seed in value),
}


def saved_config(directory: Path) -> RunConfig:
    """Return the configuration of a run. Raises UserError if the folder is not a run, or its run.json was edited or damaged."""
    data = read_run(directory)["config"]
    missing = [name for name in _NEEDED if name not in data]
    if missing:
        raise _damaged(directory, f"config has no {', '.join(missing)}")
    hints = get_type_hints(RunConfig)
    for name, value in data.items():
        if name in hints and not fits(value, hints[name]):
            raise _damaged(directory, f"config.{name} is {shorten(repr(value), 80)}")
    try:
        return RunConfig.from_json(data)
    except UserError as error:
        raise _damaged(directory, str(error)) from error
    except Exception as error:
        raise _damaged(directory, error_line(error)) from error


def _damaged(directory: Path, what: str) -> UserError:
    return UserError(f"{directory / 'run.json'} was edited or damaged: {what}; restore it, or start a new run")


def fits(value: Any, hint: Any) -> bool:
    """Return whether a value read from JSON can be of a type: text for a path, a list for a tuple, an object for a mapping or a
    dataclass."""
    origin, inner = get_origin(hint), get_args(hint)
    if origin in (Union, types.UnionType):
        return any(fits(value, kind) for kind in inner)
    if hint is type(None):
        return value is None
    if origin is tuple:
        return isinstance(value, list) and all(fits(item, inner[0]) for item in value)
    if dataclasses.is_dataclass(hint):
        return isinstance(value, dict) and _fields_fit(value, get_type_hints(hint))
    if origin is not None and issubclass(origin, Mapping):
        return isinstance(value, dict)
    return _is_plain(value, hint)


def _fields_fit(value: Mapping[str, Any], hints: Mapping[str, Any]) -> bool:
    return all(name not in hints or fits(item, hints[name]) for name, item in value.items())


def _is_plain(value: Any, hint: Any) -> bool:
    if hint in (str, Path):
        return isinstance(value, str)
    if hint is float:
        return isinstance(value, int | float) and not isinstance(value, bool)
    if hint in (int, bool):
        return type(value) is hint
    return True
