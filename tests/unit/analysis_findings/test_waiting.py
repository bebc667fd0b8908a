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
