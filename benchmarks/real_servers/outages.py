"""What happens when a server is gone: for 20 s in the middle of a run, or because a prompt is longer than its context."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Mapping
from pathlib import Path

from benchmarks.real_servers.checks import Checks
from benchmarks.real_servers.commands import Run, Started, model_words, run_local, start
from benchmarks.real_servers.servers import Server, answers, free_port, llama

DOWN_S = 20.0
_ANSWER = {"temperature": 0, "max_tokens": 16}


def check_down_and_back(folder: Path) -> Checks:
    """Kill llama.cpp's server in the middle of a run of eight simulations, and start it again 20 s later at the same address."""
    checks = Checks("llama: killed and back")
    port = free_port()
    with llama(folder, port, name="llama-killed") as server:
        words = ["--domains", "mock", "--num-tasks", "8", "--max-concurrency", "2", "--max-steps", "8"]
        started = start(folder, "down", [*words, *model_words(server.url, "smollm2", _ANSWER)])
        _wait_for_calls(started, 4)
        os.kill(server.process.pid or 0, signal.SIGKILL)
        began = time.monotonic()
        server.process.wait()
    time.sleep(max(DOWN_S - (time.monotonic() - began), 0.0))
    with llama(folder, port, name="llama-again"):
        run = started.wait()
    finished = [row for row in run.rows if row["status"] == "ok"]
    checks.equal("exit code", run.code, 0)
    checks.equal(f"simulations that finish with the server {DOWN_S:g} s away", f"{len(finished)} of 8", "8 of 8")
    checks.true("the outage is in the log", _has(run, "server_down") and _has(run, "server_up"))
    return checks


def _wait_for_calls(started: Started, count: int, timeout_s: float = 300.0) -> None:
    deadline = time.monotonic() + timeout_s
    while len(Run(started.folder, started.name, None).calls) < count and time.monotonic() < deadline:
        time.sleep(0.2)


def _has(run: Run, kind: str) -> bool:
    return any(event.type == kind for event in run.events)


def check_context_exceeded(server: Server, model: str, folder: Path, answer: Mapping[str, object]) -> Checks:
    """A prompt or an answer that does not fit: said as what it is, not asked again."""
    checks = Checks(f"{server.name}: context exceeded")
    words = ["--domains", "retail", "--num-tasks", "1", "--max-steps", "6", *model_words(server.url, model, answer, _ANSWER)]
    run = run_local(folder, f"{server.name}-context", words)
    failed = [call for call in run.calls if call.get("error")]
    checks.equal("error_type of the call", {call.get("error_type") for call in failed}, {"ContextWindowExceededError"})
    checks.equal("attempts", len(failed), 1)
    checks.equal(
        "error_type of task_end", {e.get("error_type") for e in run.events if e.type == "task_end"}, {"ContextWindowExceededError"}
    )
    checks.equal("rewards: it is the agent's failure", [row["reward"] for row in run.rows], [0.0])
    return checks


def check_ended(server: Server, checks: Checks) -> None:
    """Nothing listens there any more."""
    checks.true(f"{server.name} has ended", not answers(f"{server.url}/health"))
