"""The rules on scripted simulations whose culprit is known: the small version of `python -m benchmarks.attribution scripted`."""

from __future__ import annotations

from pathlib import Path

import pytest

from benchmarks.attribution.scripted import planted, precision, recall, report, tool_faults, user_faults


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
