"""`run_local.py` as a person calls it, many times, without the seconds of imports that each start costs: a process is forked for each
command, from this one, which has imported tau2 and litellm once.
"""

from __future__ import annotations

import json
import multiprocessing
import os
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

os.environ.setdefault("LITELLM_LOCAL_MODEL_COST_MAP", "True")

import litellm  # noqa: F401 - so that the forked processes have it
import tau2.run  # noqa: F401

import tau2_logging.runner.session  # noqa: F401
from tau2_logging.cli.run_local import main
from tau2_logging.events import Event, decode

CALLS = ("llm_call", "user_sim", "evaluator", "expert_call")
TIMEOUT_S = 600.0


@dataclass(frozen=True)
class Run:
    """A command that has ended. `code` is None if it took too long and was ended."""

    folder: Path
    name: str
    code: int | None

    @property
    def output(self) -> str:
        """What it printed."""
        return (self.folder / f"{self.name}.txt").read_text(errors="replace")

    @cached_property
    def events(self) -> list[Event]:
        """Of the logs of all domains."""
        logs = sorted(self.folder.glob("tau2_*.log"))
        return [event for log in logs for line in log.read_text().splitlines() if (event := decode(line)) is not None]

    @property
    def calls(self) -> list[Event]:
        """Model calls, one for each attempt."""
        return [event for event in self.events if event.type in CALLS]

    @cached_property
    def results(self) -> list[dict[str, Any]]:
        """tau2's simulations, in the order of task and trial."""
        found = []
        for path in sorted((self.folder / "runs" / self.name).glob("results_*.json")):
            found += json.loads(path.read_text())["simulations"]
        return sorted(found, key=lambda simulation: (str(simulation["task_id"]), simulation["trial"]))

    @property
    def rows(self) -> list[dict[str, Any]]:
        """Lines of the checkpoint: also of simulations that failed."""
        paths = sorted((self.folder / "runs" / self.name).glob("simulations_*.jsonl"))
        return [json.loads(line) for path in paths for line in path.read_text().splitlines()]


@dataclass
class Started:
    """A command that runs."""

    folder: Path
    name: str
    process: multiprocessing.process.BaseProcess

    def wait(self, timeout_s: float = TIMEOUT_S) -> Run:
        """Wait for its end, or end it after that time."""
        self.process.join(timeout_s)
        code = self.process.exitcode
        if code is None:
            self.process.kill()
            self.process.join()
        return Run(self.folder, self.name, code)


def start(folder: Path, name: str, words: list[str], environ: Mapping[str, str] | None = None) -> Started:
    """Start the command with a log folder of its own, below `folder`."""
    own = folder / name
    own.mkdir(parents=True)
    line = [*words, "--log-dir", str(own), "--run-name", name, "--no-progress"]
    process = multiprocessing.get_context("fork").Process(target=_in_child, args=(line, own / f"{name}.txt", dict(environ or {})))
    process.start()
    return Started(own, name, process)


def run_local(folder: Path, name: str, words: list[str], environ: Mapping[str, str] | None = None, timeout_s: float = TIMEOUT_S) -> Run:
    """Start the command and wait for its end."""
    return start(folder, name, words, environ).wait(timeout_s)


def model_words(url: str, model: str, agent: Mapping[str, Any], user: Mapping[str, Any] | None = None) -> list[str]:
    """Words for a run whose agent and user are a model on a server; both with the same arguments if `user` is not given."""
    name = f"hosted_vllm/{model}"
    words = ["--endpoint", f"{url}/v1", "--agent-llm", name, "--agent-llm-args", json.dumps(dict(agent))]
    return [*words, "--user-llm", name, "--user-llm-args", json.dumps(dict(agent if user is None else user))]


def _in_child(words: list[str], output: Path, environ: dict[str, str]) -> None:
    os.setsid()
    os.environ.update(environ)
    target = os.open(output, os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
    os.dup2(target, 1)
    os.dup2(target, 2)
    sys.stdin = open(os.devnull)  # noqa: SIM115 - for as long as the process lives
    main(words)
