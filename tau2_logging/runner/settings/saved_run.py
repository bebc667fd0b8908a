"""The settings of an earlier run, as run.json has them. Anybody may have edited the file: what does not fit is named."""

from __future__ import annotations

import dataclasses
import types
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Union, get_args, get_origin, get_type_hints

from tau2_logging.errors import UserError
from tau2_logging.logger.content.error_text import error_line
from tau2_logging.logger.content.masking import shorten
from tau2_logging.runner.settings.config import RunConfig
from tau2_logging.runner.work.checkpoint import read_run

_NEEDED = ("domains", "log_dir", "agent_model", "user_model", "num_trials", "seed", "max_steps")
"""Settings whose default must not take their place."""


def saved_config(directory: Path) -> RunConfig:
    """The configuration of a run. Raises UserError if the folder is not a run, or its run.json was edited or damaged."""
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
    """Whether a value read from JSON can be of a type: text for a path, a list for a tuple, an object for a mapping or a dataclass."""
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
