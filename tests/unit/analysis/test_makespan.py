"""Wall time, workers, critical path and concurrency of runs that were stopped, resumed and timed out."""

from __future__ import annotations

from pathlib import Path

import pytest

from tau2_logging.analysis import RunLog, load_log
from tau2_logging.analysis.measures.run_time.critical_path import chain, critical_kinds
from tau2_logging.analysis.measures.run_time.makespan import idle_tail
from tau2_logging.analysis.measures.run_time.time_budget import task_budget
from tau2_logging.analysis.timeline.build import timeline_of
from tau2_logging.events import Event
from tests.support.by_hand_times import busiest, calls, covered, simulations
from tests.unit.analysis.samples import event, llm, simulation, write

SECOND, THIRD = 300_000.0, 600_000.0
"""When the run was resumed, by its clock, which goes on in the pauses."""


def _start(begin: float, first_thread: int, statuses: tuple[str, ...] = ("ok",) * 4) -> list[Event]:
    """A start with two slots: four simulations of 10, 12, 14 and 16 s, a setup of 4 s before the first. Each thread runs one only."""
    ends = [begin + 4000.0, begin + 4000.0]
    found = [event("run_start", None, begin / 1000, resumed=begin > 0)]
    for number, status in enumerate(statuses):
        slot = ends.index(min(ends))
        length = 10_000.0 + 2000 * number
        task = str(number)
        call = llm(task, ends[slot] + 1000, ms=5000.0)
        found += simulation(task, ends[slot], [call], first_thread + number, duration_ms=length, status=status, setup_ms=1000.0)
        ends[slot] += length + 3.0
    return found


@pytest.fixture
def resumed(tmp_path: Path) -> Path:
    """Three starts of one run with a new thread for every simulation, as after time-outs."""
    bad = ("timeout", "error", "ok", "timeout")
    return write(tmp_path, [*_start(0.0, 1, bad), *_start(SECOND, 11, bad), *_start(THIRD, 21)])


def test_wall_time_is_what_the_starts_worked_without_the_pauses_between_them(resumed: Path) -> None:
    spans = simulations(resumed)
    wanted = sum(covered([span for span in spans if low <= span[0] < high]) for low, high in ((0, SECOND), (SECOND, THIRD), (THIRD, 1e9)))
    found = idle_tail(load_log(resumed))
    assert found["makespan_ms"] == pytest.approx(wanted, abs=10)
    assert found["starts"] == 3


def test_the_timeline_of_a_resumed_run_lays_its_starts_end_to_end_once(resumed: Path) -> None:
    """Its clock goes on in the pauses: they are neither in it nor added again. 4 s from each start to its first simulation are."""
    log = load_log(resumed)
    assert timeline_of(log).end_ms == pytest.approx(float(idle_tail(log)["makespan_ms"] or 0) + 3 * 4000, abs=10)


def test_a_worker_is_a_slot_and_no_thread(resumed: Path) -> None:
    """Twelve threads ran twelve simulations, two at a time."""
    assert idle_tail(load_log(resumed))["workers"] == busiest(simulations(resumed)) == 2


def test_idle_is_what_each_slot_was_empty_at_the_end_of_each_start(resumed: Path) -> None:
    """Slots end with simulations of 14 and 16 s after ones of 10 and 12 s: 4 s idle of twice 28 s, in each start."""
    found = idle_tail(load_log(resumed))
    assert found["idle_worker_ms"] == pytest.approx(3 * 4000, abs=10)
    assert found["idle_share"] == pytest.approx(4000 / 56_000, abs=0.001)


def test_start_up_is_what_passed_before_the_first_simulation_of_each_start(resumed: Path) -> None:
    assert idle_tail(load_log(resumed))["start_up_ms"] == 3 * 4000


def test_the_critical_path_covers_the_wall_time_of_a_resumed_run_and_says_so(resumed: Path) -> None:
    log = load_log(resumed)
    found = idle_tail(log)
    assert chain(log)["task"].tolist() == ["1", "3"] * 3
    assert found["chain_ms"] == 3 * 28_000
    assert float(found["chain_ms"] or 0) / float(found["makespan_ms"] or 1) == pytest.approx(1.0, abs=0.001)


def test_where_no_chain_covers_the_run_its_share_is_known(tmp_path: Path) -> None:
    """Nothing ran in the last slot before the last simulation."""
    log = load_log(write(tmp_path, [*simulation("a", 0.0, duration_ms=9000.0), *simulation("b", 8000.0, thread=2, duration_ms=2000.0)]))
    assert (idle_tail(log)["chain_ms"], idle_tail(log)["makespan_ms"]) == (2000.0, 10_000.0)


@pytest.fixture
def waiting(tmp_path: Path) -> Path:
    """One simulation: setup, a call that fails, a wait, a call; a third of its time is nothing of them."""
    events = [
        llm(start=1000.0, ms=500.0, error=True),
        event("retry", model="gpt-4.1", start_ms=1500.0, wait_ms=4000.0, attempt=2),
        llm(start=5500.0, ms=500.0),
    ]
    return write(tmp_path, simulation(calls=events, duration_ms=9000.0, setup_ms=1000.0, llm_ms=1000.0, other_ms=7000.0))


