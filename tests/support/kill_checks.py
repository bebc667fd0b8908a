"""What must hold of runs that were killed and resumed: `python -m tests.support.kill_checks DIRECTORY KILLS threads|processes`."""

from __future__ import annotations

import contextlib
import json
import sys
from collections import Counter
from pathlib import Path
from typing import Any

from tau2_logging.errors import CodecError
from tau2_logging.events import Event, StateSnapshot, ToolExecutionEvent, decode
from tau2_logging.events.jsonl import RejectedLine, read_events
from tau2_logging.runner.work.checkpoint import read_rows
from tests.support.command import ROOT, environment
from tests.support.forked import run_forked
from tests.support.patience import LONG_S
from tests.support.run_files import RunFiles, by_simulation, of


def kill_and_check(target: Path, kills: int, executor: str, timeout_s: float = 2 * LONG_S) -> dict[str, Any]:
    """Kill runs so many times, resume each to its end, and check what they have left."""
    driver = ROOT / "tests" / "support" / "kill_driver.py"
    words = [sys.executable, str(driver), str(target), str(kills), executor]
    process = run_forked(words, timeout=timeout_s, env=environment())
    assert process.returncode == 0, process.stderr[-3000:]
    report: dict[str, Any] = json.loads(process.stdout.splitlines()[-1])
    assert report["kills"] >= kills
    assert report["orphans"] == []
    for run in sorted((target / "killed").iterdir()):
        check_run_of_kills(run, report["kills_of"].get(run.name, 0), target / "whole")
    return report


def check_run_of_kills(run: Path, kills: int, whole: Path) -> None:
    """No event whose call had returned is lost, at most the lines being written are torn, every simulation has one result, and the results
    are those of a run that was left alone."""
    written = set()
    torn = 0
    for line in (run / "tau2_mock.log").read_bytes().split(b"\n")[:-1]:
        try:
            written.add(decode(line.decode()).get("span"))
        except Exception:
            torn += 1
    if (run / "returned.txt").exists():
        returned = set((run / "returned.txt").read_text().split())
        assert len(returned) > 100
        assert returned <= written
    writers = 1 if (run / "returned.txt").exists() else 3  # the two workers and the run itself
    assert torn <= writers * kills
    rows = read_rows(run / "runs" / "r" / "simulations_mock.jsonl")
    finished = Counter((row["task"], row["trial"]) for row in rows if row["status"] == "ok")
    assert len(finished) == finished.total() == 18
    check_structured(run, writers * kills)
    assert essence(run) == essence(whole)
    assert not (run / "runs" / "r" / "running.json").exists()


def check_structured(run: Path, torn: int) -> None:
    """Every tool call of a simulation with a task_end is in the events' file, and its last snapshot; of the rest so many lines are torn."""
    read = list(read_events(run / "runs" / "r" / "events_mock.jsonl"))
    assert sum(isinstance(event, RejectedLine) for event in read) <= torn
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


def essence(log_dir: Path) -> dict[tuple[str, int], object]:
    found = {}
    for simulation in RunFiles(log_dir).results("mock"):
        said = [(message["role"], message["content"], message.get("tool_calls")) for message in simulation["messages"]]
        found[simulation["task_id"], simulation["trial"]] = (said, simulation["reward_info"]["reward"], simulation["seed"])
    assert len(found) == 18
    return json.loads(json.dumps({str(key): value for key, value in found.items()}))


if __name__ == "__main__":
    done = kill_and_check(Path(sys.argv[1]), int(sys.argv[2]), sys.argv[3], 3600)
    print(f"{sys.argv[3]}: {done['kills']} kills of {len(done['kills_of'])} runs; results equal, none lost, none twice, no orphan")
