"""`--reader`: a model reads each failed simulation once; what it quotes must be in the transcript, and what it costs has a limit."""

from __future__ import annotations

import csv
import json
from pathlib import Path
from typing import Any

import pytest

from tau2_logging.analysis import LogAnalyzer
from tau2_logging.analysis.deep.attribution.agreement.readings import reader_agreement, readings
from tau2_logging.analysis.deep.attribution.attribute import cases
from tau2_logging.analysis.deep.attribution.failed_case import FailedCase
from tau2_logging.analysis.deep.attribution.reader_question import question, reading_of
from tau2_logging.cli.analyze_steps import analyze
from tau2_logging.cli.analyze_timing import parsed
from tau2_logging.errors import UserError
from tests.support.recordings import write
from tests.unit.analysis_deep.test_fault_rules import APPLY

HUNG_UP = APPLY["hung up before the agent could act"][1]
READER = ("--reader", "scripted/reader")


@pytest.fixture
def recorded(tmp_path: Path) -> Path:
    return write(tmp_path / "results.json", HUNG_UP)


def analyzed(path: Path, *words: str) -> int:
    given = ["--results", str(path), "--deep", "--output_dir", str(path.parent / "out"), "--format", "csv", "--force", "-q", *words]
    return analyze(parsed(given), given)


def kept(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (path.parent / "readings.jsonl").read_text(encoding="utf-8").splitlines()]


def test_a_reading_is_kept_beside_the_results_shown_with_the_rules_and_not_asked_for_again(
    recorded: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert analyzed(recorded, *READER) == 0
    assert "1 failed simulation to read" in capsys.readouterr().err
    with (recorded.parent / "out" / "deep_readings.csv").open(encoding="utf-8") as file:
        (row,) = csv.DictReader(file)
    assert (row["fault"], row["rules_say"], row["turn"]) == ("user", "user", "2")
    assert "Yes, please do that" in row["quote"]
    assert analyzed(recorded, *READER) == 0
    assert "no failed simulation to read; 1 read before" in capsys.readouterr().err
    assert len(kept(recorded)) == 1


def test_an_answer_whose_quote_nobody_said_is_thrown_away(recorded: Path) -> None:
    assert analyzed(recorded, *READER, "--reader-args", '{"invents": 1}') == 0
    (row,) = readings(LogAnalyzer(recorded).recorded).to_dict("records")
    assert row["fault"] is None
    assert row["problem"] == "the quote is not in the transcript"
    assert reader_agreement(LogAnalyzer(recorded).recorded).empty


def test_the_reader_is_compared_with_labels(recorded: Path) -> None:
    label = {"run": recorded.parent.name, "domain": "retail", "task": "1", "trial": 0, "fault": "agent"}
    (recorded.parent / "labels.jsonl").write_text(json.dumps(label) + "\n")
    analyzed(recorded, *READER)
    table = reader_agreement(LogAnalyzer(recorded).recorded).set_index(["against", "fault"])
    assert table.loc[("labels", "user"), ["said", "right", "labelled"]].tolist() == [1, 0, 0]
    assert table.loc[("rules", "user"), ["said", "right", "labelled"]].tolist() == [1, 1, 1]


def test_no_more_is_read_than_the_limit_allows(recorded: Path, capsys: pytest.CaptureFixture[str]) -> None:
    dear = '{"input_cost_per_token": 0.01, "output_cost_per_token": 0.01}'
    assert analyzed(recorded, *READER, "--reader-args", dear, "--reader-max-cost", "0.02") == 0
    assert "no failed simulation to read" in (said := capsys.readouterr().err)
    assert "1 left out" in said
    assert not (recorded.parent / "readings.jsonl").exists()


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (("--reader", "no/such-model"), "litellm knows no provider"),
        (("--reader", "scripted/reader", "--reader-args", '{"invent": 1}'), "did you mean 'invents'"),
        (("--reader", "hosted_vllm/mine", "--reader-args", '{"api_base": "http://127.0.0.1:9/v1", "api_key": "x"}',
          "--reader-max-cost", "1"), "needs the price"),
        (("--reader-args", "{}"), "name its model with --reader"),
    ],
)  # fmt: skip
def test_what_cannot_be_is_refused(recorded: Path, words: tuple[str, ...], says: str) -> None:
    with pytest.raises(UserError) as refused:
        analyzed(recorded, *words)
    assert says in str(refused.value)


@pytest.fixture
def case(recorded: Path) -> FailedCase:
    return next(cases(LogAnalyzer(recorded).recorded))


def test_the_question_holds_scenario_reference_and_every_message(case: FailedCase) -> None:
    asked = question(case)[1]["content"]
    assert "cancel order #W1234567" in asked
    assert "cancel_pending_order" in asked
    assert all(f"[{message.index}] {message.role}: {message.text}" in asked for message in case.messages)


@pytest.mark.parametrize(
    ("answer", "turn", "problem"),
    [
        ('```json\n{"fault": "user", "turn": 0, "quote": "yes, please  do that"}\n```', 2, ""),
        ('{"fault": "User", "turn": 1, "quote": "Do you confirm?"}', 1, ""),
        ('{"fault": "user", "turn": 2, "quote": "no, never do that"}', None, "the quote is not in the transcript"),
        ('{"fault": "nobody", "turn": 2, "quote": "Yes, please do that."}', None, "no fault 'nobody'"),
        ("I think it is the user.", None, "the answer is no JSON object"),
        ('{"fault": "agent", "turn": 1}', None, "no quote"),
    ],
)
def test_only_what_the_transcript_holds_is_kept(case: FailedCase, answer: str, turn: int | None, problem: str) -> None:
    found = reading_of(answer, case)
    assert (found.turn, found.problem) == (turn, problem)
    assert (found.fault is None) == bool(problem)