def test_setup_waits_and_what_is_left_are_on_the_critical_path_which_adds_up(waiting: Path) -> None:
    table = critical_kinds(load_log(waiting).critical_path()).set_index("type")["duration_ms"]
    wait = covered(calls(waiting, "retry"))
    assert table.to_dict() == {"retry": wait, "other": 7000 - wait, "llm_call": covered(calls(waiting, "llm_call")), "setup": 1000.0}
    assert table.sum() == covered(simulations(waiting))


def test_what_a_simulation_waited_for_when_it_was_given_up_is_on_the_critical_path(tmp_path: Path) -> None:
    """No event tells of a call that never came back; nor of anything after a kill."""
    timed_out = simulation("a", 0.0, [llm("a", 0.0, ms=1000.0)], status="timeout", duration_ms=5000.0, setup_ms=0.0, other_ms=500.0)
    killed = [event("task_start", "b", 5.0, start_ms=5000.0), llm("b", 5500.0, ms=1500.0)]
    log = load_log(write(tmp_path, [*timed_out, *killed]))
    table = critical_kinds(log.critical_path()).groupby("type")["duration_ms"].sum()
    assert table.to_dict() == {"llm_call": 2500.0, "other": 500.0, "unanswered": 4000.0}
    assert table.sum() == idle_tail(log)["chain_ms"] == 7000.0


def test_a_wait_beside_a_call_of_another_expert_is_no_time_of_its_own(tmp_path: Path) -> None:
    """Two experts at once: one waits 3 s, of which the other works 2 s. 1 s was waited."""
    events = [
        llm(start=0.0, ms=1000.0, type_="expert_call", expert="a", error=True),
        event("retry", model="gpt-4.1", start_ms=1000.0, wait_ms=3000.0, attempt=2),
        llm(start=0.0, ms=3000.0, type_="expert_call", expert="b"),
        llm(start=4000.0, ms=1000.0, type_="expert_call", expert="a"),
    ]
    path = write(tmp_path, simulation(calls=events, duration_ms=6000.0, expert_ms=4000.0, llm_ms=0.0, other_ms=2000.0))
    row = task_budget(load_log(path)).iloc[0]
    work, waits = calls(path, "expert_call"), calls(path, "retry")
    assert row["retry_wait_ms"] == covered([*work, *waits]) - covered(work) == 1000.0
    assert row["other_ms"] == covered(simulations(path)) - covered([*work, *waits]) == 1000.0


def test_a_judges_wait_is_taken_from_the_evaluation_it_was_in(tmp_path: Path) -> None:
    events = [
        event("retry", model="gpt-4.1", start_ms=2000.0, wait_ms=500.0, attempt=2),
        llm(start=2500.0, ms=1000.0, type_="evaluator"),
        event("evaluation", start_ms=1900.0, duration_ms=700.0),
    ]
    path = write(tmp_path, simulation(calls=events, duration_ms=4000.0, llm_ms=0.0, judge_ms=1000.0, evaluation_ms=700.0, other_ms=2300.0))
    row = task_budget(load_log(path)).iloc[0]
    assert (row["retry_wait_ms"], row["evaluation_ms"], row["other_ms"]) == (500.0, 200.0, 2300.0)


def _mean(log: RunLog, what: str) -> float:
    return float(log.concurrency().set_index("what").loc[what, "mean"])


def test_concurrency_of_every_type_is_over_the_whole_run(resumed: Path) -> None:
    """So that mean times wall time is the calls' time."""
    log = load_log(resumed)
    whole = float(idle_tail(log)["makespan_ms"] or 0)
    for what, spans in (("llm_call", calls(resumed, "llm_call")), ("simulation", simulations(resumed))):
        assert _mean(log, what) * whole == pytest.approx(sum(end - start for start, end in spans))


def test_what_is_rarely_called_is_mostly_called_by_none(tmp_path: Path) -> None:
    events = simulation(calls=[llm(start=0.0, ms=100.0, type_="evaluator")], duration_ms=1000.0)
    row = load_log(write(tmp_path, events)).concurrency().set_index("what").loc["evaluator"]
    assert (row["mean"], row["p50"], row["max"], row["busy_ms"]) == (0.1, 0, 1, 100.0)


def test_a_simulation_that_never_ended_has_a_slot_until_the_last_that_is_known_of_it(tmp_path: Path) -> None:
    events = [
        *simulation("a", 0.0, duration_ms=1000.0),
        event("task_start", "b", thread=2, start_ms=500.0),
        llm("b", 600.0, ms=1400.0),
        event("heartbeat", "b", 9.0, waiting_on="user_sim", elapsed_ms=3000.0),
    ]
    found = idle_tail(load_log(write(tmp_path, events)))
    assert (found["workers"], found["makespan_ms"], found["idle_worker_ms"]) == (2, 5000.0, 4000.0)


def test_a_time_of_day_that_no_clock_shows_stops_no_figure(tmp_path: Path) -> None:
    path = write(tmp_path, [*simulation("a", 0.0, duration_ms=1000.0), *simulation("b", 1000.0, duration_ms=1000.0)])
    path.write_text(path.read_text().replace("2026-11-20 17:45:02", "9999-12-31 23:59:59"))
    assert idle_tail(load_log(path))["makespan_ms"] == 2000.0
