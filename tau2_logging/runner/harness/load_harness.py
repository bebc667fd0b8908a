"""Which harness runs the tasks: tau2 itself, or MASEval's port of it."""

from __future__ import annotations

import importlib
import os
import sys

from tau2_logging.errors import UserError
from tau2_logging.instrument import has_module
from tau2_logging.runner.harness.tau2_harness import Tau2Harness
from tau2_logging.runner.settings.config import RunConfig


def load_module(name: str) -> None:
    """Import the user's own module, which tells tau2's registry of agents, users and domains when it is imported. Raises UserError."""
    if "" not in sys.path and os.getcwd() not in sys.path:
        sys.path.append(os.getcwd())
    try:
        importlib.import_module(name)
    except Exception as error:
        raise UserError(f"--load {name}: it cannot be imported ({type(error).__name__}: {error}); give the name of a module") from error


def load_harness(config: RunConfig) -> Tau2Harness:
    """Import what a run needs. Raises UserError if it is missing, or cannot run one of the domains."""
    harness = Tau2Harness.load()
    for name in config.modules:
        load_module(name)
    if config.harness == "maseval":
        if not has_module("maseval", "benchmark"):
            raise UserError("--harness maseval needs MASEval, which is not installed; pip install -r requirements-maseval.txt")
        from tau2_logging.runner.harness.maseval.maseval_harness import MasevalHarness

        harness = MasevalHarness(config.maseval_agents)
    harness.retrieve_with(config.retrieval_config)
    harness.check(config.domains)
    return harness
