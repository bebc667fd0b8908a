"""The folder of a run: its name, its lock, and what of an earlier start still counts."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from tau2_logging.errors import UserError
from tau2_logging.runner.settings.config import RunConfig
from tau2_logging.runner.settings.saved_run import write_run
from tau2_logging.runner.work.run_folder import RunFolder, locked_folder, new_folder, resumed_folder, within_plan
from tau2_logging.runner.work.run_plan import RunPlan, Unit

SEEDS = (11, 12)


def config(log_dir: Path, name: str | None = None) -> RunConfig:
    return RunConfig(domains=("mock",), log_dir=log_dir, run_name=name)


def plan(tasks: int = 2, seeds: tuple[int, ...] = SEEDS) -> RunPlan:
    """Every task once with each seed."""
    units = (Unit("mock", SimpleNamespace(id=str(task)), trial, seed) for task in range(tasks) for trial, seed in enumerate(seeds))
    return RunPlan(tuple(units), seeds, {}, {})


def begun(**done: int | None) -> RunFolder:
    """A resumed run whose tasks are done in trial 0 with these seeds (`t0=11`)."""
    rows: dict[tuple[str, str, int], dict[str, Any]] = {("mock", name[1:], 0): {"seed": seed} for name, seed in done.items()}
    return RunFolder("r", Path("logs/runs/r"), 1.0, rows, True, SEEDS)


@pytest.mark.parametrize("name", ["a/b", ".", "..", "line\nbreak", "\x1b[2J"])
def test_a_name_that_can_be_no_folder_is_refused(name: str, tmp_path: Path) -> None:
    with pytest.raises(UserError, match="cannot name a folder; use letters"):
        new_folder(config(tmp_path, name))
    assert list(tmp_path.iterdir()) == []


def test_a_run_without_a_name_gets_one_of_its_own(tmp_path: Path) -> None:
    """Of two that start in the same second, too; nothing is made before its lock is asked for."""
    names = {new_folder(config(tmp_path)).run_id for _ in range(20)}
    assert len(names) == 20
    assert list(tmp_path.iterdir()) == []


def test_a_name_that_is_taken_is_refused_with_both_ways_out(tmp_path: Path) -> None:
    with locked_folder(config(tmp_path, "r"), ["mock"], None) as (folder, _):
        write_run(folder.directory, {"run_id": "r", "config": {}, "started_wall": 1.0, "trial_seeds": []})
    with pytest.raises(UserError, match=r"run 'r' exists already.*another name, or --resume .*runs/r"):
        new_folder(config(tmp_path, "r"))


def test_the_lock_is_held_inside_the_block_and_left_however_it_ends(tmp_path: Path) -> None:
    def fails() -> None:
        with locked_folder(config(tmp_path, "r"), ["mock"], None) as (folder, _):
            with pytest.raises(UserError, match="still running"), locked_folder(config(tmp_path, "r"), ["mock"], None):
                raise AssertionError("two have it")
            assert not folder.resumed
            raise ValueError("the run fails")

    with pytest.raises(ValueError, match="the run fails"):
        fails()
    with locked_folder(config(tmp_path, "r"), ["mock"], None) as (folder, _):
        assert folder.directory == tmp_path / "runs" / "r"


def test_a_resumed_run_has_what_is_in_its_folder(tmp_path: Path) -> None:
    """Its name, start and seeds from run.json, and what cannot be read of its checkpoint (of rows that can: test_checkpoint_rows.py)."""
    directory = tmp_path / "runs" / "r"
    directory.mkdir(parents=True)
    write_run(directory, {"run_id": "r", "config": {}, "started_wall": 5.0, "trial_seeds": [11, 12]})
    (directory / "simulations_mock.jsonl").write_text("5\n")
    found = resumed_folder(["mock"], directory)
    assert (found.run_id, found.started_wall, found.seeds, found.resumed, found.done) == ("r", 5.0, SEEDS, True, {})
    assert [text.partition(":")[0] for text in found.damaged] == ["simulations_mock.jsonl, line 1"]


def test_what_is_done_of_the_plan_is_kept() -> None:
    found = within_plan(begun(t0=11, t1=None), plan())
    assert found.done.keys() == {("mock", "0", 0), ("mock", "1", 0)}
    assert found.damaged == ()


def test_a_simulation_that_is_not_of_the_plan_is_named_and_left_out() -> None:
    found = within_plan(begun(t0=11, t9=11), plan())
    assert found.done.keys() == {("mock", "0", 0)}
    assert found.damaged == ("task 9 trial 0 of mock is not a simulation of this run",)


@pytest.mark.parametrize(
    ("folder", "seeds", "said"),
    [
        (begun(t0=99), SEEDS, "task 0 trial 0 ran with seed 99, not 11"),
        (begun(), (11, 13), "its trials began with the seeds 11, 12, and its settings now give 11, 13"),
        (begun(), (7, 8, 9, 10, 11), "settings now give 7, 8, 9, 10, ..."),
    ],
)
def test_another_seed_is_refused(folder: RunFolder, seeds: tuple[int, ...], said: str) -> None:
    with pytest.raises(UserError, match="run r cannot go on with another seed") as refused:
        within_plan(folder, plan(seeds=seeds))
    assert said in str(refused.value)


@pytest.mark.parametrize("seeds", [(11,), (11, 12, 13)])
def test_a_run_may_go_on_with_fewer_or_more_trials(seeds: tuple[int, ...]) -> None:
    assert within_plan(begun(t0=11), plan(seeds=seeds)).done.keys() == {("mock", "0", 0)}


def test_a_run_that_starts_is_not_compared_with_a_plan() -> None:
    folder = replace(begun(), resumed=False)
    assert within_plan(folder, plan(seeds=(1, 2))) is folder
