"""One process at a time works on a run: two would pay for each simulation twice.

runs/<run>/running.json names the process (see `run_owner`). It is removed at the end; what a killed process left is taken over.
"""

from __future__ import annotations

import contextlib
import json
import os
import secrets
import time
from collections.abc import Iterator
from pathlib import Path

from tau2_logging.errors import UserError
from tau2_logging.run_owner import NAME, is_running, read_owner, this_machine, this_process

FRESHEN_S = 10.0


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
            part.write_text(json.dumps({**this_process(), "mark": self._mark}) + "\n", encoding="utf-8")
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
            if read_owner(self.path).get("mark") == self._mark:
                self.path.unlink()


def _refuse_if_running(path: Path) -> None:
    owner = read_owner(path)
    if not is_running(owner, path):
        return
    elsewhere = "" if owner.get("machine") == this_machine() else f" on {owner.get('machine')}"
    raise UserError(
        f"run {path.parent.name} is still running (process {owner.get('pid')}{elsewhere}): two would pay for each simulation twice; "
        f"wait for its end, or stop it first"
    )


@contextlib.contextmanager
def _only_one(directory: Path) -> Iterator[None]:
    """Hold the folder for the moment in which the lock is looked at and taken, if the system can do that."""
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
