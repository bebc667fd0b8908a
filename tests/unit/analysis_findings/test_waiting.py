"""Findings about waiting are told with their share and where waiting begins, and not of a run that did not wait."""

from __future__ import annotations

from pathlib import Path

import pytest

from tau2_logging.events import Event
from tests.unit.analysis.samples import event, llm, simulation
from tests.unit.analysis_findings.told import told


def at_server(waves: int, at_once: int, queue_ms: float, places: int = 2) -> list[Event]:
    """Calls of 100 ms and their queue, so many at once: those beyond the server's places wait."""
    events: list[Event] = []
    for wave in range(waves):
        for n in range(at_once):
            start, queue = wave * 1000.0 + n, queue_ms if n >= places else 0.0
            span = f"{wave}{n}"
            fields = {"span": span, "endpoint": "gpu:8000"}
            events += [llm(start=start, ms=100.0 + queue, **fields)]
            events += [event("server_call", server_queue_ms=queue, server_e2e_ms=100.0 + queue, server_source="trace", **fields)]
    return simulation(calls=events, duration_ms=waves * 1000.0)


def test_a_queue_in_the_server_is_told_with_its_share_and_where_it_begins(tmp_path: Path) -> None:
    """6 waves of 4 calls: 2 wait 300 ms of 400, so 150 of 250 ms on average, from the third call in flight on."""
    found = told(tmp_path, at_server(6, 4, 300.0))["waiting_at_server"]
    assert found.sentence == (
        "60.0 % of a model call is waiting in the server's queue (150 ms of 250 ms, mean of 24 calls). At gpu:8000 it begins at 3 calls in "
        "flight."
    )
    assert found.share == pytest.approx(12 * 300 / 6000)
    assert found.saves.ms == pytest.approx(12 * 300)
    assert "--max-concurrency 2" in found.advice


def test_without_a_queue_or_with_few_calls_the_server_is_not_told_about(tmp_path: Path) -> None:
    assert "waiting_at_server" not in told(tmp_path, at_server(6, 4, 5.0))
    assert "waiting_at_server" not in told(tmp_path, at_server(4, 4, 300.0))


def several(number: int, ms: float = 1000.0, **fields: object) -> list[Event]:
    """Simulations one after the other, each with a call of 500 ms that says what `fields` say."""
    return [
        e for n in range(number) for e in simulation(str(n), n * ms, [llm(str(n), n * ms, 500.0, **fields)], llm_ms=500.0, other_ms=500.0)
    ]


def test_waiting_in_this_process_is_told_with_its_share(tmp_path: Path) -> None:
    """5 simulations of 1 s, each with a call of 500 ms of which 100 ms were spent in the queue."""
    found = told(tmp_path, several(5, queue_ms=100.0))["waiting_here"]
    assert found.sentence == (
        "10.0 % of the time of simulations is waiting in this process, for a connection or the rate limit (500 ms of 5 s, 5 simulations)."
    )
    assert found.saves.ms == pytest.approx(500.0)


def test_a_short_wait_in_this_process_or_few_simulations_are_not_told(tmp_path: Path) -> None:
    assert "waiting_here" not in told(tmp_path, several(5, queue_ms=40.0))
    assert "waiting_here" not in told(tmp_path, several(4, queue_ms=400.0))


def retried(number: int, wait_ms: float) -> list[Event]:
    causes = ["RateLimitError", "RateLimitError", "Timeout"]
    waits = [
        event("retry", "0", (n + 1) * 100 / 1000, start_ms=n * 100.0, wait_ms=wait_ms, error_type=causes[n % 3], model="m", attempt=2)
        for n in range(number)
    ]
    return simulation("0", calls=waits, duration_ms=1000.0)


def test_waits_before_retries_are_told_by_cause(tmp_path: Path) -> None:
    found = told(tmp_path, retried(6, 50.0))["waiting_to_retry"]
    assert found.sentence == (
        "30.0 % of the time of simulations is waiting before 6 retries (300 ms of 1 s): 200 ms after 4 RateLimitError, 100 ms after 2 "
        "Timeout."
    )
    assert len(found.proof.lines) == 3
    assert "--rate-limit" in found.advice


def test_two_retries_or_short_waits_are_not_told(tmp_path: Path) -> None:
    assert "waiting_to_retry" not in told(tmp_path, retried(2, 90.0))
    assert "waiting_to_retry" not in told(tmp_path, retried(6, 2.0))


def outage(waits: int, failed: int = 0) -> list[Event]:
    calls = [
        event("server_wait", "0", 0.5, start_ms=200.0 + n, wait_ms=100.0, endpoint="gpu:8000", model="m", error=False) for n in range(waits)
    ]
    calls += [llm("0", 101.0 + n, 5.0, endpoint="gpu:8000", error=True, error_type="APIConnectionError") for n in range(failed)]
    down = event("server_down", None, 0.1, start_ms=100.0, endpoint="gpu:8000", model="m", error_message="refused")
    return [down, *simulation("0", calls=calls), event("server_up", None, 0.4, start_ms=400.0, endpoint="gpu:8000", model="m")]


def test_a_server_that_was_down_is_told_with_the_calls_that_waited(tmp_path: Path) -> None:
    found = told(tmp_path, outage(4, 2))["server_down"]
    assert found.sentence == (
        "Model servers were down 1 time (gpu:8000): 4 calls waited 400 ms in all and 2 calls failed, in the "
        "worst outage in 1 of 1 simulation."
    )
    assert found.share == pytest.approx(0.4)


def test_an_outage_that_nobody_noticed_is_not_told(tmp_path: Path) -> None:
    assert "server_down" not in told(tmp_path, outage(0, 1))
    assert "(gpu:8000): 3 calls failed, in" in told(tmp_path, outage(0, 3))["server_down"].sentence


def with_metrics(queue_ms: float) -> list[Event]:
    """24 calls of 400 ms; the server counted them and their time in its queue, and was seen to work on 2 while 6 waited."""
    calls = [llm("0", 10.0 + n, 400.0, endpoint="gpu:8000") for n in range(24)]
    sums = [{"queue_sum_ms": queue_ms * count, "queue_count": count} for count in (0, 24)]
    seen = [
        event("server_metrics", None, n * 0.5, endpoint="gpu:8000", sample=n, start_ms=n * 500.0, running=2, waiting=6, **sums[n])
        for n in (0, 1)
    ]
    return [seen[0], *simulation("0", calls=calls, duration_ms=12_000.0), seen[1]]


def test_a_server_that_gives_sums_alone_is_told_of_with_how_many_it_works_on(tmp_path: Path) -> None:
    found = told(tmp_path, with_metrics(300.0))["waiting_at_server"]
    assert found.sentence == (
        "75.0 % of a model call is waiting in the server's queue (300 ms of 400 ms, mean of 24 calls). At gpu:8000 the server worked on at "
        "most 2 at a time."
    )
    assert found.proof.table == "model_servers"
    assert "waiting_at_server" not in told(tmp_path, with_metrics(30.0))
