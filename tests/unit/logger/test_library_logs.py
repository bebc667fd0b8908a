"""Logs that a person's own script makes: in any folder, of simulations that no plan numbers, and as good for the analysis as ours."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from tau2_logging.cli import analyze_timing
from tau2_logging.instrument.simulations.trials import Trials
from tau2_logging.logger import EventLogger, simulation_scope
from tau2_logging.sinks import DomainFiles

ROOT = Path(__file__).resolve().parents[3]


def test_a_log_without_trial_in_a_folder_that_was_not_there_is_analyzed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every format and the deep analysis, by the command that the README names."""
    monkeypatch.chdir(tmp_path)
    logger = EventLogger("my-run", [DomainFiles(Path("logs"), ["mock"], level=15)])
    with simulation_scope(logger, "mock", "create_task_1", seed=7) as simulation:
        simulation.emit("llm_call", {"model": "m", "start_ms": 1.0, "duration_ms": 2.0, "error": False, "step": 0})
        simulation.emit("tool_call", {"function": "create_task", "start_ms": 3.0, "duration_ms": 1.0, "error": False, "step": 1})
    logger.close()
    with pytest.raises(SystemExit) as left:
        analyze_timing.main(["--log_file", "logs/tau2_mock.log", "--output_dir", "analysis_results/", "--deep"])
    assert left.value.code == 0
    assert {"report.html", "deep.json", "run_overview.png", "events.parquet"} <= {path.name for path in Path("analysis_results").iterdir()}


def test_trials_of_a_task_are_numbered_by_their_seeds() -> None:
    """tau2's runner repeats a task with another seed; with the same seed it is the same trial, tried again."""
    trials = Trials()
    starts = [("mock", "a", 1), ("mock", "b", 1), ("mock", "a", 2), ("mock", "a", 1), ("retail", "a", 2), ("mock", "a", None)]
    assert [trials.number(*start) for start in starts] == [0, 0, 1, 0, 0, 2]


@pytest.mark.parametrize("folder", ["logs", "analysis_results"])
def test_a_checkout_has_the_folder_and_git_ignores_what_is_in_it(folder: str) -> None:
    if not (ROOT / ".git").exists():
        pytest.skip("not a checkout")
    kept = subprocess.run(["git", "ls-files", folder], cwd=ROOT, capture_output=True, text=True, check=True).stdout.split()
    assert kept == [f"{folder}/.gitignore"]
    ignored = subprocess.run(["git", "check-ignore", "-q", f"{folder}/tau2_retail.log"], cwd=ROOT, check=False)
    assert ignored.returncode == 0
