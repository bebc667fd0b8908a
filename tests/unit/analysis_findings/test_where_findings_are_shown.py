"""Findings come first in every report, ranked, at most seven, and what a log says cannot become markup."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tau2_logging.analysis import ReportOptions, RunLog, load_log
from tau2_logging.analysis.findings import ranked
from tau2_logging.analysis.findings.finding import RECORD, SIMULATIONS, TIME, TOUCHED, Finding, Proof
from tau2_logging.analysis.findings.proof_tables import TABLES
from tau2_logging.analysis.findings.ranked import findings_of
from tau2_logging.analysis.findings.rules import RULES
from tau2_logging.analysis.reports import console, markdown, runs_overview, stats_json
from tau2_logging.analysis.reports.html.content import report_data
from tau2_logging.analysis.reports.html.pages import PAGES
from tau2_logging.analysis.reports.text.finding_lines import lines_of, shown_findings
from tests.support.report_samples import HOSTILE, Sample, hostile, pooled, write
from tests.unit.analysis.samples import log_of
from tests.unit.analysis_findings.test_failing_calls import tool_calls
from tests.unit.analysis_findings.test_solved_tasks import tasks

OPTIONS = ReportOptions()


def finding_lines(log: RunLog, width: int) -> list[str]:
    """The findings of a log as the terminal has them, however many."""
    return [line for number, found in enumerate(shown_findings(log, ReportOptions()), 1) for line in lines_of(number, found, width)]


def finding(share: float = 0.5, of: str = TIME, sentence: str = "It waits.", key: str = "waits") -> Finding:
    return Finding(key, sentence, "Do less.", share, of, Proof("errors"))


def test_findings_are_in_each_report_first_in_files_and_on_one_screen(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    log = log_of(tmp_path, tool_calls(8, 20))
    sentence = "refund failed in 8 of 20 calls (40.0 %), each time with ValueError, in 4 of 10 simulations."
    for report in (console, markdown, stats_json):
        report.write(log, tmp_path, OPTIONS)
    screen = capsys.readouterr().out.splitlines()[:30]
    summary = (tmp_path / "summary.md").read_text(encoding="utf-8")
    assert f"1. {sentence}" in screen
    assert summary.split("## ")[1].startswith("Findings")
    assert f"**{sentence}**" in summary
    assert json.loads((tmp_path / "stats.json").read_text(encoding="utf-8"))["findings"][0]["sentence"] == sentence
    [shown] = report_data(log, OPTIONS)["findings"]
    assert (shown["sentence"], shown["page"], shown["simulations"][0]) == (sentence, "trouble", ["retail:0:0", 0])


def test_the_most_important_finding_comes_first_and_all_are_in_stats_json(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    shares = [(0.3, TIME), (0.9, TOUCHED), (1.0, RECORD), (0.4, SIMULATIONS), *[(0.05, TIME)] * 6]
    found = [finding(share, of, f"number {n}") for n, (share, of) in enumerate(shares)]
    monkeypatch.setattr(ranked, "RULES", {"all": lambda run: found})
    log = log_of(tmp_path, tasks([1.0]))
    lines = [line for line in finding_lines(log, 80) if line[0].isdigit()]
    assert lines == ["1. number 3", "2. number 0", "3. number 1", "4. number 2", "5. number 4", "6. number 5", "7. number 6"]
    assert len(stats_json.statistics(log, OPTIONS)["findings"]) == 10


@pytest.mark.parametrize("width", [40, 80, 120])
def test_no_line_is_wider_than_the_terminal(tmp_path: Path, width: int) -> None:
    assert max(map(len, finding_lines(log_of(tmp_path, tasks(*[[0.0]] * 9)), width))) <= width


def test_what_a_log_says_stays_text(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    found = [finding(sentence=text) for text in HOSTILE]
    monkeypatch.setattr(ranked, "RULES", {"all": lambda run: found})
    log = load_log(write(tmp_path / "tau2_retail.log", [hostile()]))
    assert all(line.isprintable() for line in finding_lines(log, 80))
    markdown.write(log, tmp_path, OPTIONS)
    head = (tmp_path / "summary.md").read_text(encoding="utf-8").split("## ")[1]
    assert "<script>" not in head.replace("\\<script\\>", "")


def test_a_rule_that_fails_says_so_and_leaves_the_others_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(run: object) -> list[Finding]:
        raise KeyError("wait_ms")

    monkeypatch.setattr(ranked, "RULES", {"broken": broken, "good": lambda run: [finding()]})
    sentences = [found.sentence for found in findings_of(log_of(tmp_path, tasks([1.0])))]
    assert sentences == ["It waits.", "The finding broken could not be made (KeyError: 'wait_ms')."]


def test_no_rule_fails_on_an_odd_log(tmp_path: Path) -> None:
    for number, sample in enumerate((hostile(), pooled(5, 2), Sample())):
        sample.event("task_start", None, 0.0)
        log = load_log(write(tmp_path / f"tau2_{number}.log", [sample]))
        assert [found.sentence for found in findings_of(log) if "could not be made" in found.sentence] == []


def test_several_runs_are_not_pooled(tmp_path: Path) -> None:
    events = tasks(*[[0.0]] * 6)
    other = [type(e)(e.level, e.time, e.task, e.thread, e.type, {**e.fields, "run": "another"}) for e in events]
    log = log_of(tmp_path, [*events, *other], "all")
    assert findings_of(log) == ()
    assert [findings_of(one)[0].numbers["tasks"] for one in log.by_run] == [6, 6]
    runs_overview.write(log, [(one, OPTIONS) for one in log.by_run], tmp_path, "markdown", OPTIONS)
    summary = (tmp_path / "summary.md").read_text(encoding="utf-8")
    assert [line for line in summary.splitlines() if line.startswith("## Findings")] == [
        f"## Findings of {one.run_id}" for one in log.by_run
    ]


def test_every_table_that_proves_something_has_a_page() -> None:
    assert {page for page, _ in TABLES.values()} <= {*PAGES, "tasks", "overview"}


def test_every_rule_gives_findings_of_its_own_key_and_is_in_the_docs() -> None:
    text = (Path(__file__).parents[3] / "docs" / "findings.md").read_text(encoding="utf-8")
    assert [key for key in RULES if f"| `{key}` |" not in text] == []
