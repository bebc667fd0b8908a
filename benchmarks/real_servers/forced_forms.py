"""Does profiling change what a model's answer does? Each form of tool call, forced, with and without profiling, on the same vLLM."""

from __future__ import annotations

from collections.abc import Iterable
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
WARNING = "results may differ"
"""What a run with --ttft on says at its start: nothing shows in a stream that its server's parser has mended a call."""
_TASK = ["--domains", "mock", "--task-ids", "create_task_1", "--max-steps", "4", "--max-retries", "1"]
_USER = {"temperature": 0, "max_tokens": 12}


def check(server: Server, model: str, folder: Path, only: Iterable[str] | None = None) -> Checks:
    """20 forms, each in all ways. With --ttft on a form may end differently if the run has said so."""
    checks = Checks("forced forms")
    forms = list(only or FORMS)
    equal = dict.fromkeys(WAYS, 0)
    for number, form in enumerate(forms):
        plain = _played(server, model, folder, form, f"{number}-plain", ["--no-profile"])
        for way, words in WAYS.items():
            run = _played(server, model, folder, form, f"{number}-{way.replace(' ', '-')}", words)
            difference = outcome_difference(plain, run)
            equal[way] += difference is None
            said = difference is not None and WARNING in run.output
            checks.true(f"{form}, {way}", difference is None or said, _told(difference, said))
    for way, count in equal.items():
        seen = f"{count} of {len(forms)}"
        checks.true(f"forms that end as without profiling, {way}", count == len(forms) or way == "ttft on", seen)
    return checks


def _told(difference: str | None, said: bool) -> str:
    if difference is None:
        return "as without profiling"
    return f"the run said that {WARNING}: {difference}" if said else difference


def _played(server: Server, model: str, folder: Path, form: str, name: str, words: list[str]) -> Run:
    return run_local(folder, name, [*_TASK, *model_words(server.url, model, arguments(form), _USER), *words])


def outcome_difference(one: Run, other: Run) -> str | None:
    """Where two runs of the same simulations differ: exit code, status, reward, or the conversation; None if nowhere."""
    if one.code != other.code:
        return f"exit code {one.code} and {other.code}"
    for left, right in zip(one.rows, other.rows, strict=True):
        for name in ("task", "status", "reward", "termination", "error"):
            if left.get(name) != right.get(name):
                return f"task {left['task']}: {name} {left.get(name)} and {right.get(name)}"
    return first_difference(one.results, other.results)
