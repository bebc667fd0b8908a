"""What-if on logs small enough to compute the answer by hand."""

from __future__ import annotations

import heapq
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from tau2_logging.analysis.what_if import Forecast, forecasts, parse_scenario
from tau2_logging.analysis.what_if.recorded_jobs import recorded_jobs
from tau2_logging.analysis.what_if.server_capacity import measure
from tau2_logging.analysis.what_if.stations import Capacity, Station
from tau2_logging.errors import UserError
from tau2_logging.events import Event
from tests.unit.analysis.samples import event, llm, log_of, simulation


def start(concurrency: int) -> Event:
    return event("run_start", None, 0.0, argv=f"--domains retail --max-concurrency {concurrency}")


def ask(folder: Path, events: list[Event], *words: str) -> Forecast:
    (answer,) = forecasts(log_of(folder, events), [parse_scenario(words)])
    return answer


def four(concurrency: int = 2, **fields: Any) -> list[Event]:
    """Simulations of one call each, 1, 1, 1 and 3 s, two at a time: 0-1, 0-1, 1-2, 1-4."""
    spans = {"0": (0.0, 1000.0), "1": (0.0, 1000.0), "2": (1000.0, 1000.0), "3": (1000.0, 3000.0)}
    sims = [simulation(task, at, [llm(task, at, ms, **fields)], duration_ms=ms) for task, (at, ms) in spans.items()]
    return [start(concurrency), *(one for sim in sims for one in sim)]


@pytest.mark.parametrize(
    ("words", "seconds"),
    [("concurrency=1", 6), ("concurrency=4", 3), ("concurrency=2", 4), ("order=longest", 3), ("model-speed=0.5", 8), ("model-speed=2", 2)],
)
def test_wall_times_are_those_computed_by_hand(tmp_path: Path, words: str, seconds: float) -> None:
    answer = ask(tmp_path, four(), words)
    assert answer.wall_before_ms == answer.wall_replayed_ms == 4000
    assert answer.wall_after_ms == pytest.approx(seconds * 1000)
    assert answer.low_ms <= answer.wall_after_ms <= answer.high_ms


def test_changes_are_combined(tmp_path: Path) -> None:
    assert ask(tmp_path, four(), "order=longest", "model-speed=0.5", "concurrency=4").wall_after_ms == pytest.approx(6000)


def test_a_server_that_runs_one_request_at_a_time_makes_more_simulations_at_once_useless(tmp_path: Path) -> None:
    answer = ask(tmp_path, four(), "concurrency=4", "server-slots=1")
    assert answer.wall_after_ms == pytest.approx(sum(_served_one_at_a_time()))
    assert any("as --what-if says" in sentence for sentence in answer.rests_on)


def _served_one_at_a_time() -> list[float]:
    """Calls that end at 1, 1, 2 and 4 s, taken as queued for one place: 1 s, none, 1 s and 2 s of service."""
    return [1000.0, 0.0, 1000.0, 2000.0]


def test_what_goes_beyond_the_log_is_said(tmp_path: Path) -> None:
    beyond = "had at most 2 calls at a time in this run and would have 4"
    assert any(beyond in sentence for sentence in ask(tmp_path, four(), "concurrency=4").rests_on)
    assert not any("whether it keeps" in sentence for sentence in ask(tmp_path, four(), "concurrency=1").rests_on)


def test_without_retries_failed_calls_and_the_waits_after_them_are_gone(tmp_path: Path) -> None:
    """A call of 1 s fails, 2 s of waiting, then a call of 1 s; 1 s of work of this process at the end."""
    calls = [
        llm(start=0.0, ms=1000.0, error=True),
        event("retry", start_ms=1000.0, wait_ms=2000.0, attempt=1),
        llm(start=3000.0, ms=1000.0),
    ]
    events = [start(1), *simulation(start=0.0, calls=calls, duration_ms=5000.0)]
    assert ask(tmp_path, events, "retries=0").wall_after_ms == pytest.approx(2000)


def test_calls_that_overlap_stay_parallel(tmp_path: Path) -> None:
    events = [start(1), *simulation(calls=[llm(start=0.0, ms=1000.0), llm(start=500.0, ms=1000.0)], duration_ms=1500.0)]
    assert ask(tmp_path, events, "model-speed=0.5").wall_after_ms == pytest.approx(2500)


