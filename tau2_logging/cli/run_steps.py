"""What run_local.py does with its options. Returns the exit code; raises UserError for bad input."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tau2_logging.cli.listing import list_domains, list_tasks
from tau2_logging.leaving import tell
from tau2_logging.runner.harness.tau2_harness import check_tau2
from tau2_logging.runner.model_calls.server_questions import with_served_model
from tau2_logging.runner.settings.config import RunConfig
from tau2_logging.runner.settings.from_options import new_config, notes_on, resumed_config


def carry_out_options(given: Mapping[str, Any], words: list[str]) -> int:
    """List, check or run; `words` are the command line."""
    if "list_domains" in given:
        return list_domains()
    if "list_tasks" in given:
        return list_tasks(given["list_tasks"], given.get("task_split"))
    config, resume = resumed_config(given) if "resume" in given else (_new(given), None)
    check_tau2()
    return _check(config) if "check" in given else _run(config, resume, words)


def _new(given: Mapping[str, Any]) -> RunConfig:
    config = new_config(with_served_model(given))
    for note in notes_on(config):
        tell(note)
    return config


def _check(config: RunConfig) -> int:
    from tau2_logging.runner.model_calls.preflight import check  # imports litellm, which takes seconds

    return check(config)


def _run(config: RunConfig, resume: Path | None, words: list[str]) -> int:
    from tau2_logging.runner.session import run  # imports litellm, which takes seconds

    return run(config, resume, words)
