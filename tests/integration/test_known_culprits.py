"""The rules on scripted simulations whose culprit is known: the small version of `python -m benchmarks.attribution scripted`."""

from __future__ import annotations

from pathlib import Path

import pytest

from benchmarks.attribution.scripted import planted, precision, recall, report, tool_faults, user_faults
from tau2_logging.analysis import LogAnalyzer
from tau2_logging.analysis.deep.attribution.attribute import attributed, cases
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


def test_a_task_that_cannot_be_solved_is_at_fault(tmp_path: Path) -> None:
    case = next(cases(LogAnalyzer(write(tmp_path / "results.json", spoken(["U: Hi.", "A: Bye."], []))).recorded))
    assert attributed(case)["fault"] == "unknown"
    vars(case)["audit_findings"] = (("reference_fails", "it scores 0"),)
    assert (attributed(case)["fault"], attributed(case)["rule"]) == ("task", "task cannot be solved")