def test_work_of_this_process_is_shared_by_its_threads(tmp_path: Path) -> None:
    """Two simulations one after the other, each 1 s of nothing but work here: at the same time they take as long."""
    sims = [simulation(task, at, [llm(task, at + 1000.0, 1.0)], duration_ms=1001.0) for task, at in (("0", 0.0), ("1", 1001.0))]
    answer = ask(tmp_path, [start(1), *sims[0], *sims[1]], "concurrency=2")
    assert answer.wall_after_ms == pytest.approx(2000, rel=0.02)


def test_a_call_waits_for_the_cpu_time_that_others_take_of_this_process(tmp_path: Path) -> None:
    """Four calls of 1 s of which 400 ms are CPU time, one after the other: at the same time they take 600 ms and 4 x 400 ms."""
    sims = [simulation(str(n), 1000.0 * n, [llm(str(n), 1000.0 * n, 1000.0, cpu_ms=400.0)], duration_ms=1000.0) for n in range(4)]
    answer = ask(tmp_path, [start(1), *(one for sim in sims for one in sim)], "concurrency=4")
    assert answer.wall_after_ms == pytest.approx(600 + 4 * 400, rel=0.02)


def test_the_cache_costs_what_the_cached_tokens_cost(tmp_path: Path) -> None:
    """Prompts of 2,000 and 3,000 tokens with gpt-4.1: 1,920 of the second are read from the cache at 0.5 instead of 2 USD a million."""
    calls = [llm(start=0.0, input_tokens=2000, output_tokens=0), llm(start=200.0, input_tokens=3000, output_tokens=0)]
    answer = ask(tmp_path, [start(1), *simulation(calls=calls)], "cache=on")
    assert answer.money_before_usd == pytest.approx(5000 * 2e-6)
    assert answer.money_after_usd == pytest.approx((5000 - 1920) * 2e-6 + 1920 * 0.5e-6)
    assert answer.wall_after_ms == answer.wall_before_ms


def test_another_model_costs_its_own_price_and_the_time_is_left_alone(tmp_path: Path) -> None:
    answer = ask(tmp_path, four(), "price=gpt-4.1-mini")
    assert answer.money_after_usd == pytest.approx(4 * (1000 * 0.4e-6 + 11 * 1.6e-6))
    assert not any("simulation takes" in sentence for sentence in answer.rests_on)
    assert answer.wall_after_ms == answer.wall_before_ms


def test_the_cost_of_a_model_without_a_price_is_unknown(tmp_path: Path) -> None:
    assert ask(tmp_path, four(model="hosted_vllm/mine"), "cache=on").money_after_usd is None


@pytest.mark.parametrize(
    ("words", "allowed"),
    [
        ("concurrency=0", "from 1 to 10,000"), ("concurrency=many", "from 1 to 10,000"), ("order=random", "recorded, longest, shortest"),
        ("model-speed=0", "from 0.01 to 100"), ("retries=2", "give 0"), ("price=gpt-9", "gpt-5"), ("cache=yes", "on, off"),
        ("speed=2", "model-speed=FACTOR"), ("concurrency", "concurrency=N"),
    ],
)  # fmt: skip
def test_a_wrong_value_is_told_with_what_is_allowed(words: str, allowed: str) -> None:
    with pytest.raises(UserError) as raised:
        parse_scenario([words])
    assert words in str(raised.value)
    assert allowed in str(raised.value)


def test_a_setting_given_twice_in_one_question_is_refused() -> None:
    with pytest.raises(UserError, match="concurrency twice"):
        parse_scenario(["concurrency=1", "concurrency=2"])


def test_a_log_without_calls_answers_by_whole_simulations_and_says_so(tmp_path: Path) -> None:
    events = [one for one in four() if one.type != "llm_call"]
    answer = ask(tmp_path, events, "concurrency=4")
    assert answer.wall_after_ms == pytest.approx(3000)
    assert "no model calls" in " ".join(answer.rests_on)
    with pytest.raises(UserError, match="--log-level PROFILE"):
        ask(tmp_path, events, "model-speed=2")


def test_metrics_tell_how_many_requests_a_server_runs(tmp_path: Path) -> None:
    samples = [event("server_metrics", None, endpoint="gpu:1", sample=n, start_ms=n * 100.0, running=2, waiting=1) for n in range(3)]
    log = log_of(tmp_path, [*four(endpoint="gpu:1"), *samples])
    assert recorded_jobs(log).servers["gpu:1"].capacity.slots == 2


