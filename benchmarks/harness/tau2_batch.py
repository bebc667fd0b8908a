"""Plain tau2: its own `run_tasks` with the scripted models, and nothing of ours around it.

The scripted models have to know which task they play. `run_tasks` gives all tasks the same model arguments, so the task is bound to the
context while `run_task` runs; that is all that is added.
"""

from __future__ import annotations

import importlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tau2_logging.instrument.replacing import replaced
from tau2_logging.logger import EventLogger, Simulation, bind

ARGS = {"num_retries": 0}


@contextmanager
def tasks_are_known(logger: EventLogger) -> Iterator[None]:
    """Bind the task that tau2's run_task runs, for the scripted models to find."""
    run = importlib.import_module("tau2.run")
    original = run.run_task

    def run_task(*args: Any, **kwargs: Any) -> Any:
        with bind(Simulation(logger, kwargs["domain"], kwargs["task"].id)):
            return original(*args, **kwargs)

    with replaced(run, run_task=run_task):
        yield


def run_tasks(
    domain: str,
    tasks: Sequence[Any],
    threads: int,
    trials: int,
    save_to: Path,
    agent_args: dict[str, Any] | None = None,
    logger: EventLogger | None = None,
) -> Any:
    """tau2's own batch, with the checkpoint its command line keeps; its printing goes nowhere. `logger` is for measuring its calls."""
    run = importlib.import_module("tau2.run")
    display = importlib.import_module("tau2.utils.display").ConsoleDisplay
    with replaced(display.console, quiet=True), tasks_are_known(logger or EventLogger("plain", [])):
        return run.run_tasks(
            domain, list(tasks), "llm_agent", "user_simulator", "scripted/agent", {**ARGS, **(agent_args or {})}, "scripted/user", ARGS,
            num_trials=trials, save_to=save_to, console_display=False, max_concurrency=threads, seed=300, log_level="ERROR",
            max_steps=200,
        )  # fmt: skip
