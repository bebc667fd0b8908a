"""Findings about tasks: each is told of a run in which it is true, with its number, and not of one in which it is not."""

from __future__ import annotations

from pathlib import Path

from tau2_logging.events import Event
from tests.unit.analysis.samples import simulation
from tests.unit.analysis_findings.told import told


def tasks(*rewards: list[float | None]) -> list[Event]:
    """A run of tasks 0, 1, ..., each with a trial for each of its rewards."""
    trials = [(task, trial, reward) for task, found in enumerate(rewards) for trial, reward in enumerate(found)]
    events = [(simulation(str(task), 1000.0 * at, reward=reward), trial) for at, (task, trial, reward) in enumerate(trials)]
    return [_in_trial(event, trial) for group, trial in events for event in group]


def _in_trial(event: Event, trial: int) -> Event:
    return Event(event.level, event.time, event.task, event.thread, event.type, {**event.fields, "trial": trial})


def test_tasks_without_a_solved_simulation_are_counted_among_those_with_a_reward(tmp_path: Path) -> None:
    found = told(tmp_path, tasks([1.0], [0.0], [0.0], [1.0], [1.0], [None]))["never_solved"]
    assert found.sentence == "2 of 5 tasks were not solved: 1, 2."
    assert (found.share, found.saves.simulations, found.proof.simulations) == (0.4, 2, (("retail", "1", "0"), ("retail", "2", "0")))


def test_with_fewer_than_five_tasks_or_all_solved_nothing_is_said_of_tasks(tmp_path: Path) -> None:
    assert "never_solved" not in told(tmp_path, tasks([0.0], [0.0], [1.0], [1.0]))
    assert "never_solved" not in told(tmp_path, tasks(*[[1.0]] * 6))


def test_tasks_that_some_trials_solved_are_not_among_those_never_solved(tmp_path: Path) -> None:
    found = told(tmp_path, tasks([1.0, 0.0], [0.0, 0.0], *[[1.0, 1.0]] * 3))
    assert found["sometimes_solved"].sentence == "1 of 5 tasks with several trials was solved in some trials and not in others: 0."
    assert found["never_solved"].sentence == "1 of 5 tasks was never solved in up to 2 trials: 1."


def test_of_one_trial_a_task_nothing_is_said_of_trials(tmp_path: Path) -> None:
    assert "sometimes_solved" not in told(tmp_path, tasks(*[[1.0], [0.0]] * 5))


def test_over_arms_outcomes_are_not_added_up(tmp_path: Path) -> None:
    events = [event for task in range(6) for event in simulation(str(task), 1000.0 * task, reward=0.0)]
    arms = [Event(e.level, e.time, e.task, e.thread, e.type, {**e.fields, "domain": "retail@anger"}) for e in events]
    assert "never_solved" not in told(tmp_path, arms)
    assert "never_solved" in told(tmp_path, events)
