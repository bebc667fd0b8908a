"""Simulations whose conversation an earlier start of the run has played."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from tau2_logging.events import Event
from tests.unit.analysis.samples import event, log_of, simulation

_PLAYED = {"duration_ms": 900.0, "llm_ms": 500.0, "llm_calls": 4, "input_tokens": 300, "cost_usd": 0.25}
_JUDGED = {"duration_ms": 100.0, "llm_ms": 0.0, "llm_calls": 0, "input_tokens": 20, "cost_usd": 0.5}


def judged_again(task: str, start: float, **fields: Any) -> list[Event]:
    ended = simulation(task, start, **{**_JUDGED, **fields})[1:]
    return [event("task_start", task, start / 1000, start_ms=start, played_before=True), *ended]


def test_what_the_conversation_took_before_is_the_simulations_too(tmp_path: Path) -> None:
    """Over a judge that failed twice; what was played again counts as its last start alone; a kill leaves unknown what it took."""
    failed = {"status": "error", "reward": None}
    events = [
        *simulation("1", 0.0, **_PLAYED), *simulation("2", 0.0, **_PLAYED, **failed), *simulation("3", 0.0, **_PLAYED, **failed),
        event("task_start", "4", 0.0, start_ms=0.0), *judged_again("2", 5000.0, **failed), *judged_again("2", 9000.0),
        *simulation("3", 5000.0, **_PLAYED), *judged_again("4", 5000.0), *simulation("5", 0.0, **_PLAYED),
    ]  # fmt: skip
    rows = log_of(tmp_path, events).simulations.set_index("task")
    assert rows["duration_ms"].fillna(-1).to_dict() == {"1": 900.0, "2": 1100.0, "3": 900.0, "4": -1, "5": 900.0}
    assert rows["llm_calls"].fillna(-1).to_dict() == {"1": 4, "2": 4, "3": 4, "4": -1, "5": 4}
    assert rows["input_tokens"].fillna(-1).to_dict() == {"1": 300, "2": 340, "3": 300, "4": -1, "5": 300}
    assert rows["cost_usd"].fillna(-1).to_dict() == {"1": 0.25, "2": 1.25, "3": 0.25, "4": -1, "5": 0.25}
    assert (rows.loc["2", "status"], rows.loc["2", "reward"], rows.loc["2", "end_ms"]) == ("ok", 1.0, 9100.0)
