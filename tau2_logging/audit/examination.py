"""Tasks examined by this process or by several, each kept as soon as it is done, so that an audit that was ended goes on."""

from __future__ import annotations

import json
import multiprocessing
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tau2_logging.audit.finding_kinds import KINDS
from tau2_logging.audit.mutants import MUTANT_KINDS
from tau2_logging.audit.task_audit import TaskAudit, TaskExaminer, reference_calls
from tau2_logging.errors import UserError
from tau2_logging.runner.harness.conversation_replay import ConversationReplay
from tau2_logging.runner.harness.load_harness import load_module
from tau2_logging.runner.harness.tau2_harness import Tau2Harness

Progress = Callable[[str, int, int], None]
"""Told the domain, how many tasks were examined, of how many."""
_WORTH_A_PROCESS = 20
"""Tasks: importing tau2 takes a process as long as about so many of them."""


def edition_name(harness: Tau2Harness) -> str:
    """Return the release of tau2, and the folder of its data if TAU2_DATA_DIR names one."""
    return harness.version + (f", data of {harness.data_folder}" if harness.data_folder else "")


@dataclass
class Examiners:
    """The examiner of the domain that is being worked on."""

    harness: Tau2Harness
    fast: bool
    _stack: ExitStack = field(default_factory=ExitStack)
    _domain: str | None = None
    _examiner: TaskExaminer | None = None

    def of(self, domain: str) -> TaskExaminer:
        """Return the examiner of a domain; that of another domain is closed."""
        if self._examiner is None or self._domain != domain:
            self.close()
            replay = self._stack.enter_context(ConversationReplay(self.harness, domain, self.fast))
            references = [reference_calls(task) for task in self.harness.tasks(domain, None)]
            self._domain, self._examiner = domain, TaskExaminer(replay, references)
        return self._examiner

    def close(self) -> None:
        """Put tau2's own databases back."""
        self._stack.close()


@dataclass(frozen=True)
class Kept:
    """Tasks of a domain that were examined by an audit that was ended, in `<domain>.partial.jsonl`. The file is removed once the domain's
    own is written."""

    path: Path
    release: str

    @property
    def _heading(self) -> dict[str, Any]:
        return {"release": self.release, "finds": [*KINDS, *MUTANT_KINDS]}

    def read(self, texts: Mapping[str, str]) -> dict[str, TaskAudit]:
        """Return what was kept of tasks that have the same text, by the same release and the same audit."""
        try:
            first, *lines = [json.loads(line) for line in self.path.read_text(encoding="utf-8").splitlines() if line.endswith("}")]
        except (OSError, ValueError):
            return {}
        tasks = [TaskAudit.from_json(line) for line in lines] if first == self._heading else []
        return {task.task: task for task in tasks if texts.get(task.task) == task.text}

    def begin(self, done: Mapping[str, TaskAudit]) -> None:
        """Write what is done, as the beginning of the file. Raises UserError."""
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            lines = [self._heading, *(task.as_json() for task in done.values())]
            self.path.write_text("".join(f"{json.dumps(line)}\n" for line in lines), encoding="utf-8")
        except OSError as error:
            raise UserError(f"cannot write to {self.path.parent}: {error.strerror}; choose another --output-dir") from error

    def add(self, task: TaskAudit) -> None:
        """Append a task."""
        with self.path.open("a", encoding="utf-8") as file:
            file.write(f"{json.dumps(task.as_json())}\n")


def examined(
    harness: Tau2Harness, domain: str, tasks: Sequence[Any], kept: Kept, progress: Progress, fast: bool, workers: int | None,
    modules: Sequence[str] = (),
) -> list[TaskAudit]:  # fmt: skip
    """Return what is found of tasks, in their order. `workers` None: as many processes as there are cores and the tasks are worth;
    `modules` are imported by each of them."""
    done = kept.read({str(task.id): TaskAudit.of(task).text for task in tasks})
    kept.begin(done)
    left = [task for task in tasks if str(task.id) not in done]
    several = workers if workers is not None else min(os.cpu_count() or 1, len(left) // _WORTH_A_PROCESS)
    for found in _by_processes(domain, left, fast, several, modules) if several > 1 else _here(harness, domain, left, fast):
        done[found.task] = found
        kept.add(found)
        progress(domain, len(done), len(tasks))
    return [done[str(task.id)] for task in tasks]


def _here(harness: Tau2Harness, domain: str, tasks: Sequence[Any], fast: bool) -> Iterator[TaskAudit]:
    examiners = Examiners(harness, fast)
    try:
        for task in tasks:
            yield examiners.of(domain).examine(task)
    finally:
        examiners.close()


def _by_processes(domain: str, tasks: Sequence[Any], fast: bool, workers: int, modules: Sequence[str]) -> Iterator[TaskAudit]:
    """Have processes of their own examine the tasks: each imports tau2, and reads the same data."""
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(workers, context, _begin, (fast, tuple(modules))) as pool:
        asked = [pool.submit(_examine, domain, str(task.id)) for task in tasks]
        try:
            yield from (one.result() for one in as_completed(asked))
        finally:
            for one in asked:
                one.cancel()


_OWN: dict[str, Examiners] = {}
"""The examiners of a worker process."""


def _begin(fast: bool, modules: Sequence[str]) -> None:
    harness = Tau2Harness.load(other_data=True)
    for name in modules:
        load_module(name)
    _OWN["here"] = Examiners(harness, fast)


def _examine(domain: str, task: str) -> TaskAudit:
    examiners = _OWN["here"]
    found = next(one for one in examiners.harness.tasks(domain, None) if str(one.id) == task)
    return examiners.of(domain).examine(found)
