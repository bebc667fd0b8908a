"""Prepared Python processes: `python -m tests.support.fork_server SOCKET OWNER`, started by `tests.support.forked`.

tau2 and litellm, whose import takes seconds, are imported once. Each program is a forked child that runs its script or module as
`__main__`: a process with its own arguments, environment, folder and streams, which signals reach and which ends as an interpreter ends.
It differs from a fresh interpreter in four ways: modules are imported already, `PYTHON*` variables but PYTHONPATH have no effect, `ps`
shows the command line of this server, and garbage is collected less often. The server ends when the process OWNER has ended.
"""

from __future__ import annotations

import atexit
import contextlib
import gc
import importlib
import json
import os
import resource
import runpy
import select
import signal
import socket
import sys
import tempfile
import threading
import traceback
from pathlib import Path
from typing import Any, NamedTuple

from tau2_logging.logger.bridge import silence_loguru
from tests.support.forked import FRESH_WORKERS

ROOT = str(Path(__file__).resolve().parents[2])
LOOK_S = 1.0
"""How often it looks whether its owner is there."""
AT_MOST = 1 << 20
GARBAGE = 50_000
"""New objects after which the youngest are looked through, here and in tests/conftest.py; Python's own number is 700 or 2,000."""
_KEPT_FREE = 500
"""Descriptors are moved above this number first, so that none is overwritten before it has its place."""


class Request(NamedTuple):
    """What is to be run. `fds`: number in the new process -> number here."""

    words: list[str]
    cwd: str
    env: dict[str, str]
    own_session: bool
    file_size: int
    fds: dict[int, int]


def main() -> None:
    """Serve; in a child, become the program."""
    path, owner = sys.argv[1], int(sys.argv[2])
    prepare()
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as listener:
        listener.bind(f"{path}.new")
        listener.listen(64)
        os.rename(f"{path}.new", path)
        request = serve(listener, owner)
    if request is not None:
        os._exit(ended(request))


def prepare() -> None:
    """Import what a run imports. polars, which deepdiff imports if it can, has threads that do not survive a fork."""
    os.environ["LITELLM_LOCAL_MODEL_COST_MAP"] = "True"
    gc.disable()
    sys.modules["polars"] = None  # type: ignore[assignment]
    silence_loguru()
    importlib.import_module("tau2.run")
    for name in modules_of_a_run():
        with contextlib.suppress(Exception):
            importlib.import_module(name)
    del sys.modules["polars"]
    gc.freeze()
    gc.set_threshold(GARBAGE)
    gc.enable()


def modules_of_a_run() -> list[str]:
    """litellm imports much of itself at its first call: what a run has imported, tried in a child."""
    with tempfile.TemporaryDirectory() as folder:
        pid = os.fork()
        if pid == 0:
            try:
                from tests.support.in_process import run_quietly, scripted

                run_quietly(scripted(Path(folder), num_tasks=1))
                Path(folder, "modules").write_text("\n".join(sys.modules))
            finally:
                os._exit(0)
        os.waitpid(pid, 0)
        names = Path(folder, "modules").read_text().split()
    return [name for name in names if name.startswith(("litellm", "tau2", "rich")) and name not in sys.modules]


def serve(listener: socket.socket, owner: int) -> Request | None:
    """Fork a child for each request. The request in a child; None when the owner has gone."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # keepers need no waiting for
    while True:
        ready, _, _ = select.select([listener], [], [], LOOK_S)
        if not ready:
            if not _exists(owner):
                return None
            continue
        connection, _ = listener.accept()
        if os.fork() == 0:
            listener.close()
            return kept(connection)
        connection.close()


def _exists(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


def kept(connection: socket.socket) -> Request:
    """Receive a request, and fork again: the child returns it, its keeper tells the other end its number and how it ended."""
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    signal.signal(signal.SIGHUP, signal.SIG_DFL)  # ignored if the tests were started by nohup
    request = received(connection)
    pid = os.fork()
    if pid == 0:
        connection.close()
        signal.signal(signal.SIGINT, signal.default_int_handler)
        return request
    for fd in request.fds.values():
        os.close(fd)
    with contextlib.suppress(OSError):
        connection.sendall(f"{pid}\n".encode())
    _, status = os.waitpid(pid, 0)
    with contextlib.suppress(OSError):
        connection.sendall(f"{os.waitstatus_to_exitcode(status)}\n".encode())
    os._exit(0)


def received(connection: socket.socket) -> Request:
    """A request: its length, its text, and beside the first bytes its descriptors."""
    head, fds, _, _ = socket.recv_fds(connection, 8, 64)
    length, text = int(head), b""
    while len(text) < length:
        text += connection.recv(length - len(text))
    data: dict[str, Any] = json.loads(text)
    return Request(**{**data, "fds": dict(zip(data["fds"], fds, strict=True))})


def ended(request: Request) -> int:
    """Run the program and do what an interpreter does at its end, but for taking modules apart, which takes a second. The exit code."""
    code = 0
    try:
        become(request)
    except SystemExit as left:
        code = exit_code(left.code)
    except KeyboardInterrupt:
        traceback.print_exc()
        signal.signal(signal.SIGINT, signal.SIG_DFL)
        os.kill(os.getpid(), signal.SIGINT)
    except BaseException:
        traceback.print_exc()
        code = 1
    threading._shutdown()  # type: ignore[attr-defined]
    atexit._run_exitfuncs()
    return code if flushed() else 120


def exit_code(given: object) -> int:
    """What the argument of `sys.exit` means."""
    if given is None or isinstance(given, int):
        return int(given or 0)
    print(given, file=sys.stderr)
    return 1


def flushed() -> bool:
    """Whether what was printed could be written."""
    for stream in (sys.stdout, sys.stderr):
        try:
            if stream is not None and not stream.closed:
                stream.flush()
        except (OSError, ValueError):
            traceback.print_exc()
            return False
    return True


def become(request: Request) -> None:
    """Run the program in this process."""
    _place(request.fds)
    if request.own_session:
        os.setsid()
    resource.setrlimit(resource.RLIMIT_FSIZE, (request.file_size, resource.getrlimit(resource.RLIMIT_FSIZE)[1]))
    os.chdir(request.cwd)
    os.environ.clear()
    os.environ.update(request.env)
    more = [path for path in request.env.get("PYTHONPATH", "").split(os.pathsep) if path]
    if FRESH_WORKERS not in request.env:
        _prepare_its_workers()
    script, *words = request.words
    first = request.cwd if script == "-m" else str(Path(script).resolve().parent)
    sys.path[:] = [first, *more, *(path for path in sys.path if path != ROOT)]
    if script == "-m":
        sys.argv = words
        sys.modules.pop(words[0], None)
        runpy.run_module(words[0], run_name="__main__", alter_sys=True)
    else:
        sys.argv = [script, *words]
        runpy.run_path(script, run_name="__main__")


def _prepare_its_workers() -> None:
    from tau2_logging.parity import side_process
    from tau2_logging.runner.executors import forked_workers, processes
    from tests.support.forked import SUBPROCESS

    processes.subprocess = forked_workers.subprocess = side_process.subprocess = SUBPROCESS


def _place(fds: dict[int, int]) -> None:
    """Give each descriptor its number."""
    import fcntl

    high = {number: fcntl.fcntl(fd, fcntl.F_DUPFD_CLOEXEC, _KEPT_FREE) for number, fd in fds.items()}
    for fd in fds.values():
        os.close(fd)
    for number, fd in high.items():
        os.dup2(fd, number)
        os.close(fd)


if __name__ == "__main__":
    main()
