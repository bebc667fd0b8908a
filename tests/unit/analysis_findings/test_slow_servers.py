"""Slow servers are named if they are slower beyond chance, and slowness with load if no server says that it queues."""

from __future__ import annotations

from pathlib import Path

import pytest

from tau2_logging.events import Event
from tests.unit.analysis.samples import event, llm, simulation
from tests.unit.analysis_findings.told import told


def at_two_servers(slow_ms: float, tasks: int = 12) -> list[Event]:
    """Tasks with 2 calls of about 100 ms at server a, and 2 of another length at server b."""
    events: list[Event] = []
    for n in range(tasks):
        at, task = n * 10_000.0, str(n)
        lengths = [("a", 100.0 + n % 5), ("b", slow_ms + n % 3), ("a", 101.0 + n % 4), ("b", slow_ms + n % 2)]
        calls = [llm(task, at + 1000 * k, ms, endpoint=f"gpu-{name}") for k, (name, ms) in enumerate(lengths)]
        events += simulation(task, at, calls, duration_ms=10_000.0)
    return events


def test_the_slow_one_of_several_servers_is_named(tmp_path: Path) -> None:
    """24 calls at each: medians are 151 and 102 ms."""
    found = told(tmp_path, at_two_servers(150.0))["slow_endpoint"]
    assert found.sentence == (
        "gpu-b is 1.48 times as slow as the other servers of gpt-4.1: median call 151 ms against 102 ms (24 calls there)."
    )
    assert found.numbers["p"] < 0.01


def test_servers_of_one_speed_or_with_few_calls_are_not_named(tmp_path: Path) -> None:
    assert "slow_endpoint" not in told(tmp_path, at_two_servers(101.0))
    assert "slow_endpoint" not in told(tmp_path, at_two_servers(150.0, tasks=9))


def waves(many_ms: float, tasks: int = 24) -> list[Event]:
    """Tasks that call alone, and tasks that call 8 at a time."""
    events: list[Event] = []
    for n in range(tasks):
        task, at = str(n), n * 10_000.0
        calls = [llm(task, at + 1000 * k, 100.0 + n % 7) for k in range(2)]
        calls += [llm(task, at + 5000 + k, many_ms + n % 7) for k in range(8)]
        events += simulation(task, at, calls, duration_ms=10_000.0)
    return events


def test_calls_that_take_longer_with_many_in_flight_are_told(tmp_path: Path) -> None:
    found = told(tmp_path, waves(200.0))["slower_under_load"]
    assert found.sentence.startswith("A call of gpt-4.1 takes ")
    assert found.numbers["p50_many_ms"] == pytest.approx(203.0, abs=0.5)
    assert found.numbers["few"] < found.numbers["many"]


def test_calls_of_one_length_or_with_a_queue_that_is_known_are_not_told(tmp_path: Path) -> None:
    assert "slower_under_load" not in told(tmp_path, waves(100.0))
    server = [event("server_metrics", None, 1.0 + n, endpoint="x", sample=n, start_ms=1000.0 * n, running=1, waiting=0) for n in (0, 1)]
    assert "slower_under_load" not in told(tmp_path, [*waves(200.0), *server])


def served(hits: int) -> list[Event]:
    """Two conversations of 15 calls at a server whose prefill takes 100 of 200 ms; its cache held so many of 100 prompt tokens."""
    calls = [
        llm(str(n), n * 10_000.0 + k * 500, 200.0, input_tokens=1000 + 100 * k, endpoint="gpu:8000") for n in (0, 1) for k in range(15)
    ]
    events = [e for n in (0, 1) for e in simulation(str(n), n * 10_000.0, calls[15 * n : 15 * n + 15], duration_ms=10_000.0)]
    sums = [
        {"prefill_sum_ms": 100.0 * count, "prefill_count": count, "prefix_hits": hits * k, "prefix_queries": 100 * k}
        for k, count in ((0, 0), (1, 30))
    ]
    seen = [event("server_metrics", None, 1.0 + k, endpoint="gpu:8000", sample=k, start_ms=k * 1.0, **sums[k]) for k in (0, 1)]
    return [seen[0], *events, seen[1]]


def test_a_server_that_computes_prompts_again_is_told(tmp_path: Path) -> None:
    """Of 1,000, 1,100, ... 2,400 tokens all but the last were sent before: 23,100 of 25,500."""
    found = told(tmp_path, served(hits=5))["prefix_cache"]
    assert found.sentence == (
        "90.6 % of the agent's input tokens were sent before in the same conversation, but the prefix cache of gpu:8000 held 5.0 % of its "
        "prompts: prefill takes 100 ms of a call of 200 ms (mean of 30 calls)."
    )
    assert found.share == pytest.approx((23_100 / 25_500 - 0.05) * 100 * 30 / 20_000)
    assert "prefix_cache" not in told(tmp_path, served(hits=80))
