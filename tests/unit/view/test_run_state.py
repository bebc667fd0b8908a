"""What the live page says of a run, from its events alone."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest

from tau2_logging.analysis import load_log
from tau2_logging.analysis.measures.run_totals import totals_of
from tau2_logging.events import MODEL_CALL_TYPES
from tau2_logging.units import money
from tau2_logging.view.run_state import RunState
from tau2_logging.view.runs_folder import BROKEN_OFF, RUNNING, Run
from tau2_logging.view.seen_event import seen_event
from tau2_logging.view.shown import run_json
from tests.support.report_samples import Sample, pooled, write


def state_of(samples: Sequence[Sample]) -> RunState:
    found = RunState(samples[0].run)
    for sample in samples:
        for line in sample.lines:
            event = seen_event(line.encode())
            assert event is not None
            found.take(event)
    return found


def shown(sample: Sample, status: str = RUNNING, **saved: object) -> dict[str, object]:
    return run_json(Run(sample.run, state_of([sample]), {"config": saved}, status, (Path("log"),), None))


def open_run() -> Sample:
    """A run of three, one of which has ended."""
    sample = Sample()
    sample.start(seed=1)
    sample.simulation("done", 0.0)
    for task, start in (("late", 900.0), ("early", 100.0)):
        sample.event("task_start", task, start, start_ms=start)
        sample.model_call("llm_call", task, start, 0, cost_usd=0.25)
    return sample


def test_the_figures_are_those_of_the_analysis(tmp_path: Path) -> None:
    """Simulations, rewards, cost: the same as from reading the whole log at its end."""
    samples = [pooled(60, 8), pooled(30, 4, domain="airline", seed=3)]
    totals, state = totals_of(load_log(write(tmp_path / "tau2_two.log", samples))), state_of(samples)
    [score] = state.scores(unfinished=True).values()
    assert score == totals.score
    assert state.model_calls == load_log(tmp_path / "tau2_two.log").select(["type"], types=MODEL_CALL_TYPES).shape[0]


def test_what_is_in_flight_is_told_slowest_first_with_what_it_waits_on() -> None:
    """By the last heartbeat, else by who acts next, else it is unknown."""
    sample = open_run()
    sample.event("heartbeat", "early", 31_000.0, step=4, waiting_on="llm_call", model="gpt-x", elapsed_ms=30_900.0)
    flight = shown(sample)["flight"]
    assert isinstance(flight, list)
    assert [(one["name"], one["waiting_on"]) for one in flight] == [
        ("retail early", "agent model (gpt-x)"), ("retail late", "unknown; last event: llm_call")
    ]  # fmt: skip
    sample.event("step_complete", "late", 32_000.0, step=1, from_role="agent", to_role="user", start_ms=0.0, total_duration_ms=1.0)
    flight = shown(sample)["flight"]
    assert isinstance(flight, list)
    assert "user" in flight[1]["waiting_on"]


def test_cost_counts_calls_in_flight_and_stands_beside_the_budget() -> None:
    told = shown(open_run(), max_cost=1.048)
    assert (told["cost"], told["budget"], told["budget_share"]) == (money(0.524), "$1.05", pytest.approx(0.5))


def test_a_price_that_is_not_known_is_no_zero() -> None:
    """It makes the sum a least one, and no share of the budget is drawn."""
    sample = open_run()
    sample.model_call("user_sim", "late", 2000.0, 1, cost_usd=None)
    told = shown(sample, max_cost=1.0)
    assert (told["cost"], told["budget_share"], told["unpriced"]) == ("at least $0.524", None, 1)
    assert shown(Sample(), max_cost=1.0)["cost"] == "unknown"


def test_a_call_that_failed_without_a_token_is_free() -> None:
    sample = open_run()
    sample.timed("llm_call", "late", 2000.0, 3.0, model="m", error=True, error_type="Timeout")
    assert shown(sample)["cost"] == "$0.524"


def test_a_run_that_broke_off_counts_what_never_ended() -> None:
    told = shown(open_run(), BROKEN_OFF)
    assert told["reward"] == "1.000 of 1 scored; 2 of 3 never ended (0.333 if those fail)"
    assert shown(open_run())["reward"] == "1.000 of 1 scored"


def test_an_attempt_that_a_resumed_run_makes_again_was_paid_for() -> None:
    """It is in flight once and in the cost twice; the pause between the starts is no time of the run."""
    first, again = open_run(), Sample()
    again.start(at=3_600_000.0, resumed=True)
    again.event("task_start", "early", 3_600_000.0, start_ms=0.0)
    again.model_call("llm_call", "early", 3_600_001.0, 0, cost_usd=0.25)
    state = state_of([first, again])
    assert [task for (_, task, _), _ in state.slowest()] == ["early"]
    assert state.spent.usd == pytest.approx(0.024 + 3 * 0.25)
    wall_s = state.wall_s(None)
    assert wall_s is not None
    assert wall_s < 60


def test_arms_are_never_added_up() -> None:
    anger, control = Sample(domain="retail@anger"), Sample(domain="retail@control")
    for sample, reward in ((anger, 0.0), (control, 1.0)):
        sample.start()
        sample.simulation("7", 0.0, reward=reward)
    assert {name: score.mean for name, score in state_of([anger, control]).scores(False).items()} == {
        "retail@anger": 0.0, "retail@control": 1.0
    }  # fmt: skip


def test_names_that_are_quoted_in_the_log_are_found() -> None:
    """A task with a space, a run with a quote: such lines are read the slow way."""
    sample = Sample(run='my "run" = 1')
    sample.start()
    sample.event("task_start", "a b", 1.0, start_ms=1.0)
    state = state_of([sample])
    assert [task for (_, task, _), _ in state.slowest()] == ["a b"]
    found = seen_event(sample.lines[0].encode())
    assert found is not None
    assert found.run == 'my "run" = 1'


@pytest.mark.parametrize(
    "line", [b"", b"text", b"\xff\xfe", b"[INFO] 2026-11-30 01:14:46.611 task=1 thread=1 type=x a=1 ", b"[INFO] type=x"]
)
def test_other_lines_are_no_event_of_a_run(line: bytes) -> None:
    assert seen_event(line) is None
