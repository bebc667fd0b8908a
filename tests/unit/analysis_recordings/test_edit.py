"""Results files put together and thinned out stay results files of tau2."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tau2_logging.analysis.recordings.edit import merged
from tau2_logging.cli import results
from tau2_logging.errors import UserError
from tests.unit.analysis_recordings.test_tau2_results import V01, file, simulation, written


def command(*words: object) -> int:
    """The exit code of the command."""
    with pytest.raises(SystemExit) as left:
        results.main([str(word) for word in words])
    return int(left.value.code or 0)


def keys(path: Path) -> list[tuple[str, int]]:
    data = json.loads(path.read_text())
    assert {task["id"] for task in data["tasks"]} == {one["task_id"] for one in data["simulations"]}
    return [(one["task_id"], one["trial"]) for one in data["simulations"]]


def test_merging_keeps_every_simulation_once(tmp_path: Path) -> None:
    """The same one of two files is one; another one with the same trial gets the next free number."""
    first = written(tmp_path / "a.json", file([simulation("0", [], trial=0), simulation("1", [], trial=0)]))
    again = simulation("0", [], trial=0)
    other = {**simulation("1", [], trial=0), "id": "another"}
    second = written(tmp_path / "b.json", file([again, other, simulation("2", [], trial=1)]))
    assert command("merge", first, second, "-o", tmp_path / "m.json") == 0
    assert keys(tmp_path / "m.json") == [("0", 0), ("1", 0), ("1", 1), ("2", 1)]
    assert json.loads((tmp_path / "m.json").read_text())["info"]["num_trials"] == 2


def test_the_folder_of_a_run_is_its_results_file(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """If it holds the results of one domain; of several one has to be named, and a folder without any is said to be one."""
    run = tmp_path / "run"
    run.mkdir()
    assert command("filter", run, "-o", tmp_path / "a.json", "--solved") == 2
    assert f"no results in {run}" in capsys.readouterr().err
    written(run / "results_retail.json", file([simulation("0", [], trial=0)]))
    assert command("to-log", run, "-o", tmp_path / "log") == 0
    written(run / "results_airline.json", file([simulation("0", [], trial=0)]))
    assert command("to-log", run, "-o", tmp_path / "other") == 2
    assert "name one: results_airline.json, results_retail.json" in capsys.readouterr().err


def test_files_that_do_not_belong_together_are_not_merged(tmp_path: Path) -> None:
    """Another agent's model; a task told differently, as data versions do."""
    first = written(tmp_path / "a.json", file([V01]))
    with pytest.raises(UserError, match=r"agent_info\.llm is 'other' there"):
        merged([first, written(tmp_path / "b.json", file([V01], agent="other"))])
    with pytest.raises(UserError, match="the versions of the data differ"):
        merged([first, written(tmp_path / "c.json", file([V01], [{"id": "0", "description": "new"}]))])


@pytest.mark.parametrize(
    ("flags", "expected"),
    [
        (["--solved"], [("0", 0), ("2", 1)]),
        (["--failed"], [("1", 0), ("3", 0)]),
        (["--task-ids", "2", "0"], [("0", 0), ("2", 1)]),
        (["--trials", "1"], [("2", 1)]),
        (["--termination", "max_steps", "--failed"], [("1", 0)]),
    ],
)
def test_a_filter_keeps_what_it_says(flags: list[str], expected: list[Any], tmp_path: Path) -> None:
    """By outcome (not evaluated is not solved), task, trial, end; tasks without a simulation go too."""
    whole = [
        simulation("0", [], trial=0),
        simulation("1", [], trial=0, reward_info={"reward": 0.0}, termination_reason="max_steps"),
        simulation("2", [], trial=1),
        simulation("3", [], trial=0, reward_info=None),
    ]
    path = written(tmp_path / "a.json", file(whole))
    assert command("filter", path, *flags, "-o", tmp_path / "f.json") == 0
    assert keys(tmp_path / "f.json") == expected


def test_nothing_is_overwritten_unasked(tmp_path: Path, capsys: Any) -> None:
    """Neither results nor logs; and a filter that takes nothing is a mistake."""
    path = written(tmp_path / "a.json", file([V01]))
    assert command("filter", path, "--task-ids", "0", "-o", path) == 2
    assert command("filter", path, "--task-ids", "none", "-o", tmp_path / "n.json") == 2
    assert command("to-log", path, "-o", tmp_path) == 0
    assert command("to-log", path, "-o", tmp_path) == 2
    assert command("to-log", path, "-o", tmp_path, "--force") == 0
    errors = [line for line in capsys.readouterr().err.splitlines() if ": error: " in line]
    assert len(errors) == 3
    assert not (tmp_path / "n.json").exists()


def test_a_folder_of_v1_is_its_results_file(tmp_path: Path) -> None:
    """Simulations lie beside results.json there; what is made of them holds them itself."""
    written(tmp_path / "run" / "simulations" / "a.json", simulation("0", V01["messages"], trial=0))
    written(tmp_path / "run" / "results.json", {**file([]), "tasks": [{"id": "0"}]})
    assert command("filter", tmp_path / "run", "--solved", "-o", tmp_path / "out.json") == 0
    assert keys(tmp_path / "out.json") == [("0", 0)]
    assert command("to-log", tmp_path / "run", "-o", tmp_path / "logs") == 0
    assert "run=run" in (tmp_path / "logs" / "tau2_retail.log").read_text()
