"""A recorded conversation rebuilt with the installed tau2: its task, its messages, proof that its calls are answered as they were."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from tau2_logging.analysis.deep.reading.files.results_files import number_mixed_up
from tau2_logging.replays.saved_simulations import SavedSimulation, recorded_hashes, retrieval_of
from tau2_logging.runner.harness.branch_harness import turns_in
from tau2_logging.runner.harness.rebuilt_conversation import ConversationRebuilder, ReplayRefused
from tau2_logging.runner.harness.tau2_harness import Tau2Harness

RECORDED, CURRENT = "recorded", "current"
NO_DOMAIN = "the installed tau2 does not have its domain"
NO_TASK = "its task is not known"
NO_MESSAGES = "it holds no messages"
NO_TRIAL = "its trial is not one that a run has"
_MOST_TRIALS = 1000
OTHER_TASK = "it was scored against another task than the one it names"


@dataclass(frozen=True)
class RebuiltSimulation:
    """A conversation whose `calls` calls were all answered as recorded; `run` is tau2's SimulationRun."""

    saved: SavedSimulation
    task: Any
    run: Any
    solo: bool
    calls: int

    @property
    def messages(self) -> Sequence[Any]:
        """tau2's messages."""
        return list(self.run.messages)

    @property
    def turns(self) -> int:
        """How many turns it has, tool results not counted."""
        return len(turns_in(self.messages))

    @property
    def first_turn(self) -> int:
        """How many turns there were before it began: those of the task's own history."""
        return len(turns_in(getattr(self.task.initial_state, "message_history", None) or ()))


@dataclass
class RefusedSimulations:
    """Conversations that cannot be used as they were recorded, each with its reason, and how many there are of a reason."""

    found: list[tuple[SavedSimulation, ReplayRefused]] = field(default_factory=list)

    def counts(self) -> Counter[str]:
        """Return how many there are, by reason."""
        return Counter(refused.reason for _, refused in self.found)

    def rows(self) -> list[dict[str, Any]]:
        """Return them for a file."""
        return [
            {"simulation": saved.name, "file": str(saved.source), "reason": refused.reason, "evidence": refused.evidence}
            for saved, refused in self.found
        ]


class SimulationRebuilder:
    """Rebuilds recorded conversations. `tasks`: `recorded` for the tasks of the files, `current` for those of the installed tau2."""

    def __init__(self, harness: Tau2Harness, rebuilder: ConversationRebuilder, tasks: str = RECORDED) -> None:
        self._harness = harness
        self._rebuilder = rebuilder
        self._which = tasks
        self._current: dict[str, Mapping[str, Any]] = {}

    def rebuilt(self, saved: SavedSimulation) -> RebuiltSimulation:
        """Return a conversation with its task, after all its calls were made again. Raises ReplayRefused."""
        if not 0 <= saved.trial < _MOST_TRIALS:
            raise ReplayRefused(NO_TRIAL, f"trial {saved.trial}")
        if saved.domain not in self._harness.domains():
            raise ReplayRefused(NO_DOMAIN, saved.domain)
        if saved.about is not None and number_mixed_up([(saved.task, saved.trial, saved.simulation)], {saved.task: saved.about}):
            raise ReplayRefused(OTHER_TASK, "its record holds checks of reference actions that are not its task's")
        task = self._task(saved)
        run = self._rebuilder.simulation(saved.simulation)
        if not run.messages:
            raise ReplayRefused(NO_MESSAGES, "")
        solo = self._is_solo(saved)
        known, retrieval = recorded_hashes(saved), retrieval_of(saved)
        calls = self._rebuilder.play_again(saved.domain, task, run.messages, solo, known, retrieval)
        return RebuiltSimulation(saved, task, run, solo, calls)

    def all(self, recordings: Sequence[SavedSimulation], refused: RefusedSimulations) -> list[RebuiltSimulation]:
        """Return those that can be rebuilt; `refused` takes the others."""
        found = []
        for saved in recordings:
            try:
                found.append(self.rebuilt(saved))
            except ReplayRefused as error:
                refused.found.append((saved, error))
        return found

    def _task(self, saved: SavedSimulation) -> Any:
        if self._which == RECORDED and saved.about is not None:
            return self._rebuilder.task(saved.about)
        if saved.domain not in self._current:
            loader = self._harness.registry.get_tasks_loader(saved.domain)
            every = loader(None) if self._harness.splits(saved.domain) else loader()
            self._current[saved.domain] = {str(task.id): task for task in every}
        task = self._current[saved.domain].get(saved.task)
        if task is None:
            raise ReplayRefused(NO_TASK, f"the installed tau2 has no task {saved.task!r} in {saved.domain}")
        return task

    def _is_solo(self, saved: SavedSimulation) -> bool:
        agent = str((saved.info.get("agent_info") or {}).get("implementation") or "")
        return agent in self._harness.agents() and self._harness.is_solo(agent)
