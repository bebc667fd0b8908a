"""The folder of logs that the pages show: which runs are in it, and how far each of them is.

Only plain files directly in the folder, and in `runs/<run>/`, are read; a link that leads out of the folder is left alone. A run is
looked up by its name among those that were found: no name that a browser sends is ever made into a path.
"""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

from tau2_logging.errors import UserError
from tau2_logging.run_owner import NAME as OWNER
from tau2_logging.run_owner import STALE_S, is_running, read_owner
from tau2_logging.view.log_tail import LogTail
from tau2_logging.view.run_state import RunState
from tau2_logging.view.seen_event import seen_event

PATTERN = "tau2_*.log"
STARTING, RUNNING, FINISHED, STOPPED, BROKEN_OFF = "starting", "running", "finished", "stopped", "broken off"
_READ_S = 0.5
"""Reading goes on for so long at a look; what is left is read at the next one."""


@dataclass(frozen=True)
class Run:
    """A run that was found: what its log says, what run.json says (nothing if there is none), and whether it is still running."""

    name: str
    state: RunState
    saved: Mapping[str, Any]
    status: str
    logs: tuple[Path, ...]
    folder: Path | None


class RunsFolder:
    """The runs of a folder. `refresh` reads what is new; the rest only tells what was read."""

    def __init__(self, path: Path) -> None:
        if not path.is_dir():
            raise UserError(f"no folder {path}; give the folder that runs write their logs to (default: logs)")
        self.path = path.resolve()
        self._start_again()

    def _start_again(self) -> None:
        self._tails: dict[Path, LogTail] = {}
        self._states: dict[str, RunState] = {}
        self._logs: dict[str, dict[Path, None]] = {}
        self.unnamed = 0
        self.runs: dict[str, Run] = {}

    def refresh(self) -> None:
        """Read what has been written since the last time, for half a second at most."""
        folders = self._folders()
        before = {name for name, folder in folders.items() if _has_owner(folder)}
        self._look()
        until = time.monotonic() + _READ_S
        for tail in self._tails.values():
            while time.monotonic() < until and self._read(tail):
                pass
        # A run gives itself free after its last event: it is broken off only if nobody worked on it before the log was read, either.
        self.runs = {name: self._run(name, folders.get(name), name in before) for name in dict.fromkeys([*self._states, *folders])}

    @property
    def read_share(self) -> float:
        """How much of the logs has been read, from 0 to 1."""
        size = sum(tail.size for tail in self._tails.values())
        left = sum(tail.size - tail.position for tail in self._tails.values() if tail.more)
        return 1 - left / size if size else 1.0

    def _look(self) -> None:
        found = sorted(path for path in self.path.glob(PATTERN) if self.inside(path) and path.is_file())
        for path in found:
            self._tails.setdefault(path, LogTail(path))
        replaced = [tail for tail in self._tails.values() if tail.replaced()]  # looks at every one
        if replaced or self._tails.keys() - found:
            self._start_again()
            self._tails = {path: LogTail(path) for path in found}
            for tail in self._tails.values():
                tail.replaced()

    def inside(self, path: Path) -> bool:
        """Return whether a path, links followed, is in the folder."""
        try:
            return path.resolve(strict=True).is_relative_to(self.path)
        except (OSError, RuntimeError):
            return False

    def _read(self, tail: LogTail) -> bool:
        """Read a piece; whether there is more."""
        before = tail.position
        try:
            lines = tail.lines()
        except OSError:
            return False
        for line in lines:
            event = seen_event(line)
            if event is None:
                self.unnamed += b" type=" in line
                continue
            if event.run not in self._states:
                self._states[event.run] = RunState(event.run)
                self._logs[event.run] = {}
            self._logs[event.run][tail.path] = None
            self._states[event.run].take(event)
        return tail.position > before

    def _folders(self) -> dict[str, Path]:
        """Return the folders of runs, by name."""
        parent = self.path / "runs"
        if not self.inside(parent) or not parent.is_dir():
            return {}
        return {path.name: path for path in sorted(parent.iterdir()) if self.inside(path / "run.json")}

    def _run(self, name: str, folder: Path | None, had_owner: bool) -> Run:
        state = self._states.get(name) or RunState(name)
        logs = tuple(self._logs.get(name, ()))
        status = _status(state, had_owner or _has_owner(folder) if folder else _is_fresh(logs))
        return Run(name, state, _saved(folder), status, logs, folder)


def _status(state: RunState, alive: bool) -> str:
    if state.over:
        return STOPPED if state.why_stopped else FINISHED
    return BROKEN_OFF if not alive else RUNNING if state.domains else STARTING


def _has_owner(folder: Path) -> bool:
    owner = folder / OWNER
    return is_running(read_owner(owner), owner)


def _is_fresh(logs: tuple[Path, ...]) -> bool:
    """A log without its run folder says nothing of the process; its age does."""
    return any(time.time() - path.stat().st_mtime < STALE_S for path in logs if path.exists())


def _saved(folder: Path | None) -> Mapping[str, Any]:
    if folder is None:
        return {}
    try:
        path = folder / "run.json"
        return _parsed(path, path.stat().st_mtime_ns)
    except OSError:
        return {}


@lru_cache(maxsize=1024)
def _parsed(path: Path, _: int) -> Mapping[str, Any]:
    """Return what a file says, read again when it has changed."""
    try:
        data = json.loads(path.read_text(encoding="utf-8"))
    except ValueError:
        return {}
    return data if isinstance(data, dict) else {}
