"""Tasks of two releases or data folders compared, and a changed data folder examined."""

from __future__ import annotations

import importlib
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("tau2.registry", reason="tau2 is not installed")

from tau2_logging.cli import audit
from tests.support.forked import run_forked
from tests.support.patience import LONG_S

ROOT = Path(__file__).resolve().parents[2]


def mock_tasks(folder: Path) -> Any:
    """The tasks of a folder."""
    return json.loads((folder / "tau2/domains/mock/tasks.json").read_text(encoding="utf-8"))


@pytest.fixture(scope="module")
def changed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A data folder like tau2's own, with mock alone: a text, a reference and what counts are other ones, and a task is missing."""
    own = Path(importlib.import_module("tau2.domains.mock.utils").MOCK_DATA_DIR)
    folder = tmp_path_factory.mktemp("data")
    shutil.copytree(own, folder / "tau2/domains/mock")
    tasks = mock_tasks(folder)
    tasks[0]["evaluation_criteria"]["actions"] = []
    tasks[1]["user_scenario"]["instructions"] = "Another text."
    tasks[2]["evaluation_criteria"]["reward_basis"] = ["COMMUNICATE"]
    (folder / "tau2/domains/mock/tasks.json").write_text(json.dumps(tasks[:-1]), encoding="utf-8")
    return folder


def test_what_differs_is_told_task_by_task(changed: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert audit.main(["--domains", "mock", "--changed-from", str(changed), "--output-dir", str(tmp_path)]) == 0
    said = capsys.readouterr().out
    assert "mock: 3 tasks differ, 5 are the same (text 1, reference 1, basis 1)" in said
    found = json.loads((tmp_path / "audit/changes.json").read_text(encoding="utf-8"))["domains"]["mock"]
    tasks = mock_tasks(changed)
    assert [(one["id"], list(one["parts"])) for one in found["changed"]] == [
        (tasks[0]["id"], ["reference"]), (tasks[1]["id"], ["text"]), (tasks[2]["id"], ["basis"])
    ]  # fmt: skip
    assert found["changed"][0]["parts"]["reference"]["there"] == []
    assert len(found["only_here"]) == 1
    assert "| reference |" in (tmp_path / "audit/changes.md").read_text(encoding="utf-8")


@pytest.mark.thorough
def test_another_interpreter_is_asked_for_its_tasks(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert audit.main(["--domains", "mock", "--changed-from", sys.executable, "--output-dir", str(tmp_path)]) == 0
    assert "mock: 0 tasks differ, 9 are the same" in capsys.readouterr().out


@pytest.mark.parametrize("where", ["nowhere", str(ROOT), "/bin/false"])
def test_what_has_no_tasks_is_one_line(where: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert audit.main(["--domains", "mock", "--changed-from", where, "--output-dir", str(tmp_path)]) == 2
    assert len(capsys.readouterr().err.strip().splitlines()) == 1


def test_a_changed_data_folder_is_examined(changed: Path, tmp_path: Path) -> None:
    """By a release that reads its own data, whatever TAU2_DATA_DIR says."""
    command = [sys.executable, "-m", "tau2_logging", "audit", "--domains", "mock", "--output-dir", str(tmp_path)]
    environment = {**os.environ, "TAU2_DATA_DIR": str(changed)}
    done = subprocess.run(command, capture_output=True, text=True, cwd=ROOT, env=environment, timeout=LONG_S, check=False)
    assert done.returncode == 0, done.stderr
    data = json.loads((tmp_path / "audit/mock.json").read_text(encoding="utf-8"))
    assert data["release"].endswith(f"data of {changed}")
    kinds = {task["id"]: {finding["kind"] for finding in task["findings"]} for task in data["tasks"]}
    assert len(kinds) == 8
    assert "idle_passes" in kinds[mock_tasks(changed)[0]["id"]]
    environment["TAU2_DATA_DIR"] = str(tmp_path)
    refused = run_forked(command, cwd=ROOT, env=environment, timeout=LONG_S)
    assert refused.returncode == 2
    assert "has no folder tau2/domains" in refused.stderr


REGISTERS = """
from tau2.registry import registry
registry.register_domain(registry.get_env_constructor("mock"), "mine")
registry.register_tasks(lambda: registry.get_tasks_loader("mock")()[:3], "mine")
"""


@pytest.mark.parametrize("workers", ["1", pytest.param("2", marks=pytest.mark.thorough)])
def test_a_domain_of_ones_own_is_examined_by_every_process(workers: str, tmp_path: Path) -> None:
    (tmp_path / "my_domain.py").write_text(REGISTERS, encoding="utf-8")
    words = ["--domains", "mine", "--load", "my_domain", "--workers", workers, "--output-dir", str(tmp_path)]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(ROOT), str(tmp_path)])}
    command = [sys.executable, "-m", "tau2_logging", "audit", *words]
    done = run_forked(command, cwd=tmp_path, env=environment, timeout=LONG_S)
    assert done.returncode == 0, done.stderr
    data = json.loads((tmp_path / "audit/mine.json").read_text(encoding="utf-8"))
    assert [task["id"] for task in data["tasks"]] == ["create_task_1", "create_task_1_with_env_assertions", "create_task_1_nl_eval"]
    assert data["reference"] == {"solved": 2, "of": 2}
