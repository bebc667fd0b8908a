"""Simulations that ended in an error, in results files of tau2 v1: shown under their names, seen by gates, scored as they should be."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from tau2_logging.analysis import RunLog
from tau2_logging.analysis.deep import LogAnalyzer
from tau2_logging.analysis.measures import gates
from tau2_logging.analysis.recordings import load_results
from tau2_logging.analysis.tables.outcomes import named
from tau2_logging.analysis.tables.simulations import score
from tests.support.recordings import results, simulation, task, write

ENDS: Mapping[str, tuple[str, float | None, float | None]] = {
    "a": ("user_stop", 1.0, 1.0), "b": ("infrastructure_error", None, None), "c": ("user_error", None, None),
    "d": ("agent_error", None, 0.0), "e": ("infrastructure_error", 0.5, 0.5), "f": ("agent_error", 1.0, 1.0),
}  # fmt: skip
"""Task: tau2's termination, the reward in the file, and the reward that counts."""


@pytest.fixture
def file(tmp_path: Path) -> Path:
    simulations = [simulation(name, 0, reward=reward, termination_reason=end, messages=[]) for name, (end, reward, _) in ENDS.items()]
    return write(tmp_path / "results.json", results([task(name) for name in ENDS], simulations))


@pytest.fixture
def log(file: Path) -> RunLog:
    return load_results([file])[0]


def test_an_error_is_shown_under_its_name_and_a_reward_that_is_there_counts(log: RunLog, file: Path) -> None:
    deep = LogAnalyzer(file).recorded.simulations.set_index("task")
    table = log.simulations.set_index("task")
    for name, (termination, _, reward) in ENDS.items():
        for row in (table.loc[name], deep.loc[name]):
            assert row["status"] == ("ok" if termination == "user_stop" else termination)
            assert row["reward"] == reward or (reward is None and row["reward"] != row["reward"])


def test_the_headline_has_the_mean_of_the_scored_and_what_it_would_be_if_the_others_had_failed(log: RunLog) -> None:
    """By hand from the table above: 2.5 over 4 scored, 2.5 over all 6."""
    assert score(log.simulations).headline == (
        "0.625 of 4 scored; 1 of 6 ended in infrastructure_error, 1 of 6 ended in user_error (0.417 if those fail)"
    )


@pytest.mark.parametrize(("text", "failed"), [("task.error_rate:0.8", 5), ("task_end.error_rate:0.8", 5)])
def test_gates_on_errors_see_them(log: RunLog, text: str, failed: int) -> None:
    [result] = gates.check(log, [gates.parse_objective(text)])
    assert (result.met, result.value, result.detail) == (False, failed / len(ENDS), f"{failed} of {len(ENDS)} failed")


@pytest.mark.parametrize("text", ["ttft:500", "tpot:20", "llm_call.error_rate:0.5", "llm_call.p95:1000", "llm_call.max:5"])
def test_a_gate_on_what_was_not_measured_says_so_and_is_not_met(log: RunLog, text: str) -> None:
    """Nor is the goodput that rests on it: it is unknown, not 0 %."""
    for row in gates.as_rows(gates.check(log, [gates.parse_objective(text)])):
        assert (row["status"], row["met"], row["value"]) == ("not measured", False, None)
        assert str(row["detail"]).startswith("not measured: ")


def test_the_status_of_a_run_s_own_log_is_named_too() -> None:
    """A failure of the agent's own model is scored, and ended ok for the runner; it is no simulation like the others."""
    pairs: list[tuple[Any, Any]] = [("ok", "agent_error"), ("error", "user_error"), ("timeout", None), ("error", None), ("ok", "user_stop")]
    assert [named(*pair) for pair in pairs] == ["agent_error", "user_error", "timeout", "error", "ok"]
