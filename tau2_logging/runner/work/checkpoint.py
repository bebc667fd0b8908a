"""What is finished, kept so that a run can go on after anything: one appended line per simulation, never rewritten.

runs/<run>/run.json                       what was asked for, versions, seeds
runs/<run>/simulations_{domain}.jsonl     one line per simulation, as it ends
runs/<run>/prompts_{domain}.jsonl         system prompts and tools of its simulations, each once
runs/<run>/results_{domain}.json          tau2's own Results format, assembled at the end (`tau2 view` opens it)
"""

from __future__ import annotations

import json
import math
import os
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping, Set
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tau2_logging.errors import UserError
from tau2_logging.events.logfmt import clean
from tau2_logging.events.secrets.masking import shorten
from tau2_logging.logger.scope import INTERRUPTED
from tau2_logging.runner.work.dumping import dumped
from tau2_logging.sinks.appender import Appender

Key = tuple[str, str, int]
PLAYED = "played"
"""Status of a row that holds a conversation before it is evaluated. It is no result: its `simulation` is null, and the conversation is in
`played`, where nobody looks for one."""
_ROW_TYPES: dict[str, tuple[type, ...]] = {
    "domain": (str,),
    "task": (str,),
    "trial": (int,),
    "status": (str,),
    "reward": (int, float, type(None)),
    "seed": (int, type(None)),
    "simulation": (dict, type(None)),
}


@dataclass(frozen=True)
class Row:
    """A line of the checkpoint: a simulation that ended, or (status PLAYED) one that was played and is not evaluated.

    `simulation` is tau2's SimulationRun as JSON text, None if there is none; `note` says what is special about it. `calls` are its model
    calls as JSON text (see `call_tape`), `texts` those of their system prompts and tools, by hash; `left_recording` says where a replayed
    simulation differs from its recording and went on.
    """

    domain: str
    task: str
    trial: int
    seed: int
    status: str
    reward: float | None
    termination: str | None
    duration_ms: float
    error: str | None = None
    simulation: str | None = None
    messages: str | None = None
    note: str | None = None
    calls: str | None = None
    texts: Mapping[str, str] = field(default_factory=dict)
    left_recording: str | None = None

    @property
    def key(self) -> Key:
        """(domain, task, trial): what a run has one finished row of."""
        return self.domain, self.task, self.trial

    def line(self) -> bytes:
        """As one line. The JSON that tau2 has made is put in as it is, last."""
        head = {
            name: getattr(self, name)
            for name in ("domain", "task", "trial", "seed", "status", "reward", "termination", "duration_ms", "error")
        }
        if self.note is not None:
            head["note"] = self.note
        if self.left_recording is not None:
            head["left_recording"] = self.left_recording
        text = json.dumps(head, ensure_ascii=False)[:-1]
        text += f', "calls": {self.calls}' if self.calls is not None else ""
        simulation = self.simulation or "null"
        if self.status == PLAYED:
            text += f', "played": {simulation}'
            simulation = "null"
        text += f', "messages": {self.messages or "null"}, "simulation": {simulation}}}\n'
        return text.encode("utf-8", "replace")


class Checkpoint:
    """The lines of a run, appended to from any thread."""

    def __init__(self, directory: Path, domains: Iterable[str]) -> None:
        self._files = {domain: Appender(directory / f"simulations_{domain}.jsonl") for domain in domains}
        self._prompts = {domain: PromptTexts(directory / f"prompts_{domain}.jsonl") for domain in self._files}

    def append(self, row: Row) -> None:
        """Keep a finished or a played simulation. Raises OSError if the disk refuses: what is lost here is the result."""
        self._prompts[row.domain].keep(row.texts)
        file = self._files[row.domain]
        file.follow()
        file.append(row.line())
        if file.error is not None:
            raise file.error

    def reopened(self) -> list[str]:
        """Return files that were moved away or removed and have been opened again."""
        return [str(file.path) for file in self._files.values() if file.reopened]

    def close(self) -> None:
        """Close the files; what was appended is in them already."""
        for file in self._files.values():
            file.close()
        for prompts in self._prompts.values():
            prompts.close()


