"""Findings about order, stragglers, idle workers, start-up and scoring are told if they cost enough, and not otherwise."""

from __future__ import annotations

from pathlib import Path

import pytest

from tau2_logging.analysis.measures.run_time.longest_first import list_schedule
from tau2_logging.events import Event
from tests.unit.analysis.samples import event, simulation
from tests.unit.analysis_findings.told import told


def run_of(durations: list[float], workers: int = 2, **fields: float) -> list[Event]:
    """Each worker takes the next simulation as soon as it is free."""
    free, events = [0.0] * workers, []
    for task, duration in enumerate(durations):
        worker = free.index(min(free))
        events += simulation(str(task), free[worker], thread=worker + 1, duration_ms=duration, **fields)
        free[worker] += duration + 0.1
    return events


def test_a_long_simulation_that_was_started_last_is_told_with_what_the_order_would_save(tmp_path: Path) -> None:
    """6 of 1 s and one of 4 s last: 7 s, where 5 s would do."""
    found = told(tmp_path, run_of([1000.0] * 6 + [4000.0]))["order"]
    assert found.numbers["saved_ms"] == pytest.approx(7000 - 5000, abs=1)
    assert found.sentence.startswith(
        "Starting the longest simulations first would have saved about 2 s of 7 s (28.6 %): at the end, the 2 workers"
    )
    assert found.proof.simulations[0] == ("retail", "6", "0")


def test_with_the_longest_first_the_order_is_not_told(tmp_path: Path) -> None:
    assert "order" not in told(tmp_path, run_of([4000.0, *[1000.0] * 6]))


def test_a_list_schedule_ends_when_the_last_worker_does() -> None:
    assert list_schedule([3.0, 1.0, 1.0, 4.0], 2) == 6.0
    assert list_schedule([4.0, 3.0, 1.0, 1.0], 2) == 5.0


def test_one_simulation_that_takes_most_of_the_run_is_named(tmp_path: Path) -> None:
    found = told(tmp_path, run_of([9000.0, *[1000.0] * 7]))["straggler"]
    assert found.sentence == "retail:0:0 alone took 9 s of the run's 9 s, 9 times the median simulation (1 s of 8)."
    assert found.saves.ms == 8000.0


def test_simulations_of_like_length_or_one_worker_have_no_straggler(tmp_path: Path) -> None:
    assert "straggler" not in told(tmp_path, run_of([2000.0] * 6))
    assert "straggler" not in told(tmp_path, run_of([9000.0, *[1000.0] * 7], workers=1))


def test_workers_that_wait_for_the_end_are_told_if_another_order_would_not_help(tmp_path: Path) -> None:
    found = told(tmp_path, run_of([9000.0, *[1000.0] * 5]))["idle_workers"]
    assert found.share == pytest.approx((9000 - 5000) / (2 * 9000), abs=0.001)
    assert found.sentence.startswith("The 2 workers had nothing to do for 22.2 % of their time")
    assert "idle_workers" not in told(tmp_path, run_of([1000.0] * 6))
    assert "idle_workers" not in told(tmp_path, run_of([1000.0] * 6 + [4000.0]))  # the order is told instead


@pytest.mark.parametrize(("seconds", "is_told"), [(20, True), (4, False)])
def test_a_long_start_is_told(tmp_path: Path, seconds: int, is_told: bool) -> None:
    start = event("run_start", None, 0.0, start_ms=0.0, schema=1)
    later = [e for n in range(5) for e in simulation(str(n), seconds * 1000.0 + n * 1000.0)]
    found = told(tmp_path, [start, *later])
    assert ("start_up" in found) == is_told
    if is_told:
        assert found["start_up"].sentence == "20 s passed before the first simulation started, 80.0 % of 25 s in all."


def test_scoring_that_takes_a_fifth_of_the_time_is_told_with_its_parts(tmp_path: Path) -> None:
    found = told(tmp_path, run_of([1000.0] * 5, judge_ms=200.0, evaluation_ms=100.0, llm_ms=700.0))["evaluation_share"]
    assert found.sentence == (
        "Scoring takes 30.0 % of the time of simulations: the judge's model 1 s, tau2's replay of the tool calls 500 ms, of 5 s (5 "
        "simulations)."
    )
    assert "evaluation_share" not in told(tmp_path, run_of([1000.0] * 5, judge_ms=50.0, evaluation_ms=100.0, llm_ms=850.0))
