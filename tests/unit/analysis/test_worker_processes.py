"""Logs of runs in several worker processes."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tau2_logging.analysis.measures.latency import shown_dimensions
from tau2_logging.analysis.measures.run_time import makespan
from tau2_logging.analysis.run_log import RunLog
from tau2_logging.events import Event
from tests.unit.analysis.samples import event, log_of


def simulation(task: str, worker: str, host: str, start_ms: float, status: str = "ok", thread: int = 5) -> list[Event]:
    """Begin and end of a simulation of 100 ms."""
    place: dict[str, Any] = {"domain": "retail", "trial": 0, "run": "r", "host": host, "worker": worker, "span": f"s{task}{start_ms:.0f}"}
    return [
        event("task_start", task, thread=thread, start_ms=start_ms, **place),
        event("task_end", task, thread=thread, start_ms=start_ms, duration_ms=100.0, status=status, **place),
    ]


@pytest.fixture
def log(tmp_path: Path) -> RunLog:
    """w0 on a and w1 on b; w1 dies with a simulation, which w2 runs again; all threads bear one number."""
    lost = simulation("3", "w1", "b", 100.0)[:1]
    return log_of(
        tmp_path,
        [
            event("worker_up", None, start_ms=5.0, simulations=1, run="r", host="a", worker="w0"),
            event("worker_up", None, start_ms=6.0, simulations=1, run="r", host="b", worker="w1"),
            *simulation("1", "w0", "a", 10.0),
            *simulation("2", "w1", "b", 10.0, status="error"),
            *lost,
            event("worker_down", None, start_ms=150.0, simulations=1, error_message="killed by SIGKILL", run="r", host="b", worker="w1"),
            event("worker_up", None, start_ms=160.0, simulations=1, run="r", host="a", worker="w2"),
            *simulation("3", "w2", "a", 170.0),
        ],
    )


def test_each_worker_has_a_row_with_what_it_did_and_what_was_lost(log: RunLog) -> None:
    """And the reason why it ended before its time."""
    table = log.worker_processes().set_index("worker")
    assert table["host"].to_dict() == {"w0": "a", "w1": "b", "w2": "a"}
    assert table["ready_ms"].tolist() == [5.0, 6.0, 160.0]
    assert table["simulations"].tolist() == [1, 1, 1]
    assert table["failed"].tolist() == [0, 1, 0]
    assert table["lost"].tolist() == [0, 1, 0]
    assert table.loc["w1", "ended_because"] == "killed by SIGKILL"
    assert table["ended_because"].isna().tolist() == [True, False, True]


def test_threads_of_two_workers_with_one_number_are_two(log: RunLog) -> None:
    """Makespan and idle time count them apart."""
    assert makespan.idle_tail(log)["workers"] == 3
    assert set(makespan.workers(log)["thread"]) == {"w0/5", "w1/5", "w2/5"}


def test_latency_is_shown_by_host_and_worker_where_there_are_several(log: RunLog, tmp_path: Path) -> None:
    """And by neither where simulations ran in threads."""
    assert shown_dimensions(log)[-2:] == ["host", "worker"]
    assert set(log.latency("host")["host"]) == {"a", "b"}
    plain = log_of(tmp_path, [event("task_end", "1", start_ms=1.0, duration_ms=2.0, status="ok", domain="mock", run="r")])
    assert not {"host", "worker", "domain"} & set(shown_dimensions(plain))
    assert plain.worker_processes().empty
