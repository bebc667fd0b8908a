"""tau2's evaluator on conversations that were played before: nothing is played, each is scored again."""

from __future__ import annotations

import importlib
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

from tau2_logging.logger.context import current
from tau2_logging.runner.harness.tau2_harness import Tau2Harness
from tau2_logging.runner.settings.simulation_settings import SimulationSettings


@dataclass(frozen=True)
class PlayedBefore:
    """A recorded conversation: tau2's SimulationRun, the task that it is scored against, whether the agent was alone."""

    run: Any
    task: Any
    solo: bool


class RejudgeHarness(Tau2Harness):
    """Scores the conversations of (task, trial). `origin`: what is told of the run they are from, which played them; `info`: tau2's Info of
    that run, None if it is not recorded."""

    def __init__(
        self, played: Mapping[tuple[str, int], PlayedBefore], origin: Mapping[str, object], info: Mapping[str, Any] | None
    ) -> None:
        super().__init__()
        self.origin = origin
        self._played = played
        self._info = info
        self._evaluator = importlib.import_module("tau2.evaluator.evaluator")

    def made_again(self) -> Callable[[], Tau2Harness]:
        """Return what makes it in a worker process, with the conversations."""
        return partial(RejudgeHarness, self._played, self.origin, self._info)

    def play(self, settings: SimulationSettings, task: Any, seed: int) -> Any:
        """Return the conversation as it was played, without its reward."""
        return self._before(task).run.model_copy(update={"reward_info": None})

    def evaluate(self, settings: SimulationSettings, task: Any, run: Any) -> None:
        """Score it against the task that is meant, the agent alone if it was."""
        before = self._before(task)
        run.reward_info = self._evaluator.evaluate_simulation(
            simulation=run,
            task=before.task,
            evaluation_type=self._evaluation_type(settings, before.task),
            solo_mode=before.solo,
            domain=settings.domain,
            **self.evaluation_arguments(settings.domain, before.task, settings.retrieval_config),
        )

    def _before(self, task: Any) -> PlayedBefore:
        simulation = current()
        assert simulation is not None
        assert simulation.trial is not None
        return self._played[str(task.id), simulation.trial]

    def info_json(self, settings: SimulationSettings) -> str:
        """Return the Info of the run that is judged again, if its results have one: agent and user are that run's."""
        return super().info_json(settings) if self._info is None else json.dumps(self._info, ensure_ascii=False)

    def user_prompt(self, settings: SimulationSettings, task: Any) -> str | None:
        """No user is asked."""
        return None
