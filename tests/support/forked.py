"""Start our commands as processes that have imported tau2 and litellm already: real processes, with signals, streams and exit codes, that
cost 4 s of CPU less than an interpreter of their own. `python -m tests.support.forked run_local.py WORDS...` is for a shell.

They come from `tests.support.fork_server`, one for all test processes, which is started with the first.
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import resource
import select
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import IO, Any

ROOT = Path(__file__).resolve().parents[2]
PLACE = "TAU2_LOGGING_TESTS_FORKS"
"""A variable with the process that owns the server and the folder of its socket, by which all that a test starts finds it."""
FRESH_WORKERS = "TAU2_LOGGING_TESTS_FRESH_WORKERS"
"""Set for a program that is started here, it has its worker processes be interpreters of their own."""
START_S = 300.0
_STARTED: list[subprocess.Popen[bytes]] = []


def own_server() -> Path:
    """Have this process be the owner of the server, unless it has one already. Returns the server's folder."""
    if PLACE not in os.environ:
        os.environ[PLACE] = f"{os.getpid()}:{tempfile.mkdtemp(prefix='forks')}"
    return Path(os.environ[PLACE].partition(":")[2])


def forget_server() -> None:
    """The end of its owner. The server notices that by itself, and nobody waits for it."""
    for server in _STARTED:
        server.returncode = 0  # else its Popen warns that it is still running
    owner, _, folder = os.environ.get(PLACE, "").partition(":")
    if owner == str(os.getpid()):
        shutil.rmtree(folder, ignore_errors=True)


