"""The simulation against schedules computed by hand, and properties of any schedule."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tau2_logging.analysis.what_if.forecast import ordered
from tau2_logging.analysis.what_if.schedule import Job, Pool, Visit, play
from tau2_logging.analysis.what_if.stations import Capacity, served_from, work_of
from tests.support.thorough import scaled

LENGTHS = st.lists(st.floats(1, 1000), min_size=1, max_size=12)


def jobs_of(lengths: list[float], station: str | None = None) -> list[Job]:
    return [Job(((Visit(length, station),),), length) for length in lengths]


def wall(jobs: list[Job], slots: int, **capacities: Capacity) -> float:
    return play(jobs, Pool(slots), capacities).makespan_ms


@given(LENGTHS)
def test_with_a_slot_for_each_the_longest_simulation_is_the_wall_time(lengths: list[float]) -> None:
    assert wall(jobs_of(lengths), len(lengths)) == pytest.approx(max(lengths))


@given(LENGTHS)
def test_with_one_slot_the_sum_is_the_wall_time(lengths: list[float]) -> None:
    assert wall(jobs_of(lengths), 1) == pytest.approx(sum(lengths))


@given(LENGTHS, st.integers(1, 5))
def test_longest_first_takes_at_most_four_thirds_of_what_any_order_needs(lengths: list[float], slots: int) -> None:
    """Graham's bound: 4/3 - 1/(3 slots) times the best schedule, which lasts at least as long as these two."""
    least = max(*lengths, sum(lengths) / slots)
    found = wall(ordered(jobs_of(lengths), "longest"), slots)
    assert least * (1 - 1e-9) <= found <= least + max(lengths)
    assert found <= wall(jobs_of(lengths), slots) * (4 / 3) * (1 + 1e-9)


def test_longest_first_does_not_leave_the_long_one_to_the_end() -> None:
    jobs = jobs_of([1.0, 1.0, 1.0, 3.0])
    assert wall(jobs, 2) == 4.0
    assert wall(ordered(jobs, "longest"), 2) == 3.0


def test_requests_beyond_the_slots_of_a_server_wait_in_order_of_arrival() -> None:
    """Three calls of 10 ms at once, two at a time: the third ends at 20."""
    assert wall(jobs_of([10.0] * 3, "server"), 3, server=Capacity(2)) == 20.0


def test_a_shared_processor_does_everything_at_half_speed_for_two() -> None:
    """Work of 10 and 4: both at half speed until 8, then the first alone until 14."""
    assert wall(jobs_of([10.0, 4.0], "cpu"), 2, cpu=Capacity(slowdown=1.0)) == pytest.approx(14.0)


def test_two_processors_keep_full_speed_for_two() -> None:
    assert wall(jobs_of([10.0, 4.0], "cpu"), 2, cpu=Capacity(slowdown=1.0, free=2)) == pytest.approx(10.0)


def test_each_more_request_slows_all_by_the_slowdown() -> None:
    """Two calls of 10 ms at 1 / 1.5 of the speed: 15 ms."""
    assert wall(jobs_of([10.0, 10.0], "server"), 2, server=Capacity(slowdown=0.5)) == pytest.approx(15.0)


def test_visits_of_a_stage_run_at_the_same_time_and_stages_do_not() -> None:
    job = Job(((Visit(5.0), Visit(2.0, before_ms=4.0)), (Visit(3.0),)))
    assert wall([job], 1) == 9.0


def test_ramp_and_turnaround_come_before_jobs() -> None:
    """Slots begin at 0 and 2; the third job starts 1 ms after the first one's end at 10."""
    assert play(jobs_of([10.0, 10.0, 10.0]), Pool(2, apart_ms=2.0, turnaround_ms=1.0), {}).makespan_ms == 21.0


def test_evaluations_beside_the_slots_leave_them_to_the_next_job() -> None:
    """Three jobs of 10 that are judged for 4 each: by hand."""
    jobs = [Job(((Visit(10.0),),), 14.0, ((Visit(4.0),),))] * 3
    assert play(jobs, Pool(1), {}).makespan_ms == 42.0
    assert play(jobs, Pool(1, evaluations=1), {}).makespan_ms == 34.0
    assert play(jobs, Pool(3, evaluations=1), {}).makespan_ms == 22.0
    assert play(jobs, Pool(3, evaluations=2), {}).makespan_ms == 18.0
    assert play(jobs_of([10.0, 10.0]), Pool(1, evaluations=1), {}).makespan_ms == 20.0


@settings(max_examples=scaled(50, 500))
@given(LENGTHS, st.integers(1, 4), st.sampled_from([Capacity(2), Capacity(1, 0.3), Capacity(slowdown=0.4), Capacity(slowdown=1.0)]))
def test_work_taken_from_a_schedule_gives_that_schedule_again(lengths: list[float], slots: int, capacity: Capacity) -> None:
    """Times -> work -> times is the identity, for all arrivals at 0."""
    ends = np.array(_ends(lengths, capacity))
    work = work_of(served_from(np.zeros(len(ends)), ends, capacity.slots), ends, capacity)
    assert list(work) == pytest.approx(lengths, rel=1e-6)


def _ends(works: list[float], capacity: Capacity) -> list[float]:
    """When each call ends if all arrive at once, taken apart job by job: the makespan of those whose end is asked for decides."""
    from tau2_logging.analysis.what_if.stations import Station

    station, ends = Station(capacity), [0.0] * len(works)
    for place, work in enumerate(works):

        def done(moment: float, place: int = place) -> None:
            ends[place] = moment

        station.enter(0.0, work, done)
    while (moment := station.next_end()) < float("inf"):
        station.finish(moment)(moment)
    return ends
