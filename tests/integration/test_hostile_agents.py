"""Agents that do what no agent should do: each of their simulations ends with a row and an event, and none ends the run."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from tau2_logging.logger import scope
from tau2_logging.logger.scope import Outcome
from tau2_logging.runner.work import run_unit
from tau2_logging.runner.work.checkpoint import read_rows
from tests.support.in_process import run_quietly, scripted
from tests.support.run_files import RunFiles, check_times, of

registry = pytest.importorskip("tau2.registry", reason="tau2 is not installed").registry
if not hasattr(registry, "_agents"):
    pytest.skip("this release of tau2 registers agents in another way", allow_module_level=True)


@pytest.fixture(scope="module")
def hostile() -> Iterator[Any]:
    """The module of the hostile agent; its name is taken out of tau2's registry at the end."""
    from tests.support import hostile

    registry._agents.setdefault(hostile.NAME, hostile.HostileAgent)
    yield hostile
    del registry._agents[hostile.NAME]


def test_no_simulation_ends_the_run(hostile: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever an agent raises or answers, its simulation has one task_end and one row that say the same, the others finish, and --resume
    finishes the rest."""
    monkeypatch.setattr(hostile, "GOES_ON", {})
    config = replace(scripted(tmp_path, num_trials=2, max_steps=24, run_name="r"), agent=hostile.NAME)
    code, printed = run_quietly(config)
    directory = tmp_path / "runs" / "r"
    rows = {f"{row['task']}/{row['trial']}": row for row in read_rows(directory / "simulations_mock.jsonl")}
    ends = {f"{end.task}/{end.get('trial')}": end for end in of(RunFiles(tmp_path).events("mock"), "task_end")}
    attacks = json.loads(hostile.report())
    assert code == 1
    assert "Traceback" not in printed
    assert len(rows) == len(ends) == 18
    for name, end in ends.items():
        assert (end.get("status"), end.get("reward")) == (rows[name]["status"], rows[name]["reward"])
        check_times(end)
    broken = {attacks[name]: row["error"] for name, row in rows.items() if row["status"] != "ok"}
    assert broken.items() >= ERRORS.items()
    assert all(row["status"] == "ok" for name, row in rows.items() if attacks.get(name) not in hostile.ENDS)
    emoji = next(row for name, row in rows.items() if attacks.get(name) == "half an emoji")
    assert emoji["status"] == "ok"
    assert "replaced" in emoji["note"]
    assert any(message["content"] == "Thanks \ufffd ###STOP###" for message in emoji["simulation"]["messages"])
    assert emoji["note"] in (tmp_path / "eval_mock.log").read_text()
    assert "simulations hold text or values" in printed
    monkeypatch.setenv("HARMLESS", "1")
    assert run_quietly(config, resume=directory)[0] == 0
    assert len(RunFiles(tmp_path).results("mock")) == 18


ERRORS = {
    "an exception whose __str__ raises": "Speechless: (its text cannot be made: ValueError)",
    "an exception whose __str__ gives no text": "Numeric: (its text cannot be made: TypeError)",
    "an exception whose text is of a class of its own": "LoudError: loud",
    "an exception with half an emoji": "ValueError: \ufffd",
    "a BaseException": "Below: below",
    "sys.exit": "SystemExit: 3",
    "KeyboardInterrupt": "KeyboardInterrupt",
    "GeneratorExit": "GeneratorExit",
}


@pytest.mark.parametrize("place", [run_unit, scope], ids=["row", "event"])
def test_a_failure_of_our_own_ends_one_simulation(place: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """If an event or a row of a simulation cannot be made, there is a bare one of each, and the run goes on."""
    made = scope.described_error

    def described_error(outcome: Outcome, limit: int = 300) -> tuple[str, str] | None:
        if "fault" in str(outcome.error):
            raise RuntimeError("cannot be described")
        return made(outcome, limit)

    monkeypatch.setattr(place, "described_error", described_error)
    code, _ = run_quietly(scripted(tmp_path, agent={"faults": {"server_error": 0.4}}, max_retries=0))
    rows = list(read_rows(RunFiles(tmp_path).only_run() / "simulations_mock.jsonl"))
    ends = of(RunFiles(tmp_path).events("mock"), "task_end")
    assert code == 1
    assert len(rows) == len(ends) == 9
    broken = {row["task"] for row in rows if row["status"] == "error"}
    assert broken == {end.task for end in ends if end.get("status") == "error"}
    assert 0 < len(broken) < 9


@pytest.mark.parametrize("reward", [float("nan"), float("inf"), "much", object()])
def test_a_reward_that_is_no_number_is_an_error(reward: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An evaluator that gives something else than a number ends its simulation in error, without a reward, and the run goes on."""
    from tau2_logging.runner.harness.tau2_harness import Tau2Harness

    evaluate = Tau2Harness.evaluate

    def strange(self: Tau2Harness, recipe: Any, task: Any, result: Any) -> None:
        evaluate(self, recipe, task, result)
        if task.id == "create_task_1":
            result.reward_info = result.reward_info.model_copy(update={"reward": reward})

    monkeypatch.setattr(Tau2Harness, "evaluate", strange)
    code, _ = run_quietly(scripted(tmp_path, num_tasks=3))
    rows = {row["task"]: row for row in read_rows(RunFiles(tmp_path).only_run() / "simulations_mock.jsonl")}
    assert code == 1
    assert len(rows) == 3
    assert (rows["create_task_1"]["status"], rows["create_task_1"]["reward"]) == ("error", None)
    assert "not a number" in rows["create_task_1"]["error"]
    assert sum(row["status"] == "ok" for row in rows.values()) == 2
