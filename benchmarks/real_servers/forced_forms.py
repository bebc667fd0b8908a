"""Does profiling change what a model's answer does? Each form of tool call, forced, with and without profiling, on the same vLLM."""

from __future__ import annotations

from pathlib import Path

from benchmarks.real_servers.checks import Checks
from benchmarks.real_servers.commands import Run, model_words, run_local
from benchmarks.real_servers.forms import FORMS, arguments
from benchmarks.real_servers.servers import Server
from benchmarks.real_servers.trajectories import first_difference

WAYS: dict[str, list[str]] = {
    "PROFILE": [],
    "INFO": ["--log-level", "INFO"],
    "ttft on": ["--ttft", "on"],
}
"""What is compared with --no-profile."""
_TASK = ["--domains", "mock", "--task-ids", "create_task_1", "--max-steps", "4", "--max-retries", "1"]
_USER = {"temperature": 0, "max_tokens": 12}


def check(server: Server, model: str, folder: Path, only: list[str] | None = None) -> Checks:
    """20 forms, each in all ways. A stream that differs must be told of in the run's output."""
    checks = Checks("forced forms")
    equal = dict.fromkeys(WAYS, 0)
    for number, form in enumerate(only or FORMS):
        plain = _played(server, model, folder, form, f"{number}-plain", ["--no-profile"])
        for way, words in WAYS.items():
            run = _played(server, model, folder, form, f"{number}-{way.replace(' ', '-')}", words)
            difference = outcome_difference(plain, run)
            equal[way] += difference is None
            checks.true(f"{form}, {way}", difference is None, difference or "as without profiling")
    for way, count in equal.items():
        checks.equal(
            f"forms that end as without profiling, {way}",
            f"{count} of {len(only or FORMS)}",
            f"{len(only or FORMS)} of {len(only or FORMS)}",
        )
    return checks


def _played(server: Server, model: str, folder: Path, form: str, name: str, words: list[str]) -> Run:
    return run_local(folder, name, [*_TASK, *model_words(server.url, model, arguments(form), _USER), *words])


def outcome_difference(one: Run, other: Run) -> str | None:
    """Where two runs of the same simulations differ: exit code, status, reward, or the conversation; None if nowhere."""
    if one.code != other.code:
        return f"exit code {one.code} and {other.code}"
    for left, right in zip(one.rows, other.rows, strict=False):
        for name in ("task", "status", "reward", "termination", "error"):
            if left.get(name) != right.get(name):
                return f"task {left['task']}: {name} {left.get(name)} and {right.get(name)}"
    return first_difference(one.results, other.results)