def address() -> str:
    """The socket of the server, which is started by the first who asks."""
    folder, owner = own_server(), os.environ[PLACE].partition(":")[0]
    path = f"{folder}/socket"
    with open(f"{folder}/lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not os.path.exists(path):
            with open(f"{folder}/log", "w") as log:
                words = [sys.executable, "-m", "tests.support.fork_server", path, owner]
                _STARTED.append(subprocess.Popen(words, cwd=ROOT, stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True))
            _await(path, _STARTED[-1], Path(folder, "log"))
    return path


def _await(path: str, server: subprocess.Popen[bytes], log: Path) -> None:
    deadline = time.monotonic() + START_S
    while not os.path.exists(path):
        if server.poll() is not None or time.monotonic() > deadline:
            raise RuntimeError(f"no prepared process can be had: {log.read_text()[-2000:]}")
        time.sleep(0.02)


class Forked:
    """What of subprocess.Popen is needed, for `[sys.executable, "run_local.py", ...]` or `[sys.executable, "-m", module, ...]`. Streams are
    text."""

    def __init__(
        self, words: Sequence[str], *, cwd: Any = None, env: Mapping[str, str] | None = None, stdin: Any = subprocess.DEVNULL,
        stdout: Any = None, stderr: Any = None, pass_fds: Sequence[int] = (), start_new_session: bool = False, text: bool = True,
    ) -> None:  # fmt: skip
        assert words[0] == sys.executable
        socket_path = address()
        self.args = words
        self.returncode: int | None = None
        self._lock = threading.Lock()
        self._said = b""
        nothing = os.open(os.devnull, os.O_RDWR)
        opened = [nothing]

        def its_end(asked: Any, number: int, mode: str) -> tuple[IO[str] | None, int]:
            if asked == subprocess.PIPE:
                read, write = os.pipe()
                its, ours = (write, read) if mode == "r" else (read, write)
                opened.append(its)
                return open(ours, mode, encoding="utf-8"), its
            return None, nothing if asked == subprocess.DEVNULL else number if asked is None else _number(asked)

        self.stdin, first = its_end(stdin, 0, "w")
        self.stdout, second = its_end(stdout, 1, "r")
        self.stderr, third = (None, second) if stderr == subprocess.STDOUT else its_end(stderr, 2, "r")
        request = {
            "words": [str(word) for word in words[1:]], "cwd": os.fspath(cwd or os.getcwd()),
            "env": dict(os.environ if env is None else env), "own_session": start_new_session,
            "file_size": resource.getrlimit(resource.RLIMIT_FSIZE)[0],
        }  # fmt: skip
        request["env"].setdefault(PLACE, os.environ.get(PLACE, ""))
        self._connection = _sent(socket_path, request, {0: first, 1: second, 2: third, **{fd: fd for fd in pass_fds}})
        for fd in opened:
            os.close(fd)
        while b"\n" not in self._said:
            self._hear()
        number, _, self._said = self._said.partition(b"\n")
        self.pid = int(number)

    def _hear(self) -> None:
        heard = self._connection.recv(64)
        if not heard:
            raise RuntimeError("the keeper of a prepared process has gone")
        self._said += heard

    def poll(self) -> int | None:
        """Its exit code, or None while it runs."""
        with contextlib.suppress(subprocess.TimeoutExpired):
            return self.wait(0)
        return None

    def wait(self, timeout: float | None = None) -> int:
        """Its exit code."""
        with self._lock:
            while self.returncode is None:
                if not select.select([self._connection], [], [], timeout)[0]:
                    raise subprocess.TimeoutExpired(self.args, timeout or 0)
                self._hear()
                if self._said.endswith(b"\n"):
                    self.returncode = int(self._said)
                    self._connection.close()
            return self.returncode

    def send_signal(self, number: int) -> None:
        """Unless it has ended."""
        if self.poll() is None:
            os.kill(self.pid, number)

    def kill(self) -> None:
        """SIGKILL."""
        self.send_signal(signal.SIGKILL)

    def terminate(self) -> None:
        """SIGTERM."""
        self.send_signal(signal.SIGTERM)

    def communicate(self, timeout: float | None = None) -> tuple[str, str]:
        """Read what it prints until it has ended."""
        deadline = None if timeout is None else time.monotonic() + timeout
        said: dict[int, str] = {1: "", 2: ""}
        readers = [
            threading.Thread(target=_read, args=(stream, said, n), daemon=True)
            for n, stream in ((1, self.stdout), (2, self.stderr))
            if stream
        ]
        for reader in readers:
            reader.start()
        for reader in readers:
            reader.join(None if deadline is None else max(0.0, deadline - time.monotonic()))
        self.wait(None if deadline is None else max(0.0, deadline - time.monotonic()))
        return said[1], said[2]

    def __enter__(self) -> Forked:
        return self

    def __exit__(self, *details: object) -> None:
        for stream in (self.stdin, self.stdout, self.stderr):
            if stream is not None:
                stream.close()
        self.wait()


def _read(stream: IO[str], said: dict[int, str], number: int) -> None:
    with stream:
        said[number] = stream.read()


def _number(file: Any) -> int:
    return file if isinstance(file, int) else int(file.fileno())


def _sent(socket_path: str, request: dict[str, Any], fds: dict[int, int]) -> socket.socket:
    """The connection on which the keeper of the new process will speak."""
    text = json.dumps({**request, "fds": list(fds)}).encode()
    connection = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    connection.connect(socket_path)
    socket.send_fds(connection, [f"{len(text):08d}".encode()], list(fds.values()))
    connection.sendall(text)
    return connection


def run_forked(words: Sequence[str], timeout: float | None = None, **how: Any) -> subprocess.CompletedProcess[str]:
    """What `subprocess.run(words, capture_output=True, text=True)` gives."""
    process = Forked(words, **{"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, **how})
    try:
        out, err = process.communicate(timeout)
    except BaseException:
        process.kill()
        raise
    return subprocess.CompletedProcess(words, process.wait(), out, err)


def _started(words: Sequence[str], **how: Any) -> Any:
    ours = list(words[:2]) == [sys.executable, "-m"] and words[2].startswith("tau2_logging.")
    return Forked(words, **how) if ours else subprocess.Popen(words, **how)


SUBPROCESS: Any = SimpleNamespace(**{**vars(subprocess), "Popen": _started})
"""Take it for the module `subprocess` of one of our modules, and the programs of ours that it starts are prepared ones."""


if __name__ == "__main__":
    code = Forked([sys.executable, *sys.argv[1:]], stdin=0).wait()
    if code < 0:
        os.kill(os.getpid(), -code)
    sys.exit(code)
