"""Loops are told of at least two simulations, from the deep analysis or, without it, from the log's payloads."""

from __future__ import annotations

from pathlib import Path

import pytest

from tau2_logging.analysis.deep import LogAnalyzer
from tau2_logging.analysis.findings.ranked import findings_of
from tau2_logging.events import Event
from tests.unit.analysis.samples import event, log_of, simulation
from tests.unit.analysis_findings.told import told


def looping(times: list[int]) -> list[Event]:
    """A simulation for each: it makes one call so many times; those that make it more than twice fail."""
    events: list[Event] = []
    for task, number in enumerate(times):
        at = task * 1000.0
        calls = []
        for n in range(number):
            span = f"{task}{n}"
            calls.append(event("tool_call", str(task), (at + n) / 1000, start_ms=at + n, duration_ms=0.5, function="get_order", span=span,
                               requestor="assistant", error=False, step=n))  # fmt: skip
            calls.append(event("tool_payload", str(task), (at + n) / 1000, function="get_order", arguments='{"id": "W1"}', span=span,
                               step=n, requestor="assistant"))  # fmt: skip
        events += simulation(str(task), at, calls, reward=0.0 if number > 2 else 1.0)
    return events


def test_repeated_calls_are_told_with_their_simulations(tmp_path: Path) -> None:
    found = told(tmp_path, looping([5, 3, 2, 1]))["loops"]
    assert found.sentence == (
        "In 2 of 4 simulations a call was made at least 3 times with the same arguments, most often get_order, 5 times in one simulation."
    )
    assert found.proof.simulations == (("retail", "0", "0"), ("retail", "1", "0"))
    assert "loops" not in told(tmp_path, looping([5, 2, 2, 1]))


def test_the_deep_analysis_tells_loops_and_how_many_were_lost(tmp_path: Path) -> None:
    log = log_of(tmp_path, looping([5, 3, 2, 1]))
    [found] = [one for one in findings_of(log, LogAnalyzer.of_log(log)) if one.key == "loops"]
    assert found.sentence == (
        "In 2 of 4 simulations the same calls were made at least 3 times in a row, and 2 of these were not solved; the longest: get_order, "
        "5 times."
    )
    assert found.share == pytest.approx(0.5)
