"""tau2 plays a conversation and evaluates it in one go. Here the evaluation is left out, so that it can be made as a step of its own."""

from __future__ import annotations

import importlib
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from types import SimpleNamespace
from typing import Any

from tau2_logging.instrument.instrumentor import Instrumentor
from tau2_logging.instrument.patching import Function, Patches

_LEFT_OUT: ContextVar[bool] = ContextVar("tau2_logging_evaluation_left_out", default=False)
_NOT_YET = SimpleNamespace(reward=None)
"""What tau2 gets in place of an evaluation: it says its reward in a line of its log."""


class SeparateEvaluation(Instrumentor):
    """Lets tau2's evaluator be left out inside `without_evaluation`. Below other layers: they learn that a conversation is over."""

    def wrap(self, patches: Patches) -> None:
        """Wrap evaluate_simulation wherever it has been imported by name."""
        evaluator = importlib.import_module("tau2.evaluator.evaluator")
        patches.functions([(evaluator.evaluate_simulation, self._evaluate)])

    def _evaluate(self, original: Function) -> Function:
        def evaluate_simulation(*args: Any, **kwargs: Any) -> Any:
            return _NOT_YET if is_left_out() else original(*args, **kwargs)

        return evaluate_simulation


def is_left_out() -> bool:
    """Return whether a call of the evaluator is not to evaluate now."""
    return _LEFT_OUT.get()


@contextmanager
def without_evaluation() -> Iterator[None]:
    """Play conversations inside the block without evaluating them."""
    token = _LEFT_OUT.set(True)
    try:
        yield
    finally:
        _LEFT_OUT.reset(token)


def played_only(result: Any) -> Any:
    """Return tau2's SimulationRun without the stand-in for its evaluation."""
    if result.reward_info is _NOT_YET:
        result.reward_info = None
    return result
