"""Keeps one server process, and ends it with everything it has started, when the process that wanted it is gone.

Started as a program of its own (`python supervisor.py GRACE_S COMMAND...`), in its own session, so that a terminal's Ctrl-C does not
reach the server. Its standard input is a pipe whose other end the run holds: when that closes, even because the run was killed with
SIGKILL, the server gets SIGTERM, and SIGKILL after GRACE_S seconds. Its standard output gets one line, the server's pid; its exit
code is the server's, 128 + n for a server that was ended by signal n. The first line of its standard input is the credentials that the
server's output must not show, as a JSON list: what the server says goes masked to the supervisor's standard error, its log.

Standard library only, until the server is started: that has to happen in a few milliseconds.
"""

from __future__ import annotations

import contextlib
import ctypes
import json
import os
import select
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

_POLL_S = 0.5
_LONGEST_DEATH_S = 10.0
_LAST_WORDS_S = 5.0
"""For the rest of the log, once the server has ended: something may hold its output open that we cannot end."""
_NOT_STARTED = 127
_PARENT_DEATH_SIGNAL, _CHILD_SUBREAPER = 1, 36
"""Numbers of Linux's prctl."""


def main(words: list[str]) -> int:
    """Run the command; returns its exit code."""
    grace_s, command = float(words[0]), words[1:]
    parent, deaths = os.getppid(), _deaths_of_children()
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    _prctl(_CHILD_SUBREAPER, 1)  # what the server leaves behind becomes our child, and is ended too
    secrets = _told_secrets()
    output, servers_end = os.pipe()
    try:
        server = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=servers_end,
            stderr=servers_end,
            start_new_session=True,
            preexec_fn=_as_before,  # noqa: PLW1509 - this program has one thread
        )
    except OSError as error:
        os.write(2, f"cannot start {command[0]}: {error.strerror}\n".encode())
        return _NOT_STARTED
    os.close(servers_end)
    os.write(1, b"%d\n" % server.pid)
    log = threading.Thread(target=_keep_log, args=(output, secrets), daemon=True)
    log.start()
    while server.poll() is None and not _alone(parent, deaths):
        pass
    code = server.poll()
    _end(server, grace_s)
    log.join(_LAST_WORDS_S)
    code = server.returncode if code is None else code
    return code if code >= 0 else 128 - code


def _told_secrets() -> list[str]:
    """Return the first line of standard input. Not a byte more is read: the end of it is the end of the run."""
    line = b""
    while not line.endswith(b"\n") and (byte := os.read(0, 1)):
        line += byte
    return list(json.loads(line or b"[]"))


def _keep_log(output: int, secrets: list[str]) -> None:
    """Copy the server's output to its log, masked. If that fails, go on reading: a server whose output nobody reads hangs."""
    try:
        sys.path.append(str(Path(__file__).resolve().parents[3]))
        from tau2_logging.models.servers.masked_log import copy_masked

        copy_masked(output, 2, secrets)
    except BaseException as error:
        with contextlib.suppress(OSError):
            os.write(2, f"the rest of this log is lost: it cannot be masked ({type(error).__name__})\n".encode())
    while os.read(output, 1 << 16):
        pass


def _deaths_of_children() -> int:
    """Return a file descriptor that is readable when a child has ended, so that it is known at once."""
    readable, writable = os.pipe()
    os.set_blocking(writable, False)
    os.set_blocking(readable, False)
    signal.set_wakeup_fd(writable, warn_on_full_buffer=False)
    signal.signal(signal.SIGCHLD, lambda number, frame: None)
    return readable


def _as_before() -> None:
    """In the server, before its program starts: signals as usual, and death with its supervisor."""
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_DFL)
    _prctl(_PARENT_DEATH_SIGNAL, signal.SIGKILL)


def _alone(parent: int, deaths: int) -> bool:
    """Wait a little, and tell whether the run is gone. A process that the run has forked may hold the pipe open: that the run has died
    is seen by the parent's id too.
    """
    readable, _, _ = select.select([0, deaths], [], [], _POLL_S)
    if deaths in readable:
        os.read(deaths, 512)
    return (0 in readable and os.read(0, 1) == b"") or os.getppid() != parent


def _end(server: subprocess.Popen[bytes], grace_s: float) -> None:
    """End the server's group, then whatever else descends from us."""
    for number, wait_s in ((signal.SIGTERM, grace_s), (signal.SIGKILL, _LONGEST_DEATH_S)):
        _signal_all(server, number)
        deadline = time.monotonic() + wait_s
        while not _all_gone(server):
            if time.monotonic() > deadline:
                break
            if number == signal.SIGKILL:  # something may have been started meanwhile
                _signal_all(server, number)
            time.sleep(0.02)


def _signal_all(server: subprocess.Popen[bytes], number: int) -> None:
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(server.pid, number)
    for pid in descendants(os.getpid()):  # some may have left the group
        with contextlib.suppress(ProcessLookupError, PermissionError):
            if os.getpgid(pid) != server.pid:
                os.kill(pid, number)


def _all_gone(server: subprocess.Popen[bytes]) -> bool:
    server.poll()
    with contextlib.suppress(ChildProcessError):
        while server.returncode is not None and os.waitpid(-1, os.WNOHANG)[0]:
            continue
    return server.returncode is not None and not descendants(os.getpid()) and not _group_lives(server.pid)


def _group_lives(group: int) -> bool:
    try:
        os.killpg(group, 0)
    except (ProcessLookupError, PermissionError):
        return False
    return True


def descendants(of: int) -> set[int]:
    """Return processes that descend from one, itself left out; none if the system has no /proc."""
    children: dict[int, list[int]] = {}
    for path in Path("/proc").glob("[0-9]*/stat"):
        with contextlib.suppress(OSError, ValueError, IndexError):
            pid, _, rest = path.read_text(errors="replace").partition(" ")
            children.setdefault(int(rest.rpartition(")")[2].split()[1]), []).append(int(pid))
    found: set[int] = set()
    todo = [of]
    while todo:
        new = set(children.get(todo.pop(), ())) - found
        found |= new
        todo += new
    return found


def _prctl(option: int, value: int) -> None:
    with contextlib.suppress(OSError, AttributeError, TypeError):
        ctypes.CDLL(None).prctl(option, value, 0, 0, 0)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
