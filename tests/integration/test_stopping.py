"""Stopping a run: Ctrl-C, SIGTERM, and SIGKILL at random moments."""

from __future__ import annotations

import contextlib
import json
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tau2_logging.errors import CodecError
from tau2_logging.events import Event, StateSnapshot, ToolExecutionEvent, decode
from tau2_logging.events.jsonl import RejectedLine, read_events
from tests.support.command import ROOT, environment, run_local, start_local
from tests.support.patience import LONG_S
from tests.support.run_files import RunFiles, by_simulation, of

KILLS = 8
SLOW = json.dumps({"ttft_ms": 150})


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_signal_stops_the_run_in_order(number: signal.Signals, code: int, tmp_path: Path) -> None:
    """After SIGINT or SIGTERM no simulation is begun, run_end names the signal, the exit code tells it, and --resume finishes the rest
    (tried after one of them)."""
    log = tmp_path / "tau2_mock.log"
    words = ("--domains", "mock", "--num-trials", "4", "--agent-llm-args", SLOW, "--log-dir", str(tmp_path), "--run-name", "r")
    process = start_local(*words)
    deadline = time.monotonic() + LONG_S
    while not (log.exists() and "type=task_end" in log.read_text()) and time.monotonic() < deadline:
        time.sleep(0.05)
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
    if number is signal.SIGTERM:
        return
    resumed = run_local("--resume", str(tmp_path / "runs" / "r"), "--agent-llm-args", "{}")
    assert resumed.returncode == 0, resumed.stderr
    keys = [(item["task_id"], item["trial"]) for item in RunFiles(tmp_path).results("mock")]
    assert len(keys) == len(set(keys)) == 36


def test_killed_at_random_moments(tmp_path: Path) -> None:
    """Killed eight times with SIGKILL and resumed each time, a run loses no event whose call had returned, tears at most the line it was
    writing, and ends with the results of a run that was left alone. Of each simulation that has ended all structured events are there."""
    driver = ROOT / "tests" / "support" / "kill_driver.py"
    words = [sys.executable, str(driver), str(tmp_path), str(KILLS)]
    process = subprocess.run(words, capture_output=True, text=True, timeout=2 * LONG_S, env=environment(), check=False)
    assert process.returncode == 0, process.stderr[-3000:]
    report = json.loads(process.stdout.splitlines()[-1])
    assert report["kills"] >= KILLS
    for run in sorted((tmp_path / "killed").iterdir()):
        written = set()
        torn = 0
        for line in (run / "tau2_mock.log").read_bytes().split(b"\n")[:-1]:
            try:
                written.add(decode(line.decode()).get("span"))
            except Exception:
                torn += 1
        returned = set((run / "returned.txt").read_text().split())
        assert len(returned) > 100
        assert returned <= written
        assert torn <= report["kills_of"].get(run.name, 0)
        _check_structured(run, report["kills_of"].get(run.name, 0))
        assert _essence(run) == _essence(tmp_path / "whole")


def _check_structured(run: Path, kills: int) -> None:
    """Every tool call of a simulation with a task_end is in the events' file, and its last snapshot; of the rest at most a line is torn."""
    read = list(read_events(run / "runs" / "r" / "events_mock.jsonl"))
    assert sum(isinstance(event, RejectedLine) for event in read) <= kills
    calls = {event.span for event in read if isinstance(event, ToolExecutionEvent)}
    snapshots = [(event.task, event.trial) for event in read if isinstance(event, StateSnapshot) and event.moment == "end"]
    ended = 0
    for (_, task, trial), events in by_simulation(_readable(run / "tau2_mock.log")).items():
        lives = [at for at, event in enumerate(events) if event.type == "task_start"]
        for begun, after in zip(lives, [*lives[1:], len(events)], strict=True):
            life = events[begun:after]
            if life[-1].type == "task_end":
                ended += 1
                assert {event.get("span") for event in of(life, "tool_call")} <= calls
                assert (task, trial) in snapshots
    assert ended >= 18


def _readable(path: Path) -> list[Event]:
    found = []
    for line in path.read_bytes().split(b"\n")[:-1]:
        with contextlib.suppress(UnicodeDecodeError, CodecError):
            found.append(decode(line.decode()))
    return found


def _essence(log_dir: Path) -> dict[tuple[str, int], object]:
    found = {}
    for simulation in RunFiles(log_dir).results("mock"):
        said = [(message["role"], message["content"], message.get("tool_calls")) for message in simulation["messages"]]
        found[simulation["task_id"], simulation["trial"]] = (said, simulation["reward_info"]["reward"], simulation["seed"])
    assert len(found) == 18
    return json.loads(json.dumps({str(key): value for key, value in found.items()}))
