"""Findings about failing calls are told with their numbers if failures are many and sure, and not otherwise."""

from __future__ import annotations

from pathlib import Path

from tau2_logging.events import Event
from tests.unit.analysis.samples import event, llm, simulation
from tests.unit.analysis_findings.told import told


def tool_calls(failed: int, calls: int, name: str = "refund") -> list[Event]:
    """Simulations of two calls each; the first ones fail."""
    events: list[Event] = []
    for first in range(0, calls, 2):
        task, at = str(first), first * 1000.0
        made = [
            event("tool_call", task, (at + 9) / 1000, start_ms=at, duration_ms=5.0, function=name, error=n < failed,
                  error_type="ValueError" if n < failed else None)
            for n in (first, first + 1)
        ]  # fmt: skip
        events += simulation(task, at, made)
    return events


def test_a_tool_that_fails_often_is_named_with_calls_and_simulations(tmp_path: Path) -> None:
    found = told(tmp_path, tool_calls(8, 20))["failing_tool"]
    assert found.sentence == "refund failed in 8 of 20 calls (40.0 %), each time with ValueError, in 4 of 10 simulations."
    assert found.proof.lines[0].endswith("tau2_retail.log:2")
    assert found.share == 0.4


def test_a_tool_that_fails_seldom_or_in_few_calls_is_not_named(tmp_path: Path) -> None:
    assert "failing_tool" not in told(tmp_path, tool_calls(4, 6))
    assert "failing_tool" not in told(tmp_path, tool_calls(5, 40))  # 5 of 40: the interval reaches below a tenth


def test_a_model_that_fails_is_named_with_its_error(tmp_path: Path) -> None:
    calls = [llm(start=10.0 * n, ms=5.0, error=n < 6, error_type="RateLimitError" if n < 6 else None) for n in range(100)]
    found = told(tmp_path, simulation(calls=calls))["failing_model"]
    assert found.sentence == "gpt-4.1 failed in 6 of 100 calls (6.0 %), each time with RateLimitError, in 1 of 1 simulation."
    good = [llm(start=10.0 * n, ms=5.0) for n in range(100)]
    assert "failing_model" not in told(tmp_path, simulation(calls=good))


def test_replies_that_were_cut_are_told(tmp_path: Path) -> None:
    calls = [llm(start=10.0 * n, ms=5.0, finish_reason="length" if n < 3 else "stop") for n in range(100)]
    found = told(tmp_path, simulation(calls=calls))["cut_replies"]
    assert found.sentence.startswith("3 of 100 replies of the agent's model were cut at the length limit, in 1 of 1 simulation")
    assert "cut_replies" not in told(tmp_path, simulation(calls=calls[1:]))
