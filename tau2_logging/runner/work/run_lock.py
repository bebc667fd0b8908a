"""One process at a time works on a run: two would pay for each simulation twice.

runs/<run>/running.json names the process. It is removed at the end; what a killed process left is taken over. The system is asked whether
the process still runs; if it is on another machine (or in another container), the age of the file tells, which its owner keeps fresh.
"""

from __future__ import annotations

import contextlib
import json
import os
import secrets
import socket
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from tau2_logging.errors import UserError

NAME = "running.json"
FRESHEN_S = 10.0
STALE_S = 90.0
"""A lock of another machine that is older than this has no owner any more."""


class RunLock:
    """The lock of one run folder, held from construction to `release`. Raises UserError if somebody else holds it."""

    def __init__(self, directory: Path) -> None:
        self.path = directory / NAME
        self._fresh_s = time.monotonic()
        self._mark = secrets.token_hex(8)
        with _only_one(directory):
            _refuse_if_running(self.path)
            self._write()

    def _write(self) -> None:
        part = self.path.with_suffix(".part")
        try:
            part.write_text(json.dumps({**_this_process(), "mark": self._mark}) + "\n", encoding="utf-8")
            os.replace(part, self.path)
        except OSError as error:
            raise UserError(f"cannot write {self.path}: {error.strerror}; make room or make it writable") from error

    def freshen(self) -> None:
        """Show that the owner is alive. To be called often; never raises."""
        if time.monotonic() - self._fresh_s > FRESHEN_S:
            self._fresh_s = time.monotonic()
            with contextlib.suppress(OSError):
                os.utime(self.path)

    def release(self) -> None:
        """Give the run free, if it is still ours. Never raises."""
        with contextlib.suppress(OSError):
            if _read(self.path).get("mark") == self._mark:
                self.path.unlink()


def _refuse_if_running(path: Path) -> None:
    owner = _read(path)
    if not owner or not _is_running(owner, path):
        return
    elsewhere = "" if owner.get("machine") == _machine() else f" on {owner.get('machine')}"
    raise UserError(
        f"run {path.parent.name} is still running (process {owner.get('pid')}{elsewhere}): two would pay for each simulation twice; "
        f"wait for its end, or stop it first"
    )


def _is_running(owner: dict[str, Any], path: Path) -> bool:
    if owner.get("machine") != _machine():
        with contextlib.suppress(OSError):
            return time.time() - path.stat().st_mtime < STALE_S
        return False
    started = started_at(owner["pid"])
    return started is not None and started == owner.get("started")


def _read(path: Path) -> dict[str, Any]:
    """What the lock says; nothing if there is none, or it is damaged."""
    try:
        data = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    whole = isinstance(data, dict) and isinstance(data.get("machine"), str) and type(data.get("pid")) is int and data["pid"] > 0
    return data if whole else {}


def _this_process() -> dict[str, object]:
    return {"pid": os.getpid(), "started": started_at(os.getpid()), "machine": _machine()}


def _machine() -> str:
    """The machine, and the container on it: process ids count for nothing outside."""
    try:
        return f"{socket.gethostname()} {os.readlink('/proc/self/ns/pid')}"
    except OSError:
        return socket.gethostname()


def started_at(pid: int) -> str | None:
    """When a process began, in the system's own words, so that a process id that is used again is not taken for the first; None for a
    process that has ended."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace").rpartition(")")[2].split()
        return None if fields[0] in "ZX" else fields[19]
    except (OSError, IndexError):
        return None if os.path.isdir("/proc/self") else _asked_of_ps(pid)


def _asked_of_ps(pid: int) -> str | None:
    """Where there is no /proc (macOS)."""
    try:
        answer = subprocess.run(["ps", "-o", "lstart=", "-p", str(pid)], capture_output=True, text=True, timeout=10, check=False)
    except (OSError, subprocess.SubprocessError):
        return "unknown"
    return answer.stdout.strip() or None


@contextlib.contextmanager
def _only_one(directory: Path) -> Iterator[None]:
    """Hold the folder for the moment in which the lock is looked at and taken, where the system can do that."""
    try:
        import fcntl

        fd = os.open(directory, os.O_RDONLY)
    except (ImportError, OSError):
        yield
        return
    try:
        with contextlib.suppress(OSError):
            fcntl.flock(fd, fcntl.LOCK_EX)
        yield
    finally:
        os.close(fd)
