"""Several runs in one analysis: no figure, picture or file of one is ever that of another, or of both."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from math import comb, isnan
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from tau2_logging.analysis import RunLog, load_log
from tau2_logging.analysis.deep import LogAnalyzer
from tau2_logging.cli import analyze_timing
from tau2_logging.errors import UserError
from tests.support.recordings import action, call, results, simulation, task, write
from tests.support.report_samples import Sample
from tests.support.report_samples import write as write_log

ONE, TWO = "20261120_174501_aaaa", "20261120_174502_bbbb"
TABLES: dict[str, Callable[[RunLog], pd.DataFrame]] = {
    "latency": lambda log: log.latency("model"), "costs": RunLog.costs, "task_costs": RunLog.task_costs, "experts": RunLog.experts,
    "priced_as": lambda log: log.priced_as(["gpt-5"]), "budget": RunLog.budget, "critical_path": RunLog.critical_path,
    "stragglers": RunLog.stragglers, "concurrency": RunLog.concurrency, "latency_by_concurrency": RunLog.latency_by_concurrency,
    "context_growth": RunLog.context_growth, "outliers": RunLog.outliers, "errors": RunLog.errors,
    "simulations": lambda log: log.simulations,
    "worker_processes": RunLog.worker_processes, "model_servers": RunLog.model_servers, "repeated_calls": RunLog.repeated_calls,
}  # fmt: skip


def run_of(run: str, model: str, rewards: dict[str, float | None]) -> Sample:
    """Four simulations at a time, of one model."""
    sample = Sample(run=run, model=model, seed=len(model))
    sample.start()
    ends = [
        sample.simulation(name, at * 10.0, 3, expert=True, reward=reward, **({"status": "error"} if reward is None else {}))
        for at, (name, reward) in enumerate(rewards.items())
    ]
    sample.end(max(ends))
    return sample


@pytest.fixture(scope="module")
def log_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two runs of one file that overlap in time: another model, other outcomes, the same tasks."""
    runs = [run_of(ONE, "gpt-4.1", {"1": 1.0, "2": 1.0, "3": None, "4": None}), run_of(TWO, "gpt-4.1-mini", dict.fromkeys("1234", 0.0))]
    return write_log(tmp_path_factory.mktemp("logs") / "tau2_retail.log", runs)


def analyze(*words: object) -> int:
    """The command in this process; its exit code."""
    with pytest.raises(SystemExit) as left:
        analyze_timing.main([str(word) for word in words])
    return int(str(left.value.code))


@pytest.mark.parametrize("name", TABLES)
def test_every_table_of_several_runs_is_each_run_s_own_rows_under_its_name(log_file: Path, name: str) -> None:
    """Counts, times, percentiles, money, concurrency: equal to what the run alone gives."""
    table = TABLES[name](load_log(log_file, "all"))
    for run in (ONE, TWO):
        alone = TABLES[name](load_log(log_file, run))
        mine = table[table["run"] == run] if len(table) else table
        assert len(mine) == len(alone)
        for column in alone.drop(columns="run", errors="ignore"):
            assert mine[column].astype(str).tolist() == alone[column].astype(str).tolist(), column


def test_overlapping_runs_are_never_laid_over_each_other(log_file: Path) -> None:
    """Four at a time in each run; both began at the same minute."""
    levels = load_log(log_file, "all").concurrency()
    assert levels[levels["what"] == "simulation"]["max"].tolist() == [4.0, 4.0]


