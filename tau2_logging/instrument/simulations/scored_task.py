"""Scores a simulation against another task than the one it was played with."""

from __future__ import annotations

import importlib
from collections.abc import Mapping
from typing import Any

from tau2_logging.instrument.instrumentor import Instrumentor
from tau2_logging.instrument.patching import Function, Patches


class ScoredTasks(Instrumentor):
    """Has tau2's evaluator score the simulations of a task by its id in `tasks` against the task that is there.

    tau2's evaluator plays a task's message history in the environment of the reference solution too: a mistake in that history would be in
    both, and not be seen.
    """

    def __init__(self, tasks: Mapping[str, Any]) -> None:
        super().__init__()
        self._tasks = tasks

    def wrap(self, patches: Patches) -> None:
        importlib.import_module("tau2.run")
        evaluator = importlib.import_module("tau2.evaluator.evaluator")
        patches.functions([(evaluator.evaluate_simulation, self._evaluate)])

    def _evaluate(self, original: Function) -> Function:
        def evaluate_simulation(*args: Any, **kwargs: Any) -> Any:
            if "task" in kwargs:
                kwargs["task"] = self._scored(kwargs["task"])
            elif len(args) > 1:
                args = (args[0], self._scored(args[1]), *args[2:])
            return original(*args, **kwargs)

        return evaluate_simulation

    def _scored(self, task: Any) -> Any:
        return self._tasks.get(str(getattr(task, "id", "")), task)