def test_a_server_with_more_places_than_it_had_lets_calls_wait_less(tmp_path: Path) -> None:
    """Two calls at once at a server for one: 0-1 and 0-2 s, so each needs 1 s, and with two places both are done after 1 s."""
    sims = [simulation(task, 0.0, [llm(task, 0.0, ms, endpoint="gpu:1")], duration_ms=ms) for task, ms in (("0", 1000.0), ("1", 2000.0))]
    samples = [event("server_metrics", None, endpoint="gpu:1", sample=n, start_ms=n * 100.0, running=1, waiting=1) for n in range(3)]
    answer = ask(tmp_path, [start(2), *sims[0], *sims[1], *samples], "server-slots=2")
    assert answer.wall_replayed_ms == pytest.approx(2000)
    assert answer.wall_after_ms == pytest.approx(1000)


def test_metrics_without_a_queue_tell_of_no_limit(tmp_path: Path) -> None:
    samples = [event("server_metrics", None, endpoint="gpu:1", sample=n, start_ms=n * 100.0, running=2, waiting=0) for n in range(3)]
    log = log_of(tmp_path, [*four(endpoint="gpu:1"), *samples])
    server = recorded_jobs(log).servers["gpu:1"]
    assert server.capacity.slots is None
    assert "no queue in its own metrics" in server.source


def calls_at(capacity: Capacity) -> pd.DataFrame:
    """200 calls of five clients at a server of this capacity; each client asks again up to 0.4 s after its answer."""
    random_ = np.random.default_rng(3)
    server, asking, rows = Station(capacity), [(number * 60.0, number) for number in range(5)], list[dict[str, Any]]()

    def answered(row: dict[str, Any], client: int, moment: float) -> None:
        row["end_ms"] = moment
        heapq.heappush(asking, (moment + random_.uniform(1.0, 400.0), client))

    while len(rows) < 200 or server.next_end() < np.inf:
        if len(rows) < 200 and asking and asking[0][0] <= server.next_end():
            moment, client = heapq.heappop(asking)
            rows.append({"arrival_ms": moment})
            server.enter(moment, 200.0 * random_.uniform(0.8, 1.2), partial(answered, rows[-1], client))
        else:
            moment = server.next_end()
            server.finish(moment)(moment)
    return calls_of(rows)


@pytest.mark.parametrize("slots", [1, 2, 3])
def test_durations_by_calls_in_flight_show_how_many_a_server_runs(tmp_path: Path, slots: int) -> None:
    found = measure(log_of(tmp_path, four()), "server", calls_at(Capacity(slots)))
    assert found.capacity == Capacity(slots)
    assert "inferred" in found.source


def test_durations_that_do_not_depend_on_the_calls_in_flight_show_no_limit(tmp_path: Path) -> None:
    found = measure(log_of(tmp_path, four()), "server", calls_at(Capacity()))
    assert found.capacity == Capacity()
    assert "no limit seen" in found.source


@pytest.mark.parametrize("slowdown", [0.2, 0.5, 1.0])
def test_calls_that_slow_each_other_down_show_by_how_much(tmp_path: Path, slowdown: float) -> None:
    found = measure(log_of(tmp_path, four()), "server", calls_at(Capacity(slowdown=slowdown)))
    assert found.capacity.slots is None
    assert found.capacity.slowdown == pytest.approx(slowdown, abs=0.1)


def test_slow_first_calls_of_a_run_are_no_evidence_of_a_limit(tmp_path: Path) -> None:
    """Three clients ask again at once; their first calls take 1.5 s, since a client warms up, the others 230 ms."""
    random_ = np.random.default_rng(0)
    asking, rows = [(0.0, 0), (20.0, 1), (40.0, 2)], list[dict[str, Any]]()
    while len(rows) < 120:
        moment, client = heapq.heappop(asking)
        end = moment + (1500.0 if len(rows) < 3 else 230.0 + random_.normal(0, 12))
        rows.append({"arrival_ms": moment, "end_ms": end})
        heapq.heappush(asking, (end + random_.uniform(5, 30), client))
    assert measure(log_of(tmp_path, four()), "server", calls_of(rows)).capacity == Capacity()


def calls_of(rows: list[dict[str, Any]]) -> pd.DataFrame:
    """The calls with the columns of which their server told nothing."""
    told = dict.fromkeys(("queue_told_ms", "served_told_ms", "outside_told_ms"), np.nan)
    return pd.DataFrame(rows).assign(output_tokens=10, queue_ms=0.0, kind="llm_call", call_type="openai", **told)
