"""Findings about results and records that are missing: each is told with its number and its reason, and not of a whole record."""

from __future__ import annotations

from pathlib import Path

import pytest

from tau2_logging.events import Event
from tests.unit.analysis.samples import event, llm, simulation
from tests.unit.analysis_findings.told import told

CALLS = {"llm_calls": 1, "tool_calls": 0, "steps": 0}


def whole(number: int) -> list[Event]:
    return [e for n in range(number) for e in simulation(str(n), n * 1000.0)]


def test_simulations_without_a_score_are_told_with_what_ended_them(tmp_path: Path) -> None:
    errors = [e for n in (6, 7) for e in simulation(str(n), n * 1000.0, status="error", reward=None, error_type="RateLimitError")]
    stopped = simulation("8", 8000.0, status="timeout", reward=None)
    found = told(tmp_path, [*whole(6), *errors, *stopped])["not_scored"]
    assert found.sentence == (
        "3 of 9 simulations have no score: 2 ended in error, 1 timed out (most often RateLimitError). The mean reward of 1.000 is of the "
        "other 6; with these as failed it is 0.667."
    )
    assert "not_scored" not in told(tmp_path, whole(6))


def test_a_log_that_knows_no_outcome_is_not_told_to_have_none(tmp_path: Path) -> None:
    assert "not_scored" not in told(tmp_path, [llm(str(n), n * 100.0) for n in range(6)])


def test_time_outs_are_told_with_the_limit_and_what_was_waited_on(tmp_path: Path) -> None:
    stuck = event("stuck", "6", 9.0, waiting_on="llm_call", model="gpt-4.1", elapsed_ms=3000.0, limit_ms=3000.0, start_ms=6000.0)
    stopped = simulation("6", 6000.0, [stuck], status="timeout", reward=None, duration_ms=3000.0)
    found = told(tmp_path, [*whole(6), *stopped])["time_outs"]
    assert found.sentence == "1 of 7 simulations was stopped at the time limit of 3 s; 1 of them waited on llm_call (gpt-4.1)."
    assert found.share == pytest.approx(3 / 9)
    assert "time_outs" not in told(tmp_path, whole(6))


def calls(with_ttft: int, number: int = 12, argv: str = "", **fields: object) -> list[Event]:
    made = [llm("0", n * 50.0, 40.0, ttft_ms=10.0 if n < with_ttft else None, **fields) for n in range(number)]
    return [event("run_start", None, 0.0, start_ms=0.0, schema=1, argv=argv), *simulation("0", calls=made)]


def test_a_missing_time_to_first_token_is_told_with_its_reason(tmp_path: Path) -> None:
    found = told(tmp_path, calls(3))["no_ttft"]
    assert found.sentence.startswith(
        "The time to first token is unknown for 9 of 12 model calls (gpt-4.1): a reply without a stream has no first token"
    )
    assert "without streaming requests" in told(tmp_path, calls(0, argv="--ttft off --domains retail"))["no_ttft"].sentence
    assert "no_ttft" not in told(tmp_path, calls(7))
    assert "no_ttft" not in told(tmp_path, calls(0, model="scripted/agent"))
    assert "no_ttft" not in told(tmp_path, calls(0, number=9))


def test_calls_without_token_counts_are_told(tmp_path: Path) -> None:
    found = told(tmp_path, [*calls(12), *simulation("1", 1000.0, [llm("1", 1000.0, input_tokens=None) for _ in range(3)])])["no_usage"]
    assert found.sentence.startswith("3 of 15 model calls have no token counts (gpt-4.1)")
    assert "no_usage" not in told(tmp_path, calls(12))


def test_a_level_that_leaves_out_calls_is_told(tmp_path: Path) -> None:
    found = told(tmp_path, simulation("0", **CALLS))["level_hides"]
    assert found.sentence.startswith("The log's level leaves out llm_call:")
    assert "--log-level PROFILE" in found.advice
    assert "level_hides" not in told(tmp_path, simulation("0", calls=[llm("0")], **CALLS))


def test_simulations_that_a_limit_ended_are_told_by_limit(tmp_path: Path) -> None:
    ends = ["max_steps", "max_steps", "too_many_errors"]
    limited = [e for n, end in enumerate(ends) for e in simulation(str(n + 6), 6000.0 + n * 1000.0, termination=end, reward=0.0)]
    found = told(tmp_path, [*whole(6), *limited])["out_of_steps"]
    assert found.sentence == (
        "3 of 9 simulations were ended by the limit on steps (2) or the limit on tool errors (1); tau2 counts them as failed."
    )
    assert "out_of_steps" not in told(tmp_path, [*whole(6), *limited[:2]])
