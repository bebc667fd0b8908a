"""The rules on scripted simulations whose culprit is known: the small version of `python -m benchmarks.attribution scripted`."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from benchmarks.attribution.scripted import planted, precision, recall, report, tool_faults, user_faults
from tau2_logging.analysis import LogAnalyzer
from tau2_logging.analysis.deep.attribution.attribute import attributed, attribution, cases
from tau2_logging.analysis.deep.reading.recorded import records
from tau2_logging.runner.harness.tau2_harness import Tau2Harness
from tests.support.recordings import write
from tests.support.spoken import spoken


def test_accusations_are_right_and_most_culprits_are_found(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    table, rules = user_faults(tmp_path / "user", range(1), 4)
    table += planted(tmp_path, range(1), 3) + tool_faults(tmp_path / "tools", range(1), 4)
    report(table, rules)
    assert "failed simulations" in capsys.readouterr().out
    for fault in ("judge", "tools", "infrastructure"):
        assert precision(table, fault) == 1.0
        assert recall(table, fault) >= 0.8
    assert table["user", "agent"] == 0
    assert table["user", "user"] >= 1
    assert {rule for fault, rule in rules if fault == "hangs_up"} <= {"hung up before the agent could act"}


def returned(folder: Path, words: str = "Yes, please.") -> Path:
    """A results file of retail's task 12, of whose reference a write is refused by its tool, with an agent that makes it rightly."""
    task = next(one for one in Tau2Harness.load().tasks("retail", None) if str(one.id) == "12").model_dump(mode="json")
    writes = [one for one in task["evaluation_criteria"]["actions"] if one["name"] == "return_delivered_order_items"]
    lines: list[Any] = ["U: Return them.", "A: I would return these items. Do you agree?", f"U: {words}"]
    for write_ in writes:
        refused = write_["arguments"]["order_id"] == "#W5490111"
        lines.append((write_["name"], {**write_["arguments"], **({"payment_method_id": "credit_card_3124723"} if refused else {})}, "{}"))
    (simulation,) = (data := spoken([*lines, "A: Done.", "U: ###STOP###"], []))["simulations"]
    return write(folder / "results.json", {**data, "tasks": [task], "simulations": [{**simulation, "task_id": task["id"]}]})


def test_a_reference_whose_call_is_refused_is_the_tasks_fault(tmp_path: Path) -> None:
    (row,) = records(attribution(LogAnalyzer(returned(tmp_path)).recorded))
    assert (row["fault"], row["rule"]) == ("task", "reference's call fails")
    (row,) = records(attribution(LogAnalyzer(returned(tmp_path, "What is the price?")).recorded))
    assert row["fault"] == "agent"  # who did it without a yes is not innocent


def test_a_task_that_cannot_be_solved_is_at_fault(tmp_path: Path) -> None:
    case = next(cases(LogAnalyzer(write(tmp_path / "results.json", spoken(["U: Hi.", "A: Bye."], []))).recorded))
    assert attributed(case)["fault"] == "unknown"
    vars(case)["audit_findings"] = (("reference_fails", "it scores 0"),)
    assert (attributed(case)["fault"], attributed(case)["rule"]) == ("task", "task cannot be solved")
