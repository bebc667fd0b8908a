"""SkyPilot's own parser, if SkyPilot is installed. The only module that imports it; nothing is asked of a cloud."""

from __future__ import annotations

import copy
import importlib.metadata
import warnings
from collections.abc import Mapping
from typing import Any

from tau2_logging.errors import UserError


def skypilot_version() -> str | None:
    """Of the distribution, since other packages have a module `sky` too; None if it is not installed."""
    try:
        return importlib.metadata.version("skypilot")
    except importlib.metadata.PackageNotFoundError:
        return None


def refusal(document: Mapping[str, Any]) -> str | None:
    """Return what SkyPilot's schemas and its Task have against a task, on one line; None when they take it.

    Secrets without a value get one for the while, as `--secret NAME` would give them. Takes two seconds of CPU; SkyPilot may look for its
    public list of GPUs meanwhile. Raises UserError if it is installed and does not work.
    """
    task = _task_class()
    secrets = document.get("secrets")
    names = [name for name, value in secrets.items() if value is None] if isinstance(secrets, dict) else []
    try:
        task.from_yaml_config(copy.deepcopy(dict(document)), secrets_overrides=[(str(name), "given-at-launch") for name in names])
    except Exception as error:
        return " ".join(str(error).split()) or type(error).__name__
    return None


def _task_class() -> Any:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # deprecations among its own dependencies
        try:
            import sky
        except Exception as error:
            raise UserError(f"SkyPilot is installed and cannot be imported ({error}); repair it or take it away") from error
    return sky.Task
