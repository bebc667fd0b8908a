"""Workers forked from a process that has imported tau2 and litellm already (`fork_main`): each saves the seconds of the import, and shares
its memory.

Only on Linux: on macOS a fork of a process that has loaded system frameworks may crash. Wherever it does not work, workers are started as
new programs.
"""

from __future__ import annotations

import os
import select
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Mapping
from contextlib import suppress

from tau2_logging.runner.executors.fork_main import NUMBER

_KILLED = -signal.SIGKILL


class ForkedProcess:
    """A worker that another process has forked: what of `subprocess.Popen` a worker needs. `told` is where its status comes from."""

    def __init__(self, pid: int, told: int, words: str) -> None:
        self.pid = pid
        self.returncode: int | None = None
        self._told = told
        self._words = words
        self._lock = threading.Lock()

    def poll(self) -> int | None:
        """Return its exit code, None while it runs."""
        with suppress(subprocess.TimeoutExpired):
            return self.wait(0)
        return None

    def wait(self, timeout: float | None = None) -> int:
        """Return its exit code, negative for a signal. Raises subprocess.TimeoutExpired."""
        with self._lock:
            if self.returncode is None:
                if not select.select([self._told], [], [], timeout)[0]:
                    raise subprocess.TimeoutExpired(self._words, timeout or 0)
                heard = _number(self._told)
                os.close(self._told)
                self.returncode = _KILLED if heard is None else heard  # what forked it has been killed, and has nothing to tell
            return self.returncode

    def kill(self) -> None:
        """End it at once."""
        if self.poll() is None:
            with suppress(ProcessLookupError):
                os.kill(self.pid, signal.SIGKILL)


class ForkedWorkers:
    """The process that workers are forked from. It starts at once, with `environment`; its imports take some seconds."""

    def __init__(self, environment: Mapping[str, str]) -> None:
        self._lock = threading.Lock()
        self._closed = False
        ours, theirs = socket.socketpair()
        self._control = ours
        words = [sys.executable, "-m", "tau2_logging.runner.executors.fork_main", str(theirs.fileno())]
        with theirs:
            self._process = subprocess.Popen(
                words, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, env=dict(environment),
                pass_fds=[theirs.fileno()], start_new_session=True,
            )  # fmt: skip

    @property
    def closed(self) -> bool:
        """Whether nobody is wanted any more."""
        return self._closed

    def fork(self, connection: int, log: int) -> ForkedProcess | None:
        """Return a worker that has these descriptors, which remain the caller's too. Waits for the imports. None if there can be none."""
        read, write = os.pipe()
        try:
            with self._lock:
                socket.send_fds(self._control, [b"f"], [connection, log, write])
        except OSError:
            os.close(read)
            return None
        finally:
            os.close(write)
        pid = _number(read)
        if pid is None:
            os.close(read)
            return None
        return ForkedProcess(pid, read, "worker")

    def close(self) -> None:
        """Have it gone, also in the middle of its imports. Idempotent."""
        self._closed = True
        if self._process.poll() is None:
            self._process.kill()
        self._process.wait()
        self._control.close()


def can_fork() -> bool:
    """Return whether workers are forked on this platform."""
    return sys.platform == "linux" and hasattr(socket, "send_fds")


def _number(descriptor: int) -> int | None:
    """Return the next number from a pipe; None if its other end is gone."""
    heard = os.read(descriptor, NUMBER.size)
    return int(NUMBER.unpack(heard)[0]) if len(heard) == NUMBER.size else None
