"""Stopping a run: Ctrl-C, SIGTERM, and SIGKILL at random moments."""

from __future__ import annotations

import json
import signal
from pathlib import Path

import pytest

from tau2_logging.runner.work.checkpoint import read_rows
from tests.support.command import run_local, start_local
from tests.support.kill_checks import kill_and_check
from tests.support.patience import LONG_S, until
from tests.support.run_files import RunFiles, of
from tests.support.thorough import scaled

KILLS = scaled(4, 8)
SLOW = json.dumps({"ttft_ms": 150})


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_signal_stops_the_run_in_order(number: signal.Signals, code: int, tmp_path: Path) -> None:
    """After SIGINT or SIGTERM no simulation is begun, run_end names the signal, the exit code tells it, what was in flight is kept as
    interrupted, and --resume finishes the rest (tried after one of them)."""
    log = tmp_path / "tau2_mock.log"
    words = ("--domains", "mock", "--num-trials", "4", "--agent-llm-args", SLOW, "--log-dir", str(tmp_path), "--run-name", "r")
    process = start_local(*words)
    until(lambda: log.exists() and "type=task_end" in log.read_text())
    process.send_signal(number)
    out, err = process.communicate(timeout=LONG_S)
    assert process.returncode == code, err
    assert "Traceback" not in err
    assert "--resume" in out
    events = RunFiles(tmp_path).events("mock")
    (end,) = of(events, "run_end")
    assert events[-1] is end
    assert end.get("signal") == number.name
    assert 0 < int(end.get("ok") or 0) < 36
    assert int(end.get("ok") or 0) + int(end.get("pending") or 0) == 36
    rows = list(read_rows(tmp_path / "runs" / "r" / "simulations_mock.jsonl"))
    stopped = [row for row in rows if row["status"] != "ok"]
    assert 0 < len(stopped) <= 3
    assert all(row["status"] == "interrupted" and "the run was stopped while it waited on" in row["error"] for row in stopped)
    if number is signal.SIGTERM:
        return
    resumed = run_local("--resume", str(tmp_path / "runs" / "r"), "--agent-llm-args", "{}")
    assert resumed.returncode == 0, resumed.stderr
    keys = [(item["task_id"], item["trial"]) for item in RunFiles(tmp_path).results("mock")]
    assert len(keys) == len(set(keys)) == 36


@pytest.mark.parametrize(("executor", "kills"), [("threads", KILLS), ("processes", 2)])
def test_killed_at_random_moments(executor: str, kills: int, tmp_path: Path) -> None:
    """Killed with SIGKILL at random moments and resumed each time, a run loses no event whose call had returned, tears at most the lines it
    was writing, keeps each simulation once, leaves no process behind and ends with the results of a run that was left alone. Of each
    simulation that has ended all structured events are there."""
    kill_and_check(tmp_path, kills, executor)
