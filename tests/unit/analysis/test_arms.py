"""A run that compares arms: nothing shows a rate over them."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from tau2_logging.analysis import ReportOptions, load_log
from tau2_logging.analysis.deep import LogAnalyzer
from tau2_logging.analysis.measures.comparison.arms import arms_table
from tau2_logging.analysis.reports import load_report
from tau2_logging.analysis.reports.html.deep import tiles
from tau2_logging.analysis.reports.output import write_reports
from tau2_logging.analysis.reports.text.sections.groups import all_sections
from tests.support.recordings import results, simulation, task
from tests.support.recordings import write as write_results
from tests.support.report_samples import Sample, write

REWARDS: dict[str, list[float | None]] = {"retail@control": [1.0, 1.0, 0.0, 0.0], "retail@anger": [1.0, None, None]}
SAID = {
    "retail@control": "0.500 of 4 scored",
    "retail@anger": "1.000 of 1 scored; 2 of 3 ended in error (0.333 if those fail)",
}
OVER_ALL = "0.600 of 5"
"""3 of 5: the rate of neither arm."""


def arm(domain: str, rewards: list[float | None]) -> Sample:
    """Its simulations, four at a time."""
    sample = Sample(domain=domain, seed=len(domain))
    sample.start()
    ends = [
        sample.simulation(str(task), 10.0 * task, 2, reward=reward, **({"status": "error"} if reward is None else {}))
        for task, reward in enumerate(rewards)
    ]
    sample.end(max(ends))
    return sample


@pytest.fixture(scope="module")
def log_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write(tmp_path_factory.mktemp("logs") / "tau2_retail.log", [arm(*pair) for pair in REWARDS.items()])


@pytest.fixture(scope="module")
def out(log_file: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of the reports that are text."""
    folder = tmp_path_factory.mktemp("out")
    made = write_reports(load_log(log_file), folder, [load_report(name) for name in ("csv", "json", "markdown", "html")], ReportOptions())
    assert not made.failures
    return folder


def page_data(path: Path) -> dict[str, Any]:
    data: dict[str, Any] = json.loads(re.search(r'<script[^>]*id="data"[^>]*>(.*?)</script>', path.read_text(), re.DOTALL)[1])  # type: ignore[index]
    return data


def test_each_arm_has_its_own_outcome_length_and_cost(log_file: Path) -> None:
    """Recounted from the simulations and from all calls' prices."""
    log = load_log(log_file)
    found = arms_table(log).set_index("domain")
    for domain, rewards in REWARDS.items():
        known = [reward for reward in rewards if reward is not None]
        row = found.loc[domain]
        assert (row["simulations"], row["scored"], row["solved"], row["mean_reward"]) == (
            len(rewards), len(known), sum(known), sum(known) / len(known),
        )  # fmt: skip
        assert row["outcome"] == SAID[domain]
        ends = log.select(["domain", "duration_ms"], types=["task_end"])
        assert row["median_ms"] == ends.loc[ends["domain"] == domain, "duration_ms"].median()
        calls = log.calls[log.calls["domain"] == domain]
        assert row["cost_usd"] == pytest.approx(calls["cost_usd"].sum())


def test_a_run_without_arms_has_no_table_of_them(tmp_path: Path) -> None:
    assert arms_table(load_log(write(tmp_path / "tau2_retail.log", [arm("retail", [1.0, 0.0])]))).empty


def test_the_page_has_an_outcome_and_a_time_budget_for_each_arm_and_none_for_both(out: Path) -> None:
    data = page_data(out / "report.html")
    rewards = {what: (value, more) for what, value, more in data["tiles"] if what.startswith("mean reward")}
    assert rewards == {
        "mean reward, retail@control": ("0.500", f"{SAID['retail@control']}; 2 solved"),
        "mean reward, retail@anger": ("1.000", f"{SAID['retail@anger']}; 1 solved"),
    }
    assert "a simulation" not in [what for what, *_ in data["tiles"]]
    budget = pd.read_csv(out / "time_budget.csv")
    totals = {one["name"]: one["total"] for one in data["budgets"]}
    assert totals == {domain: pytest.approx(mine["duration_ms"].sum(), abs=0.1) for domain, mine in budget.groupby("domain")}
    [table] = data["pages"]["overview"]
    assert table["title"] == "Arms"
    assert len(table["rows"]) == 2


def test_runs_with_arms_are_compared_arm_by_arm(log_file: Path) -> None:
    log = load_log(log_file)
    totals = log.compare(log).totals.set_index("what")
    assert {name: row["this"] for name, row in totals.iterrows() if "reward" in name and "pairs" not in name} == {
        "mean reward, retail@control": 0.5, "mean reward, retail@anger": 1.0,
    }  # fmt: skip
    assert totals.loc[["solved, retail@control", "solved, retail@anger"], "other"].tolist() == [2.0, 1.0]


def test_a_page_of_results_files_alone_has_a_rate_for_each_arm(tmp_path: Path) -> None:
    rewards = {"retail@control": [1.0, 0.0], "retail@anger": [1.0, 1.0]}
    (tmp_path / "run.json").write_text("{}")
    files = []
    for domain, own in rewards.items():
        simulations = [simulation("1", trial, reward=reward) for trial, reward in enumerate(own)]
        files.append(write_results(tmp_path / f"results_{domain}.json", results([task("1")], simulations)))
    found = {what: value for what, value, _ in tiles(LogAnalyzer(files)) if what.startswith("solved")}
    assert found == {f"solved, {domain}": f"{int(sum(own))} of 2" for domain, own in rewards.items()}


def test_no_text_shows_a_rate_over_both_arms(out: Path, log_file: Path) -> None:
    stats = json.loads((out / "stats.json").read_text())
    assert stats["tasks"]["mean_reward"] is None
    assert {arm: found["headline"] for arm, found in stats["tasks"]["by_arm"].items()} == SAID
    assert [row["domain"] for row in stats["arms"]] == list(REWARDS)
    run = next(iter(all_sections(load_log(log_file), ReportOptions())))
    shown = {str(row[0]): row[1] for row in run.rows}
    assert {name.partition(", ")[2]: said for name, said in shown.items() if name.startswith("mean reward")} == SAID
    for path in (out / "summary.md", out / "runs.csv"):
        assert OVER_ALL not in path.read_text()
        assert all(said in path.read_text() for said in SAID.values())
    assert pd.read_csv(out / "arms.csv")["solved"].tolist() == [2, 1]
