"""SkyPilot's own parser, where SkyPilot is installed. The only module that imports it; nothing is asked of a cloud."""

from __future__ import annotations

import copy
import importlib.metadata
from collections.abc import Mapping
from typing import Any


def skypilot_version() -> str | None:
    """Of the distribution, since other packages have a module `sky` too; None where it is not installed."""
    try:
        return importlib.metadata.version("skypilot")
    except importlib.metadata.PackageNotFoundError:
        return None


def refusal(document: Mapping[str, Any]) -> str | None:
    """What SkyPilot's schemas and its Task have against a task, on one line; None when they take it.

    Secrets without a value get one for the while, as `--secret NAME` would give them. Importing SkyPilot takes about two seconds.
    """
    import sky

    secrets = document.get("secrets")
    names = [name for name, value in secrets.items() if value is None] if isinstance(secrets, dict) else []
    try:
        sky.Task.from_yaml_config(copy.deepcopy(dict(document)), secrets_overrides=[(str(name), "given-at-launch") for name in names])
    except Exception as error:
        return " ".join(str(error).split()) or type(error).__name__
    return None
