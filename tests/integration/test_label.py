"""`tau2-logging label`: a label beside the run, and the agreement of the rules with labels in the deep report."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tau2_logging.analysis import LogAnalyzer
from tau2_logging.analysis.deep.attribution.agreement.label_agreement import kappa, label_agreement
from tau2_logging.cli import label
from tests.support.recordings import write
from tests.unit.analysis_deep.test_fault_rules import APPLY


@pytest.fixture
def recorded(tmp_path: Path) -> Path:
    return write(tmp_path / "results.json", APPLY["hung up before the agent could act"][1])


def test_a_label_is_a_line_beside_the_file_and_counts_in_the_report(recorded: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert label.main([str(recorded), "1", "--fault", "agent", "--turn", "2", "--note", "first try"]) == 0
    assert "user (hung up" in capsys.readouterr().out
    assert label.main([str(recorded), "1", "--fault", "user"]) == 0  # the last one counts
    rows = [json.loads(line) for line in (recorded.parent / "labels.jsonl").read_text().splitlines()]
    assert rows[0] == {
        "run": recorded.parent.name,
        "domain": "retail",
        "task": "1",
        "trial": 0,
        "fault": "agent",
        "turn": 2,
        "note": "first try",
    }
    table = label_agreement(LogAnalyzer(recorded).recorded)
    assert table[["fault", "said", "right", "labelled"]].to_dict("records") == [{"fault": "user", "said": 1, "right": 1, "labelled": 1}]
    assert {"label_agreement", "label_confusion"} <= {one.kind.key for one in LogAnalyzer(recorded).tables}


@pytest.mark.parametrize(
    ("words", "says"), [(["2", "--fault", "user"], "no simulation of task '2'"), (["1", "--trial", "3", "--fault", "user"], "no trial 3")]
)
def test_what_is_not_there_is_named(recorded: Path, words: list[str], says: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert label.main([str(recorded), *words]) == 2
    assert says in capsys.readouterr().err
    assert not (recorded.parent / "labels.jsonl").exists()


def test_a_folder_of_several_runs_is_refused_and_its_runs_are_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Which simulation is meant would be unknown, and no analysis would read the label."""
    run = tmp_path / "logs" / "runs" / "first"
    run.mkdir(parents=True)
    write(run / "results_retail.json", APPLY["hung up before the agent could act"][1])
    write(run / "run.json", {})
    (tmp_path / "logs" / "tau2_retail.log").write_text("")
    assert label.main([str(tmp_path / "logs"), "1", "--fault", "user"]) == 2
    said = capsys.readouterr().err
    assert f"is not the folder of one run; name a results file of tau2, or a folder that holds one; there are {run}" in said
    assert label.main([str(run), "1", "--fault", "user"]) == 0


def test_kappa_is_that_of_the_textbook() -> None:
    """Cohen (1960): 25 of 50 both yes, 10 both no, 5 and 10 apart: (0.7 - 0.54) / (1 - 0.54)."""
    pairs = [("a", "a")] * 25 + [("b", "b")] * 10 + [("a", "b")] * 5 + [("b", "a")] * 10
    expected = 30 / 50 * 35 / 50 + 20 / 50 * 15 / 50
    assert kappa(pairs) == pytest.approx((0.7 - expected) / (1 - expected))
    assert kappa([]) != kappa([])
    assert kappa([("a", "a")]) != kappa([("a", "a")])
