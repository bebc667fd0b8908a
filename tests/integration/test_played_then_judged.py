"""A conversation is played once and kept; its evaluation is a second step, which can be made again alone."""

from __future__ import annotations

import json
import shutil
from collections import Counter
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from tau2_logging.analysis import load_log
from tau2_logging.analysis.conversations.results_source import told_by_checkpoint
from tau2_logging.analysis.deep.reading.files.results_files import read_checkpoint
from tau2_logging.events import Event
from tau2_logging.runner.settings.config import SCRIPTED_JUDGE, ModelChoice, RunConfig
from tau2_logging.runner.settings.saved_run import saved_config
from tau2_logging.runner.work.checkpoint import PLAYED, finished, read_rows
from tests.support.executors import EXECUTORS, essence
from tests.support.in_process import run_quietly, scripted
from tests.support.litellm_clients import LEFT_OPEN
from tests.support.run_files import RunFiles, of
from tests.support.thorough import scaled

pytest.importorskip("tau2.registry", reason="tau2 is not installed")
pytestmark = LEFT_OPEN

TASKS = 6
FAILING = {"faults": {"server_error": 0.25, "malformed_json": 0.25}, "seed": 1}
"""Half of the judge's calls fail: it does not answer, or says half a sentence."""
CONVERSATION_TYPES = ("llm_call", "user_sim", "tool_call", "step_complete")


