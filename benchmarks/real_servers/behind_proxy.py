"""Through LiteLLM's proxy: nothing is asked of models that the run does not use, and events are what the backend counted."""

from __future__ import annotations

import os
import signal
from pathlib import Path

from benchmarks.real_servers.against_counters import compare, domain_words
from benchmarks.real_servers.checks import Checks
from benchmarks.real_servers.commands import Run, model_words, run_local
from benchmarks.real_servers.counters import between
from benchmarks.real_servers.servers import MASTER_KEY, Server, counting, llama, proxy

_ANSWER = {"temperature": 0, "max_tokens": 16}
_KEY = {"HOSTED_VLLM_API_KEY": MASTER_KEY}


def check(folder: Path) -> Checks:
    """--check, runs at 1 and 4 at a time, and a run whose backend is gone, with another model configured beside it."""
    checks = Checks("proxy")
    with counting(folder) as other, llama(folder, name="llama-behind") as backend:
        models = {"smollm2": (backend.url, "smollm2"), "other": (other.url, "other")}
        with proxy(folder, models) as front:
            of_the_proxy = other.completions()  # when it starts, it asks each backend for its models
            choice = model_words(front.url, "smollm2", _ANSWER)
            asked = run_local(folder, "proxy-check", ["--check", *choice], _KEY)
            checks.true("--check finds the model usable or says what it cannot do", "usable" in asked.output or "tool" in asked.output)
            for concurrency in (1, 4):
                _compare_run(checks, front, backend, folder, concurrency, choice)
            os.kill(backend.process.pid or 0, signal.SIGKILL)
            backend.process.wait()
            words = ["--domains", "mock", "--num-tasks", "2", "--max-steps", "4", "--max-retries", "1", "--task-timeout", "20", *choice]
            gone = run_local(folder, "proxy-backend-gone", words, _KEY)
            checks.true("a run whose backend is gone ends", gone.code is not None, f"exit code {gone.code}")
            checks.equal("requests to the other model's backend, from us", other.completions() - of_the_proxy, 0)
    return checks


def _compare_run(checks: Checks, front: Server, backend: Server, folder: Path, concurrency: int, choice: list[str]) -> Run:
    page, logged, behind = backend.metrics(), front.completions(), backend.completions()
    run = run_local(folder, f"proxy-{concurrency}", [*domain_words("mock", concurrency), *choice], _KEY)
    title = f"mock, {concurrency} at a time"
    checks.equal(
        f"{title}: completions in the proxy's log and in the backend's", front.completions() - logged, backend.completions() - behind
    )
    compare(checks, title, run, between(page, backend.metrics()), front.completions() - logged)
    return run
