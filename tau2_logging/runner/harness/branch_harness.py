"""tau2 with tasks that begin in the middle of a recorded conversation."""

from __future__ import annotations

import importlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

from tau2_logging.runner.harness.tau2_harness import Tau2Harness
from tau2_logging.runner.settings.simulation_settings import SimulationSettings


@dataclass(frozen=True)
class BranchPoint:
    """A recorded conversation up to the end of a turn. `turn` counts from 1, as the pages of simulations do; turn 0 is the beginning.

    `messages` are tau2's, those of the turns up to it; `steps` and `errors` what of tau2's limits they have used.
    """

    task: Any
    turn: int
    messages: Sequence[Any]
    steps: int
    errors: int

    @property
    def name(self) -> str:
        """Id of the task that begins here; never the original's, so that nothing takes the two for one."""
        return branch_name(str(self.task.id), self.turn)


def branch_name(task: str, turn: int) -> str:
    """Return the id of the task that begins after a turn of another."""
    return f"{task}@turn{turn}"


def turns_in(messages: Sequence[Any]) -> list[int]:
    """Return where each turn ends: the number of messages up to it, with the answers to its calls."""
    starts = [number for number, message in enumerate(messages) if message.role != "tool"]
    return [*starts[1:], len(messages)] if starts else []


def branch_point(task: Any, messages: Sequence[Any], turn: int) -> BranchPoint:
    """Return the conversation up to the end of a turn."""
    kept = list(messages[: turns_in(messages)[turn - 1]]) if turn else []
    own = len(getattr(task.initial_state, "message_history", None) or ())
    played = kept[own:]
    spoken = [message for message in played if message.role != "tool"]
    answered = sum(bool(message.tool_calls) for message in spoken)
    errors = sum(bool(message.error) for message in played if message.role == "tool")
    greeting = 0 if own else 1
    return BranchPoint(task, turn, kept, max(0, len(spoken) + answered - greeting), errors)


class BranchHarness(Tau2Harness):
    """Plays the tasks of branch points: from there on, within what is left of tau2's limits, scored against the original task."""

    def __init__(self, points: Sequence[BranchPoint], origin: Mapping[str, object]) -> None:
        super().__init__()
        self.origin = origin
        self._points = {point.name: point for point in points}

    def made_again(self) -> Callable[[], Tau2Harness]:
        """Return what makes it in a worker process, with its points."""
        return partial(BranchHarness, list(self._points.values()), self.origin)

    def branch_tasks(self) -> list[Any]:
        """Return tau2's tasks, one for each point, which begin with what was said before."""
        states = importlib.import_module("tau2.data_model.tasks").InitialState
        return [_begun(point, states) for point in self._points.values()]

    def play(self, settings: SimulationSettings, task: Any, seed: int) -> Any:
        """Play on from a branch point, with the steps and errors that the original conversation had left (at least one of each)."""
        point = self._points[str(task.id)]
        steps, errors = max(1, settings.max_steps - point.steps), max(1, settings.max_errors - point.errors)
        return super().play(replace(settings, max_steps=steps, max_errors=errors), task, seed)

    def evaluate(self, settings: SimulationSettings, task: Any, run: Any) -> None:
        """Score against the original task. tau2's evaluator plays a task's message history in the environment of the reference solution
        too: a mistake in that history would be in both, and not be seen."""
        super().evaluate(settings, self._points[str(task.id)].task, run)


def _begun(point: BranchPoint, states: Any) -> Any:
    start = point.task.initial_state
    state = states(
        initialization_data=getattr(start, "initialization_data", None),
        initialization_actions=getattr(start, "initialization_actions", None),
        message_history=[_paid(message) for message in point.messages] or None,
    )
    return point.task.model_copy(update={"id": point.name, "initial_state": state})


def _paid(message: Any) -> Any:
    """Return a message as it was, but without its price: it was paid for in the run that it is from."""
    if message.role == "tool":
        return message.model_copy(update={"turn_idx": None})
    return message.model_copy(update={"turn_idx": None, "cost": 0.0, "usage": None})
