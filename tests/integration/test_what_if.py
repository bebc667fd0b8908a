"""What-if on runs that were made, and as the command prints and writes it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tau2_logging.analysis import RunLog, load_log
from tau2_logging.analysis.measures.run_time.makespan import start_up_ms
from tau2_logging.analysis.what_if import forecasts, parse_scenario
from tau2_logging.cli import analyze_timing
from tau2_logging.runner.settings.config import SCRIPTED_JUDGE, ModelChoice
from tests.support.in_process import run_quietly, scripted

pytest.importorskip("tau2.registry", reason="tau2 is not installed")


@pytest.fixture(scope="module")
def log_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run of scripted models that take 100 ms a call, three simulations at a time."""
    folder = tmp_path_factory.mktemp("run")
    slow = {"ttft_ms": 100.0, "spread": 0.3, "seed": 4}
    assert run_quietly(scripted(folder, slow, slow, num_trials=2, max_concurrency=3))[0] == 0
    return folder / "tau2_mock.log"


@pytest.fixture(scope="module")
def log(log_file: Path) -> RunLog:
    return load_log(log_file)


def test_the_simulation_reproduces_the_wall_time_of_the_run(log: RunLog) -> None:
    (answer,) = forecasts(log, [parse_scenario(["concurrency=3"])])
    assert answer.wall_after_ms == answer.wall_replayed_ms == pytest.approx(answer.wall_before_ms, rel=0.05)


def test_one_at_a_time_takes_what_all_simulations_took_together(log: RunLog) -> None:
    """But for the start-up, and for what their threads waited for each other."""
    (answer,) = forecasts(log, [parse_scenario(["concurrency=1"])])
    together = log.simulations["duration_ms"].sum()
    assert answer.wall_after_ms == pytest.approx(together, rel=0.1)


def judged(folder: Path, **settings: Any) -> RunLog:
    """The log of a run of mock, two simulations at a time, whose judge takes longer than a conversation."""
    slow, judge = {"ttft_ms": 60.0}, ModelChoice(SCRIPTED_JUDGE, {"ttft_ms": 400.0}, named=True)
    config = scripted(folder, slow, slow, judge_model=judge, max_concurrency=2, **settings)
    assert run_quietly(config)[0] == 0
    return load_log(folder / "tau2_mock.log")


def test_judges_beside_the_simulations_are_foretold(tmp_path: Path) -> None:
    """A run with --max-evaluations is reproduced, and foretold from one without: of a few pairs of runs one, at least, since whatever else
    the machine does in one of the two makes it longer."""
    assert any(_as_foretold(tmp_path / str(pair)) for pair in range(4))


def _as_foretold(folder: Path) -> bool:
    before, after = judged(folder / "before"), judged(folder / "after", max_evaluations=2)
    (again,) = forecasts(after, [parse_scenario(["evaluations=2"])])
    (foretold,) = forecasts(before, [parse_scenario(["evaluations=2"])])
    assert again.wall_after_ms == again.wall_replayed_ms
    wall = again.wall_before_ms - (start_up_ms(after) or 0) + (start_up_ms(before) or 0)
    reproduced, close = pytest.approx(again.wall_before_ms, rel=0.05), pytest.approx(wall, rel=0.25)
    shorter = foretold.wall_after_ms < 0.9 * foretold.wall_before_ms
    return again.wall_after_ms == reproduced and foretold.wall_after_ms == close and shorter


def test_the_command_answers_each_question_on_the_terminal_and_in_the_files(
    log_file: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ["--what-if", "concurrency=16", "order=longest", "--what-if", "price=gpt-4.1-mini"]
    output = ["--output_dir", str(tmp_path), "--format", "console", "json", "markdown"]
    with pytest.raises(SystemExit) as ended:
        analyze_timing.main(["--log_file", str(log_file), *words, *output])
    assert ended.value.code == 0
    printed, summary = capsys.readouterr().out, (tmp_path / "summary.md").read_text()
    answers = json.loads((tmp_path / "stats.json").read_text())["what_if"]
    assert [answer["what_if"] for answer in answers] == ["concurrency=16 order=longest", "price=gpt-4.1-mini"]
    assert answers[0]["wall_after_ms"] < answers[0]["wall_before_ms"]
    assert answers[1]["money_after_usd"] > 0
    told = printed[printed.index("What if\n") :].partition("wrote ")[0]
    assert max(map(len, told.splitlines())) <= 110
    for text in (printed, summary):
        assert "concurrency=16 order=longest" in text
        assert "With the run's own settings the simulation takes" in text


def test_a_wrong_value_ends_the_command_before_anything_is_read(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        analyze_timing.main(["--log_file", str(tmp_path / "missing.log"), "--what-if", "order=random"])
    assert ended.value.code == 2
    assert "order=random: give one of recorded, longest, shortest" in capsys.readouterr().err
