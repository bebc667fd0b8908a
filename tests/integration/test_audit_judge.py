"""`audit --judge-llm`: scripted judges with known faults, each found and counted, and one without a fault, in which nothing is."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("tau2.registry", reason="tau2 is not installed")

from tau2_logging.audit.judge_questions import Sentence, judge_questions, sentences_of, with_other_number
from tau2_logging.cli import audit
from tests.support.litellm_clients import LEFT_OPEN

pytestmark = LEFT_OPEN
TASKS = ["3", "7", "14"]
"""Of airline: what is to be said is a count, an amount with a separator, three amounts."""


def judged(folder: Path, arguments: dict[str, Any], *more: str) -> dict[str, Any]:
    """What is found of a judge."""
    words = ["--domains", "airline", "--task-ids", *TASKS, "--output-dir", str(folder), "--judge-llm", "scripted/judge", *more]
    assert audit.main([*words, "--judge-llm-args", json.dumps(arguments)]) == 0
    found: dict[str, Any] = json.loads((folder / "audit/airline.json").read_text(encoding="utf-8"))["judge"]
    return found


@pytest.fixture(scope="module")
def right(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """A judge that reads, without a fault."""
    return judged(tmp_path_factory.mktemp("judge"), {"reading_faults": {}})


def test_a_judge_without_a_fault_is_not_accused(right: dict[str, Any]) -> None:
    assert (right["right"], right["wrong"]) == (right["verdicts"], [])
    assert right["calls"] == 11  # two of each task, and one for each of the 1 + 1 + 3 numbers
    assert right["verdicts"] == 3 * 1 + 3 * 1 + 5 * 3


def test_every_fault_is_counted_as_what_it_is(right: dict[str, Any], tmp_path: Path) -> None:
    """The right verdicts are known without the judge: all said, none said, and one wrong number each."""
    of = right["verdicts"]
    true = 1 + 1 + 3 + 3 * 2  # all said, and what is said beside each of the three wrong numbers of the last task
    faults = ("false_pass", "false_fail", "no_verdict")
    everything = {fault: judged(tmp_path, {"reading_faults": {fault: 1.0}}) for fault in faults}
    assert (everything["false_pass"]["false_passes"], everything["false_pass"]["right"]) == (of - true, true)
    assert (everything["false_fail"]["false_fails"], everything["false_fail"]["right"]) == (true, of - true)
    assert (everything["no_verdict"]["no_verdict"], everything["no_verdict"]["empty"]) == (of, right["calls"])
    against = judged(tmp_path, {"reading_faults": {"against_own_words": 1.0}})
    assert (against["against_own_words"], against["right"]) == (of, 0)


def test_the_judge_that_finds_everything_met_is_found_out(right: dict[str, Any], tmp_path: Path) -> None:
    """It is the one that plays when no model is named."""
    found = judged(tmp_path, {})
    assert found["false_passes"] == right["verdicts"] - 11
    assert {one["conversation"] for one in found["wrong"]} == {"none said", "wrong number"}
    report = (tmp_path / "audit/audit.md").read_text(encoding="utf-8")
    assert "verdicts of scripted/judge" in report
    assert r"| judge: false\_passes | 10/21 |" in report


def test_a_judge_that_answers_nothing_is_one_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    words = ["--domains", "airline", "--task-ids", "3", "--output-dir", str(tmp_path), "--judge-llm", "scripted/judge"]
    assert audit.main([*words, "--judge-llm-args", '{"reading_faults": {"not_json": 1.0}}']) == 2
    assert "the judge scripted/judge answered none of 3 questions: JSONDecodeError" in capsys.readouterr().err
    assert audit.main([*words[:-2], "--judge-llm-args", "{}", "--judge-llm", "scripted/nobody"]) == 2
    assert audit.main([*words[:-2], "--judge-llm-args", '{"temperature": 0}']) == 2


@pytest.mark.parametrize(
    ("assertion", "said"),
    [
        ("Agent should tell the user the total refund amount is $8,276.23.", "The total refund amount is $8,276.23."),
        ("Agent communicates that total cost of upcoming flights is $1,628.", "Total cost of upcoming flights is $1,628."),
        ("Agent cancels XEHM4B.", None),
    ],
)
def test_only_assertions_that_ask_for_a_sentence_are_asked(assertion: str, said: str | None) -> None:
    assert [one.said for one in sentences_of([assertion], [])] == ([said] if said else [])


def test_a_task_without_such_an_assertion_is_asked_about_its_texts() -> None:
    (one,) = sentences_of(["Agent cancels XEHM4B."], ["54.04"])
    assert one == Sentence('Agent should tell the user "54.04".', "The answer to your question is: 54.04.")


@pytest.mark.parametrize(("text", "other"), [("It is $1,628.", "It is $2,628."), ("9 days", "1 days"), ("No number", None)])
def test_another_number_differs_in_one_digit(text: str, other: str | None) -> None:
    assert with_other_number(text) == other


def test_of_a_wrong_number_the_other_sentences_stay_right() -> None:
    kinds = {one.kind: one.expected for one in judge_questions([Sentence("a", "It is 5."), Sentence("b", "It is blue.")])}
    assert kinds == {"all said": (True, True), "none said": (False, False), "wrong number": (False, True)}
