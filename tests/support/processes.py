"""Which processes are there."""

from __future__ import annotations

import contextlib
import os
import time
from pathlib import Path

from tests.support.patience import LONG_S


def alive(pid: int) -> bool:
    """Whether a process runs; one that has ended and not been waited for does not."""
    with contextlib.suppress(OSError):
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] not in "ZX"
    return False


def with_word(word: str) -> list[str]:
    """Command lines of the running processes that hold a word."""
    found = []
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        with contextlib.suppress(OSError):
            line = path.read_bytes().replace(b"\0", b" ").decode(errors="replace")
            if word in line and alive(int(path.parent.name)):
                found.append(line)
    return found


def holding(folder: Path) -> list[int]:
    """Running processes with a file of a folder open, as a worker has its log; this one left out."""
    found = set()
    for link in Path("/proc").glob("[0-9]*/fd/*"):
        with contextlib.suppress(OSError):
            if os.readlink(link).startswith(f"{folder}/"):
                found.add(int(link.parts[2]))
    return sorted(pid for pid in found - {os.getpid()} if alive(pid))


def gone(pids: list[int], within_s: float = LONG_S) -> bool:
    """Whether all of them have ended, waiting for it."""
    deadline = time.monotonic() + within_s
    while any(alive(pid) for pid in pids):
        if time.monotonic() > deadline:
            return False
        time.sleep(0.02)
    return True