@pytest.fixture(scope="module")
def written(log_file: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    """(the folder of an analysis of both runs in every format, what the command said)."""
    out = tmp_path_factory.mktemp("out")
    with pytest.MonkeyPatch.context() as patch:
        said: list[str] = []
        patch.setattr("builtins.print", lambda *words, **more: said.append(" ".join(map(str, words))))
        assert analyze("--log_file", log_file, "--run", "all", "--output_dir", out, "--deep", "--tasks", "1", "--format", "all") == 0
    return out, "\n".join(said)


def test_no_file_overwrites_another_and_every_file_that_is_counted_is_there(written: tuple[Path, str]) -> None:
    """The command says how many files it wrote; overwritten ones would be fewer."""
    out, said = written
    [count] = re.findall(rf"^wrote (\d+) files to {re.escape(str(out))}: open {re.escape(str(out / 'report.html'))}$", said, re.MULTILINE)
    assert int(count) == len([path for path in out.rglob("*") if path.is_file()])
    for run in (ONE, TWO):
        assert {path.name for path in (out / run).glob("gantt_*.png")} == {"gantt_1.png"}


def test_the_folder_of_a_run_holds_what_an_analysis_of_that_run_alone_gives(
    written: tuple[Path, str], log_file: Path, tmp_path: Path
) -> None:
    formats = ("csv", "json", "markdown", "trace", "speedscope")
    assert analyze("--log_file", log_file, "--run", TWO, "--output_dir", tmp_path, "--deep", "--tasks", "1", "--format", *formats) == 0
    for path in tmp_path.iterdir():
        if path.name != "analysis.json":
            assert path.read_bytes() == (written[0] / TWO / path.name).read_bytes(), path.name


def test_no_report_of_several_runs_shows_a_figure_of_both(written: tuple[Path, str]) -> None:
    """2 of 2 scored in one run and 0 of 4 in the other: 2 of 6 is the success of nobody."""
    out, _ = written
    success = pd.read_csv(out / "deep_success.csv").set_index("run")
    assert success.loc[[ONE, TWO], ["solved", "simulations"]].to_numpy().tolist() == [[2, 2], [0, 4]]
    stats = json.loads((out / "stats.json").read_text())
    assert stats["by_run"][ONE]["tasks"]["headline"] == "1.000 of 2 scored; 2 of 4 ended in error (0.500 if those fail)"
    assert stats["by_run"][TWO]["tasks"]["headline"] == "0.000 of 4 scored"
    assert stats["settings_that_differ"]["agent_llm"] == ["gpt-4.1", "gpt-4.1-mini"]
    for path in sorted({*out.glob("*.csv")} - {out / "settings_that_differ.csv"}):
        assert set(pd.read_csv(path)["run"]) <= {ONE, TWO}, path.name
    deep = json.loads((out / "deep.json").read_text())["tables"]
    assert {row["run"] for table in deep.values() for row in table["rows"]} == {ONE, TWO}
    for name in ("summary.md", "deep.md", "report.html"):
        assert ONE in (out / name).read_text().replace("\\_", "_")


def test_a_broken_gate_of_any_run_breaks_the_whole(log_file: Path, tmp_path: Path) -> None:
    assert (
        analyze("--log_file", log_file, "--run", "all", "--output_dir", tmp_path, "--format", "json", "--slo", "task.error_rate:0.1") == 3
    )
    gates = {run: json.loads((tmp_path / run / "stats.json").read_text())["gates"][0]["met"] for run in (ONE, TWO)}
    assert gates == {ONE: False, TWO: True}


def test_runs_that_differ_are_not_pooled_and_the_refusal_names_what_differs(log_file: Path, capsys: Any, tmp_path: Path) -> None:
    assert analyze("--log_file", log_file, "--run", "all", "--pool", "--output_dir", tmp_path / "out", "--format", "json") == 2
    said = capsys.readouterr().err
    assert "agent_llm ('gpt-4.1' in 20261120_174501_aaaa, 'gpt-4.1-mini' in 20261120_174502_bbbb)" in said
    assert not (tmp_path / "out").exists()


def test_runs_that_agree_are_one_record_where_it_is_asked_for(tmp_path: Path) -> None:
    """pass^2 of two runs with a trial each: C(c, 2)/C(2, 2), here 1 of 4 tasks twice."""
    rewards = [{"1": 1.0, "2": 1.0, "3": 0.0, "4": 0.0}, {"1": 1.0, "2": 0.0, "3": 1.0, "4": 0.0}]
    path = write_log(tmp_path / "tau2_retail.log", [run_of(run, "gpt-4.1", one) for run, one in zip((ONE, TWO), rewards, strict=True)])
    assert analyze("--log_file", path, "--run", "all", "--pool", "--output_dir", tmp_path / "out", "--deep", "--format", "json", "csv") == 0
    found = pd.read_csv(tmp_path / "out" / "deep_pass_k.csv").set_index("k")["expected_passes"].to_dict()
    wins = [rewards[0][name] + rewards[1][name] for name in "1234"]
    assert found == {k: sum(comb(int(won), k) / comb(2, k) for won in wins) for k in (1, 2)}
    stats = json.loads((tmp_path / "out" / "stats.json").read_text())
    assert (stats["pooled"]["tasks"]["n"], stats["pooled"]["makespan"]["makespan_ms"]) == (8, None)
    assert set(pd.read_csv(tmp_path / "out" / "critical_path.csv")["run"]) == {ONE, TWO}


def test_every_file_that_is_named_is_read_though_it_holds_another_run(tmp_path: Path) -> None:
    """The latest run of each: none is left out without a word."""
    for run, model in ((ONE, "a"), (TWO, "b")):
        (tmp_path / model).mkdir()
        write_log(tmp_path / model / "tau2_retail.log", [run_of(run, model, {"1": 1.0})])
    files = [tmp_path / name / "tau2_retail.log" for name in "ab"]
    assert analyze("--log_file", *files, "--output_dir", tmp_path / "out", "--format", "csv") == 0
    assert pd.read_csv(tmp_path / "out" / "runs.csv")["run"].tolist() == [ONE, TWO]


@pytest.fixture
def two_agents(tmp_path: Path) -> list[Path]:
    """Two results files with the same tasks; the second release wants another argument of task 1."""
    old, new = ([task("1", action("cancel", id=wanted)), task("2")] for wanted in ("a", "b"))
    made = [[simulation("1", trial, [call("cancel", id="a")], 1.0) for trial in (0, 1)] + [simulation("2", 0, reward=1.0)],
            [simulation("1", trial, [call("cancel", id="a")], 0.0) for trial in (0, 1)] + [simulation("2", 0, reward=None)]]  # fmt: skip
    return [write(tmp_path / f"{name}.json", results(*both)) for name, both in {"x": (old, made[0]), "y": (new, made[1])}.items()]


def test_results_of_two_agents_keep_their_own_rates_and_reference_actions(two_agents: list[Path]) -> None:
    """No pass^k beyond the trials of one run; recall against the reference actions of the run's own release."""
    found = LogAnalyzer(two_agents)
    pass_k = found.get_reward_results()["pass_k"]
    assert pass_k.groupby("run")["k"].max().to_dict() == {"x": 2, "y": 2}
    recall = found.get_recall_results()["recall"].set_index("run")
    assert recall["made"].to_dict() == {"x": 2, "y": 0}
    parts = found.get_comprehensive_analysis()
    assert isnan(parts.pop("basic_stats")["success_rate"])  # of two agents there is none
    for tables in parts.values():
        for table in tables.values():
            for part in table.values() if isinstance(table, dict) else [table]:
                assert part.empty or "run" in part
    assert {flow["run"] for flow in found.get_sankey()} == {"x", "y"}


@pytest.mark.parametrize("pool", [False, True])
def test_results_files_without_log_have_a_folder_for_each_run_as_logs_have(two_agents: list[Path], pool: bool, tmp_path: Path) -> None:
    """What is in it is what an analysis of that file alone gives; above are the tables of both, keyed by run, or added up."""
    files = [two_agents[0], write(tmp_path / "z.json", json.loads(two_agents[0].read_text()))] if pool else two_agents
    words = ["--deep", "--format", "console", "csv", "json", "markdown", "html"]
    out = tmp_path / "out"
    assert analyze("--log_file", *files, *(["--pool"] if pool else []), "--output_dir", out, *words) == 0
    for file in files:
        alone = tmp_path / f"alone_{file.stem}"
        assert analyze("--log_file", file, "--output_dir", alone, *words) == 0
        names = {path.name for path in alone.iterdir()}
        assert {"deep.json", "deep.md", "report.html", "deep_success.csv"} <= names
        assert {path.name for path in (out / file.stem).iterdir()} == names
        for name in names - {"analysis.json", "report.html", "deep.json", "stats.json", "summary.md"}:
            assert (out / file.stem / name).read_bytes() == (alone / name).read_bytes(), name
        tables = [json.loads((folder / "deep.json").read_text())["tables"] for folder in (out / file.stem, alone)]
        assert tables[0] == tables[1]
        notes = [json.loads((folder / "stats.json").read_text())["notes"] for folder in (out / file.stem, alone)]
        assert len(notes[0]) > 1  # what this file does not hold, counted in it alone
        assert notes[0] == notes[1]
        assert [source["file"] for source in json.loads((alone / "stats.json").read_text())["files"]] == [str(file)]
    assert ("run" in pd.read_csv(out / "deep_success.csv")) is not pool


def test_results_files_whose_task_texts_differ_are_not_pooled(two_agents: list[Path]) -> None:
    with pytest.raises(UserError, match=r"the text of 1 task \(retail:1\)"):
        LogAnalyzer(two_agents, pool=True)
    assert LogAnalyzer([two_agents[0], two_agents[0]], pool=True).get_reward_results()["success"]["simulations"].tolist() == [3]
