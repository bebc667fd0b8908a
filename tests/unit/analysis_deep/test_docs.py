"""docs/deep_analysis.md names what there is, and its example runs."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tau2_logging.analysis.deep import LogAnalyzer
from tau2_logging.analysis.deep.root_causes import CAUSES
from tau2_logging.analysis.deep.table_kinds import TABLES
from tau2_logging.analysis.deep.tool_calls.taxonomy import KINDS, RULES
from tests.support.recordings import action, call, results, simulation, task, write

MANUAL = (Path(__file__).parents[3] / "docs/deep_analysis.md").read_text(encoding="utf-8")


def test_every_table_cause_kind_and_method_is_in_the_manual() -> None:
    assert [kind.key for kind in TABLES if f"`{kind.key}`" not in MANUAL] == []
    assert [name for name, _, _ in CAUSES if f"| {name} |" not in MANUAL] == []
    assert [kind for kind in KINDS if f"| {kind} |" not in MANUAL] == []
    assert {rule.kind for rule in RULES} <= set(KINDS)
    assert [name for name in dir(LogAnalyzer) if name.startswith("get_") and f"`{name}`" not in MANUAL] == []


def test_the_example_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    folder = tmp_path / "logs/runs/example"
    folder.mkdir(parents=True)
    write(folder / "results_retail.json", results([task("7", action("pay", amount=5))], [simulation("7", 0, [call("pay", amount=6)], 0.0)]))
    monkeypatch.chdir(tmp_path)
    [block] = re.findall(r"```python\n(.*?)```", MANUAL, re.DOTALL)
    exec(compile(block, "docs/deep_analysis.md", "exec"), {})
    assert "wrong arguments" in capsys.readouterr().out
