"""Which process works on a run: runs/<run>/running.json names it, and the system is asked whether it still runs.

If it is on another machine (or in another container), the age of the file tells, which its owner keeps fresh.
"""

from __future__ import annotations

import contextlib
import json
import os
import socket
import subprocess
import time
from pathlib import Path
from typing import Any

NAME = "running.json"
STALE_S = 90.0
"""A file of another machine that is older than this has no owner any more."""


def read_owner(path: Path) -> dict[str, Any]:
    """Return what the file says; nothing if there is none, or it is damaged."""
    try:
        data = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    whole = isinstance(data, dict) and isinstance(data.get("machine"), str) and type(data.get("pid")) is int and data["pid"] > 0
    return data if whole else {}


def is_running(owner: dict[str, Any], path: Path) -> bool:
    """Return whether the process that the file at `path` names still works on the run; `owner` is what the file says."""
    if not owner:
        return False
    if owner.get("machine") != this_machine():
        with contextlib.suppress(OSError):
            return time.time() - path.stat().st_mtime < STALE_S
        return False
    started = started_at(owner["pid"])
    return started is not None and started == owner.get("started")


def this_process() -> dict[str, object]:
    """Return what the file says of the process that calls this."""
    return {"pid": os.getpid(), "started": started_at(os.getpid()), "machine": this_machine()}


def this_machine() -> str:
    """Return the machine, and the container on it: process ids count for nothing outside."""
    try:
        return f"{socket.gethostname()} {os.readlink('/proc/self/ns/pid')}"
    except OSError:
        return socket.gethostname()


def started_at(pid: int) -> str | None:
    """Return when a process started, in the system's own words, so that a process id that is used again is not taken for the first; None
    for a process that has ended."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace").rpartition(")")[2].split()
        return None if fields[0] in "ZX" else fields[19]
    except (OSError, IndexError):
        return None if os.path.isdir("/proc/self") else _asked_of_ps(pid)


def _asked_of_ps(pid: int) -> str | None:
    """If there is no /proc (macOS)."""
    try:
        answer = subprocess.run(["ps", "-o", "lstart=", "-p", str(pid)], capture_output=True, text=True, timeout=10, check=False)
    except (OSError, subprocess.SubprocessError):
        return "unknown"
    return answer.stdout.strip() or None
