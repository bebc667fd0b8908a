"""Workers as processes of this machine, each with an interpreter of its own.

Not forks of the run itself: it has threads by now, and a fork of them would hold locks that nobody opens. A worker is a fork of a process
that has done nothing but import (`forked_workers`), or a new program where that cannot be had. It has a session of its own, so that Ctrl-C
reaches the run alone, which then lets it leave.
"""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Mapping
from contextlib import suppress
from multiprocessing.connection import Connection
from pathlib import Path
from typing import IO, Any

from tau2_logging.posix_only import require_posix
from tau2_logging.runner.executors.forked_workers import ForkedProcess, ForkedWorkers, can_fork
from tau2_logging.runner.executors.worker_pool import Inbox, Lost
from tau2_logging.runner.executors.worker_session import STOP
from tau2_logging.runner.work.run_plan import Unit
from tau2_logging.runner.work.run_spec import RunSpec, WorkerSpec

_END_S = 2.0
_TAIL = 2000


def cpus() -> int:
    """Return the cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


class ProcessBackend:
    """Workers of this machine."""

    own_files = True
    environment: Mapping[str, str] = {}

    def __init__(self, run_spec: RunSpec) -> None:
        require_posix("--executor processes", "use --executor threads, the default there")
        self.cpus = cpus()
        self._run_spec = run_spec
        self._forks = ForkedWorkers(_environment()) if can_fork() else None

    def start(self, worker_spec: WorkerSpec, inbox: Inbox) -> ProcessWorker:
        """Start a worker."""
        log = self._run_spec.directory / "workers" / f"{worker_spec.name}.log"
        return ProcessWorker(self._run_spec, worker_spec, inbox, log, self._forks)

    def close(self) -> None:
        """Leave no process and no empty folder."""
        if self._forks is not None:
            self._forks.close()
        with suppress(OSError):
            (self._run_spec.directory / "workers").rmdir()


class ProcessWorker:
    """A worker process. What it prints goes to `log`, which is kept if it has any content. It is forked if `forks` can do so."""

    def __init__(self, run_spec: RunSpec, worker_spec: WorkerSpec, inbox: Inbox, log: Path, forks: ForkedWorkers | None) -> None:
        self.name = worker_spec.name
        self.slots = worker_spec.slots
        self._inbox = inbox
        self._log = log
        log.parent.mkdir(parents=True, exist_ok=True)
        self._forks = forks
        self._process: subprocess.Popen[bytes] | ForkedProcess | None = None
        ours, self._theirs = socket.socketpair()
        self._connection = Connection(ours.detach())
        self._sending = threading.Lock()
        self._thread = threading.Thread(target=self._live, args=((run_spec, worker_spec),), name=f"worker {self.name}", daemon=True)
        self._thread.start()

    def send(self, unit: Unit) -> None:
        """Give it a unit."""
        self._put(unit)

    def ask_to_leave(self) -> None:
        """Tell it that there is nothing more to do."""
        self._put(STOP)

    def end(self) -> None:
        """Have it gone. Idempotent."""
        if self._process is None and self._forks is not None:  # it waits to be forked
            self._forks.close()
            self._thread.join(_END_S)
        if self._process is not None:
            if self._process.poll() is None:
                self._process.kill()
            self._process.wait()
        self._thread.join(_END_S)
        self._connection.close()
        if self._log.exists() and self._log.stat().st_size == 0:
            self._log.unlink()

    def _put(self, message: Any) -> None:
        try:
            with self._sending:
                self._connection.send(message)
        except (OSError, ValueError):
            pass  # it is gone, and the listener says so

    def _live(self, first: Any) -> None:
        """Start the process, tell it what it is to work for, and hear what it says."""
        try:
            with self._theirs, open(self._log, "wb") as output:
                self._process = self._started(self._theirs.fileno(), output)
        except OSError as error:
            self._inbox.put((self, Lost(f"it could not be started: {error}")))
            return
        if self._process is None:
            self._inbox.put((self, Lost("nobody is wanted any more")))
            return
        self._put(first)
        self._listen()

    def _started(self, connection: int, output: IO[bytes]) -> subprocess.Popen[bytes] | ForkedProcess | None:
        forked = self._forks.fork(connection, output.fileno()) if self._forks is not None else None
        if forked is not None or (self._forks is not None and self._forks.closed):
            return forked
        return subprocess.Popen(
            [sys.executable, "-m", "tau2_logging.runner.executors.worker_main", str(connection)],
            stdin=subprocess.DEVNULL, stdout=output, stderr=subprocess.STDOUT, env=_environment(), pass_fds=[connection],
            start_new_session=True,
        )  # fmt: skip

    def _listen(self) -> None:
        while True:
            try:
                report = self._connection.recv()
            except Exception as error:  # the end of the stream, or a message cut short
                self._inbox.put((self, Lost(self._how_it_ended(error))))
                return
            self._inbox.put((self, report))

    def _how_it_ended(self, error: Exception) -> str:
        code = self._waited()
        if not isinstance(error, EOFError | OSError):
            return f"its message could not be read ({type(error).__name__}: {error})"
        how = f"killed by {signal.Signals(-code).name}" if code < 0 else f"exit code {code}"
        said = self._last_line()
        return f"{how}; it said: {said} (see {self._log})" if said else how

    def _waited(self) -> int:
        """Its exit code. It is about to end, or will never say anything again."""
        assert self._process is not None
        try:
            return self._process.wait(_END_S)
        except subprocess.TimeoutExpired:
            self._process.kill()
            return self._process.wait()

    def _last_line(self) -> str:
        try:
            lines = self._log.read_bytes()[-_TAIL:].decode("utf-8", "replace").split("\n")
        except OSError:
            return ""
        return next((line.strip() for line in reversed(lines) if line.strip()), "")


def _environment() -> dict[str, str]:
    """Return what this process finds, its worker finds too."""
    return {**os.environ, "PYTHONPATH": os.pathsep.join(path or os.getcwd() for path in sys.path)}