def airline(log_dir: Path, judge: dict[str, Any] | None = None, **settings: Any) -> RunConfig:
    """A run of airline, of which each task has assertions for a judge."""
    chosen = {"domains": ("airline",), "num_tasks": TASKS, "max_retries": 0, "run_name": "r", **settings}
    return scripted(log_dir, judge_model=ModelChoice(SCRIPTED_JUDGE, judge or {}, named=False), **chosen)


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The log directory of a run whose judge works."""
    log_dir = tmp_path_factory.mktemp("whole")
    code, said = run_quietly(airline(log_dir))
    assert code == 0, said
    return log_dir


def lines_of(log_dir: Path) -> list[Event]:
    return RunFiles(log_dir).events("airline")


def resumed(log_dir: Path, **changes: Any) -> tuple[int, str, list[Event]]:
    """Resume with a judge that works; exit code, what was printed, the events of this start."""
    before = len(lines_of(log_dir))
    directory = log_dir / "runs" / "r"
    config = replace(saved_config(directory), judge_model=ModelChoice(SCRIPTED_JUDGE), progress=False, **changes)
    code, said = run_quietly(config, directory)
    return code, said, lines_of(log_dir)[before:]


STARTS = [(executor, executor) for executor in EXECUTORS[: scaled(2, 3)]]
"""Executors of the start whose judge fails and of the one that asks it again; Ray, which takes half a minute to start, if thorough."""


@pytest.mark.parametrize(("executor", "later"), STARTS)
def test_a_failed_judge_is_asked_again_alone(whole: Path, tmp_path: Path, executor: str, later: str) -> None:
    """A judge fails in half of its calls; --resume makes no call of agent, user or tool; the results are those of a judge that works."""
    code, said = run_quietly(airline(tmp_path, FAILING, executor=executor, workers=None if executor == "threads" else 1))
    assert code == 1, said
    rows = [json.loads(line) for line in (tmp_path / "runs/r/simulations_airline.jsonl").read_text().splitlines()]
    statuses = Counter(row["status"] for row in rows)
    assert statuses[PLAYED] == TASKS
    assert statuses["error"] >= 1
    code, said, events = resumed(tmp_path, executor=later, workers=None if later == "threads" else 1)
    assert code == 0, said
    assert f"{statuses['error']} are played and are only evaluated" in said
    assert of(events, *CONVERSATION_TYPES) == []
    assert len(of(events, "evaluator")) == statuses["error"] == len(of(events, "task_end"))
    assert all(event.get("played_before") for event in of(events, "task_start"))
    rows = load_log(tmp_path / "tau2_airline.log").simulations
    calls = Counter(str(event.task) for event in of(lines_of(tmp_path), "llm_call"))
    assert dict(zip(rows["task"], rows["llm_calls"], strict=True)) == calls
    assert essence(RunFiles(tmp_path).results("airline")) == essence(RunFiles(whole).results("airline"))


def test_an_answer_that_cannot_be_read_is_asked_for_once_more(tmp_path: Path) -> None:
    """In the same start, without a new conversation: two calls of the judge, one result."""
    code, _ = run_quietly(airline(tmp_path, {"faults": {"malformed_json": 0.3}, "seed": 1}))
    ends = {event.task: event for event in of(lines_of(tmp_path), "task_end")}
    asked = Counter(event.task for event in of(lines_of(tmp_path), "evaluator"))
    again = {task for task, number in asked.items() if number == 2 and ends[task].get("status") == "ok"}
    assert again, asked
    assert len(ends) == TASKS
    assert code == int(any(event.get("status") != "ok" for event in ends.values()))
    for task in again:
        assert [event.get("error") for event in of(lines_of(tmp_path), "evaluation") if event.task == task] == [True, False]


@pytest.fixture
def killed(whole: Path, tmp_path: Path) -> Path:
    """The same run as it is if it was killed when three conversations were over and nothing was evaluated."""
    shutil.copytree(whole, tmp_path, dirs_exist_ok=True)
    path = tmp_path / "runs/r/simulations_airline.jsonl"
    played = [line for line in path.read_text().splitlines(keepends=True) if json.loads(line)["status"] == PLAYED]
    path.write_text("".join(played[:3]))
    (tmp_path / "runs/r/results_airline.json").unlink()
    config = json.loads((tmp_path / "runs/r/run.json").read_text())
    config["config"]["log_dir"] = str(tmp_path)
    (tmp_path / "runs/r/run.json").write_text(json.dumps(config))
    return tmp_path


def test_a_run_that_was_killed_before_the_judge_plays_nothing_again(whole: Path, killed: Path) -> None:
    """Three conversations are only judged, the others are played; the results are those of a whole run."""
    code, said, events = resumed(killed)
    assert code == 0, said
    assert "3 are played and are only evaluated" in said
    spoke = {event.task for event in of(events, "llm_call")}
    before = {event.task for event in of(events, "task_start") if event.get("played_before")}
    assert len(before) == 3
    assert len(spoke) == TASKS - 3
    assert not before & spoke
    assert essence(RunFiles(killed).results("airline")) == essence(RunFiles(whole).results("airline"))


def test_a_conversation_that_is_not_evaluated_is_no_result(killed: Path) -> None:
    """Neither for --resume, nor for who reads rows or results of a checkpoint; its conversation can be looked at."""
    path = killed / "runs/r/simulations_airline.jsonl"
    assert finished(path.parent, ["airline"]) == {}
    assert list(read_rows(path)) == []
    found = read_checkpoint(path)
    assert (found.simulations, found.calls, found.refused) == ([], [], [])
    assert [(len(told.messages) > 2, told.reward) for told in told_by_checkpoint(path)] == [(True, None)] * 3


def test_a_damaged_conversation_is_played_again(whole: Path, killed: Path) -> None:
    """One that tau2 cannot read costs its calls, and nothing else."""
    path = killed / "runs/r/simulations_airline.jsonl"
    rows = [json.loads(line) for line in path.read_text().splitlines()]
    rows[0]["played"] = {"messages": "none"}
    path.write_text("".join(f"{json.dumps(row)}\n" for row in rows))
    code, said, events = resumed(killed)
    assert code == 0, said
    assert rows[0]["task"] in {event.task for event in of(events, "llm_call")}
    assert essence(RunFiles(killed).results("airline")) == essence(RunFiles(whole).results("airline"))


def test_a_checkpoint_of_an_earlier_version_is_resumed(whole: Path, killed: Path) -> None:
    """Rows without calls, and none that were only played: what is finished is not run again."""
    path = killed / "runs/r/simulations_airline.jsonl"
    rows = [json.loads(line) for line in (whole / "runs/r/simulations_airline.jsonl").read_text().splitlines()]
    old = [{name: value for name, value in row.items() if name != "calls"} for row in rows if row["status"] == "ok"]
    path.write_text("".join(f"{json.dumps(row)}\n" for row in old[:4]))
    code, said, events = resumed(killed)
    assert code == 0, said
    assert {event.task for event in of(events, "task_start")} == {row["task"] for row in old[4:]}


def test_a_judge_holds_no_place_of_a_simulation(tmp_path: Path) -> None:
    """With --max-evaluations 1, one simulation at a time and a slow judge, the next conversation starts while the judge of the last one
    answers, and one judge answers at a time; without it, simulations follow each other."""
    code, said = run_quietly(airline(tmp_path, {"ttft_ms": 300}, num_tasks=4, max_concurrency=1, max_evaluations=1))
    assert code == 0, said
    events = lines_of(tmp_path)
    starts = sorted(float(event.get("start_ms") or 0) for event in of(events, "task_start"))
    judged = sorted((float(event.get("start_ms") or 0), float(event.get("duration_ms") or 0)) for event in of(events, "evaluator"))
    assert len(judged) == 4
    assert starts[1] < judged[0][0] + judged[0][1]
    assert all(start + lasted <= then + 1e-3 for (start, lasted), (then, _) in pairwise(judged))
    run_quietly(airline(tmp_path / "held", {"ttft_ms": 50}, num_tasks=3, max_concurrency=1))
    lives = [event for event in lines_of(tmp_path / "held") if event.type in ("task_start", "task_end")]
    assert [event.type for event in lives] == ["task_start", "task_end"] * 3


def test_masked_conversations_are_not_kept_for_later(tmp_path: Path) -> None:
    """With --mask a conversation cannot be evaluated again: no row says that it could."""
    run_quietly(airline(tmp_path, FAILING, num_tasks=3, masking="all"))
    rows = [json.loads(line) for line in (tmp_path / "runs/r/simulations_airline.jsonl").read_text().splitlines()]
    assert PLAYED not in {row["status"] for row in rows}
    assert not any(row.get("calls") for row in rows)
