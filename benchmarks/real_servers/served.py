"""`--serve` with the real vLLM: started, used, told of call by call, ended; and gone as well when the run is killed."""

from __future__ import annotations

import contextlib
import os
import shlex
import signal
import subprocess
import sys
import time
from pathlib import Path

from benchmarks.real_servers import folders
from benchmarks.real_servers.against_counters import domain_words, total
from benchmarks.real_servers.checks import Checks
from benchmarks.real_servers.commands import run_local
from benchmarks.real_servers.servers import VLLM_S, free_port, vllm_environ, vllm_options
from tau2_logging.models.servers.supervisor import descendants

_ANSWER = '{"temperature": 0, "max_tokens": 24}'


def serve_words(port: int) -> list[str]:
    """A short run on a vLLM of its own."""
    command = shlex.join(["env", *vllm_environ(), str(folders.VLLM / "bin" / "vllm"), "serve"])
    name = f"hosted_vllm/{folders.TINY.name}"
    options = shlex.join([*vllm_options(), "--served-model-name", folders.TINY.name])
    words = ["--serve", str(folders.TINY), "--serve-command", command, f"--serve-args={options}", "--start-port", str(port)]
    words += ["--serve-timeout", str(VLLM_S), "--agent-llm-args", _ANSWER, "--user-llm", name, "--user-llm-args", _ANSWER]
    return [*domain_words("mock", 2), *words]


def check(folder: Path) -> Checks:
    """A run to its end, and one that is killed while its server loads."""
    checks = Checks("vLLM by --serve")
    before = descendants(os.getpid())
    run = run_local(folder, "serve", serve_words(free_port()), timeout_s=VLLM_S + 600)
    checks.equal("exit code", run.code, 0)
    told = [event for event in run.events if event.type == "server_call"]
    checks.equal("server_call events", len(told), len(run.calls))
    checks.true("cached tokens are known", total(run.calls, "cached_tokens") is not None, total(run.calls, "cached_tokens"))
    checks.equal("call_type", {call.get("call_type") for call in run.calls}, {"vllm"})
    checks.equal("processes left after the run", len(descendants(os.getpid()) - before), 0)
    _check_killed(checks, folder)
    return checks


def _check_killed(checks: Checks, folder: Path) -> None:
    """kill -9 of the run, once vLLM has started its engine in a process of its own."""
    words = [sys.executable, str(folders.PROJECT / "run_local.py"), *serve_words(free_port()), "--log-dir", str(folder / "killed")]
    with (folder / "killed.txt").open("w") as output:
        run = subprocess.Popen(words, stdout=output, stderr=output, stdin=subprocess.DEVNULL, start_new_session=True)
    started = _wait_for_descendants(run.pid, 3, VLLM_S)
    run.send_signal(signal.SIGKILL)
    run.wait()
    left = _left_after(started, 30.0)
    checks.true("the run is killed while its server has processes", len(started) >= 3, f"{len(started)} processes")
    checks.equal("processes left 30 s after kill -9 of the run", len(left), 0)
    for pid in left:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)


def _wait_for_descendants(pid: int, count: int, timeout_s: float) -> set[int]:
    """Supervisor, API server, engine."""
    deadline = time.monotonic() + timeout_s
    while len(found := descendants(pid)) < count and time.monotonic() < deadline:
        time.sleep(0.5)
    return found


def _left_after(pids: set[int], timeout_s: float) -> set[int]:
    deadline = time.monotonic() + timeout_s
    while (left := {pid for pid in pids if Path(f"/proc/{pid}").exists()}) and time.monotonic() < deadline:
        time.sleep(0.5)
    return left