class PromptTexts:
    """The system prompts and tools of a domain's simulations, each once, as lines of `{"hash": ..., "text": ...}`. The file is there
    once it has a line. A text that cannot be written is done without: a difference to it is then told without the recorded words."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._known: set[str] = set()
        self._file: Appender | None = None
        self._lock = threading.Lock()

    def keep(self, texts: Mapping[str, str]) -> None:
        """Write the texts that are not there yet."""
        with self._lock:
            new = {name: text for name, text in texts.items() if name not in self._known}
            if new:
                self._known |= new.keys()
                with suppress(OSError, UserError):
                    self._file = self._file or Appender(self._path)
                    lines = (json.dumps({"hash": name, "text": text}, ensure_ascii=False) for name, text in new.items())
                    self._file.append("".join(f"{line}\n" for line in lines).encode("utf-8", "replace"))

    def close(self) -> None:
        """Close the file, if there was anything to write."""
        if self._file is not None:
            self._file.close()


def read_rows(path: Path, refused: list[str] | None = None) -> Iterator[dict[str, Any]]:
    """Yield the lines of a checkpoint that tell how a simulation ended, in order; a line cut short by a kill is passed over.

    So is one that was edited or damaged so that it cannot be a row; `refused` is told which and why.
    """
    yield from (row for row in _lines(path, refused) if row["status"] != PLAYED)


def was_interrupted(row: Mapping[str, Any]) -> bool:
    """Return whether a row is of a simulation that was in flight when the run was stopped: it has not ended."""
    return bool(row["status"] == INTERRUPTED)


def played_rows(directory: Path, domains: Iterable[str]) -> dict[Key, dict[str, Any]]:
    """Return the last row with a conversation of each simulation that was played, evaluated or not."""
    rows = (row for domain in domains for row in _lines(directory / f"simulations_{domain}.jsonl", None) if row["status"] == PLAYED)
    return {(row["domain"], row["task"], row["trial"]): row for row in rows if isinstance(row.get("played"), dict)}


def _lines(path: Path, refused: list[str] | None) -> Iterator[dict[str, Any]]:
    if not path.exists():
        return
    with open(path, encoding="utf-8", errors="replace") as file:
        for number, line in enumerate(file, 1):
            try:
                row = json.loads(line)
            except (ValueError, RecursionError):
                continue
            wrong = _misfit(row)
            if wrong is None:
                yield row
            elif refused is not None:
                refused.append(f"{path.name}, line {number}: {wrong}")


def _misfit(row: Any) -> str | None:
    """Return why something cannot be a row."""
    if not isinstance(row, dict):
        return "it is not an object"
    for name, kinds in _ROW_TYPES.items():
        value = row.get(name)
        if not isinstance(value, kinds) or isinstance(value, bool):
            return f"{name} is {shorten(json.dumps(value), 60)}"
    reward = row.get("reward")
    return f"reward is {reward}" if isinstance(reward, float) and not math.isfinite(reward) else None


def finished(directory: Path, domains: Iterable[str], refused: list[str] | None = None) -> dict[Key, dict[str, Any]]:
    """Return the simulations that need not be run again: those with status ok whose result is there. Their rows are without the bulk of
    the conversation; `refused` is told of rows that cannot be read."""
    found: dict[Key, dict[str, Any]] = {}
    for domain in domains:
        for row in read_rows(directory / f"simulations_{domain}.jsonl", refused):
            if row["status"] == "ok" and row.pop("simulation", None) is not None:
                row.pop("messages", None)
                found[row["domain"], row["task"], row["trial"]] = row
            elif row["status"] == "ok" and refused is not None:
                refused.append(f"simulations_{domain}.jsonl: task {shorten(row['task'], 60)} is ok, but its simulation is null")
    return found


def results_path(directory: Path, domain: str) -> Path:
    """Return where tau2's Results of a domain are written."""
    return directory / f"results_{domain}.json"


def write_results(
    directory: Path,
    domain: str,
    info_json: str,
    tasks: Iterable[Any],
    timestamp: str,
    wanted: Set[Key] | None = None,
    task_text: Callable[[str], str] = str,
) -> set[Key]:
    """Assemble tau2's Results of a domain from the checkpoint, in one pass and without holding it in memory; which simulations it holds.

    Simulations that failed are not in it: an infrastructure failure is no reward of 0. Nor are those that are not `wanted`: somebody has
    put them there. `task_text` is what becomes of a task's JSON. Raises OSError if it cannot be written; what was there before is then
    still there.
    """
    path = results_path(directory, domain)
    part = path.with_suffix(".part")
    written: set[Key] = set()
    with open(part, "w", encoding="utf-8") as file:
        task_list = ",".join(task_text(str(dumped(task).text)) for task in tasks)
        file.write(f'{{"timestamp": {json.dumps(timestamp)}, "info": {info_json}, "tasks": [{task_list}], "simulations": [')
        for row in _first_ok(directory / f"simulations_{domain}.jsonl", wanted):
            file.write(("," if written else "") + "\n" + clean(json.dumps(row["simulation"], ensure_ascii=False)))
            written.add((row["domain"], row["task"], row["trial"]))
        file.write("]}\n")
    os.replace(part, path)
    return written


def _first_ok(path: Path, wanted: Set[Key] | None) -> Iterator[dict[str, Any]]:
    seen: set[Key] = set()
    for row in read_rows(path):
        key = (row["domain"], row["task"], row["trial"])
        known = wanted is None or key in wanted
        if known and row["status"] == "ok" and row.get("simulation") is not None and key not in seen:
            seen.add(key)
            yield row
