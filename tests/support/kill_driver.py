"""Kill runs at random moments: `python kill_driver.py DIRECTORY KILLS [threads|processes]`.

Each run is a forked child, killed with SIGKILL after a random time and resumed, until it completes. A child that
runs simulations in threads notes the span of every event whose call has returned in `returned.txt`, by a way of its own. Prints a JSON
report, with the processes that outlived their run.
"""

from __future__ import annotations

import json
import os
import random
import signal
import sys
import time
from collections import Counter
from collections.abc import Mapping
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from tau2_logging.logger.simulation import Simulation
from tau2_logging.runner.harness.tau2_harness import Tau2Harness
from tests.support.in_process import run_quietly, scripted
from tests.support.processes import holding

LATENCY = {"ttft_ms": 12, "spread": 0.5}
EXECUTOR = sys.argv[3] if len(sys.argv) > 3 else "threads"
LIVES = 6


def note_returns(log_dir: Path) -> None:
    """Write the span of an event down after the call that wrote it has returned."""
    fd = os.open(log_dir / "returned.txt", os.O_WRONLY | os.O_APPEND | os.O_CREAT)
    emit = Simulation.emit

    def noted(self: Simulation, type_: str, fields: Mapping[str, object], span: str | None = None, parent: str | None = None) -> None:
        open_then = not self.closed
        emit(self, type_, fields, span, parent)
        if span and open_then:
            os.write(fd, f"{span}\n".encode())

    Simulation.emit = noted  # type: ignore[method-assign]


def child(log_dir: Path, resume: Path | None) -> None:
    """Run to the end, or until killed."""
    workers = {"executor": EXECUTOR, "workers": 2} if EXECUTOR == "processes" else {}
    if not workers:
        note_returns(log_dir)
    config = scripted(log_dir, agent=LATENCY, user=LATENCY, num_trials=2, max_concurrency=4, run_name="r", events=True, **workers)
    code = 1
    try:
        code, _ = run_quietly(config, resume)
    finally:
        os._exit(code)


def one_life(log_dir: Path, after_s: float | None) -> bool:
    """Fork a run; True if it was killed, False if it came to its end first."""
    directory = log_dir / "runs" / "r"
    resume = directory if (directory / "run.json").exists() else None
    pid = os.fork()
    if pid == 0:
        child(log_dir, resume)
    if after_s is not None:
        time.sleep(after_s)
        os.kill(pid, signal.SIGKILL)
    _, status = os.waitpid(pid, 0)
    if os.WIFSIGNALED(status):
        return True
    if os.WEXITSTATUS(status) != 0:
        raise SystemExit(f"a run ended with {os.WEXITSTATUS(status)}")
    return False


def main() -> None:
    """Kill until there have been enough kills, each run resumed to its end."""
    target, wanted = Path(sys.argv[1]), int(sys.argv[2])
    Tau2Harness.load()
    source = random.Random(20)
    (target / "whole").mkdir()
    began = time.monotonic()
    one_life(target / "whole", None)
    span = (0.1, 0.9) if EXECUTOR == "threads" else (0.5, time.monotonic() - began)
    kills: Counter[str] = Counter()
    number = 0
    while kills.total() < wanted:
        log_dir = target / "killed" / f"{number:02d}"
        log_dir.mkdir(parents=True)
        number += 1
        for _ in range(min(LIVES, wanted - kills.total())):
            if not one_life(log_dir, source.uniform(*span)):
                break
            kills[log_dir.name] += 1
        one_life(log_dir, None)
    print(json.dumps({"kills": kills.total(), "kills_of": kills, "orphans": orphans(target)}))


def orphans(target: Path) -> list[int]:
    """Processes that a run has started, which have its files open, and that are still there when they have had time to notice its end."""
    for _ in range(100):
        if not (found := holding(target)):
            return []
        time.sleep(0.1)
    return found


if __name__ == "__main__":
    main()
