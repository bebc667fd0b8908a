"""The process that workers are forked from: `python -m tau2_logging.runner.executors.fork_main DESCRIPTOR`, started by `forked_workers`.

It imports tau2, litellm and the worker's own modules once, does nothing else, and has no threads: a fork of it holds no lock. DESCRIPTOR
is an open socket to the run. A request is one byte with three descriptors: the worker's socket to the run, its log, and a pipe into which
this process writes the worker's number and, when it has ended, its status. It ends when the run has ended.
"""

from __future__ import annotations

import gc
import importlib
import os
import selectors
import signal
import socket
import struct
import sys
import threading
from contextlib import suppress

from tau2_logging.logger.bridge import silence_loguru

NUMBER = struct.Struct("=i")
"""How the number of a process and its status (as `subprocess` gives it) are written."""

_PRELOADED = ("tau2.run", "tau2_logging.runner.executors.worker_main", "tau2_logging.runner.harness.tau2_harness")


def main() -> None:
    """Serve; in a fork, become a worker."""
    control = socket.socket(fileno=int(sys.argv[1]))
    silence_loguru()
    for name in _PRELOADED:
        with suppress(ImportError):  # a worker says it in its own words
            importlib.import_module(name)
    if threading.active_count() > 1:  # something that was imported has started one: workers are started as new programs
        os._exit(1)
    gc.collect()
    gc.freeze()  # no collection writes into pages that the workers share
    descriptor = _serve(control)
    if descriptor is not None:
        _become_worker(descriptor)
    os._exit(0)


def _serve(control: socket.socket) -> int | None:
    """Fork until the run ends, and tell of those that have ended. Returns the descriptor of a worker's socket in the worker."""
    woken, wake = os.pipe()
    os.set_blocking(wake, False)
    signal.set_wakeup_fd(wake, warn_on_full_buffer=False)
    signal.signal(signal.SIGCHLD, lambda *_: None)
    tellers: dict[int, int] = {}
    with selectors.DefaultSelector() as selector:
        for source in (control.fileno(), woken):
            selector.register(source, selectors.EVENT_READ)
        while True:
            ready = {key.fd for key, _ in selector.select()}
            if woken in ready:
                os.read(woken, 4096)
                _tell_of_ended(tellers)
            if control.fileno() in ready:
                request, descriptors, _, _ = socket.recv_fds(control, 1, 3)
                if not request:
                    return None
                worker = _forked(tellers, *descriptors)
                if worker is None:
                    signal.set_wakeup_fd(-1)
                    for descriptor in (control.detach(), woken, wake, *tellers.values()):
                        os.close(descriptor)
                    return descriptors[0]


def _forked(tellers: dict[int, int], connection: int, log: int, teller: int) -> int | None:
    """Fork; return the worker's number here, and None in the worker."""
    pid = os.fork()
    if pid:
        tellers[pid] = teller
        for descriptor in (connection, log):
            os.close(descriptor)
        _tell(teller, pid)
        return pid
    os.setsid()
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    for number in (1, 2):
        os.dup2(log, number)
    for descriptor in (log, teller):
        os.close(descriptor)
    return None


def _tell_of_ended(tellers: dict[int, int]) -> None:
    for pid in list(tellers):
        ended, status = os.waitpid(pid, os.WNOHANG)
        if ended:
            teller = tellers.pop(pid)
            _tell(teller, os.waitstatus_to_exitcode(status))
            os.close(teller)


def _tell(teller: int, number: int) -> None:
    with suppress(OSError):  # nobody listens any more
        os.write(teller, NUMBER.pack(number))


def _become_worker(descriptor: int) -> None:
    """Work with random numbers of its own (Python's own generator has seen to that)."""
    numpy = sys.modules.get("numpy")
    if numpy is not None:
        numpy.random.seed()
    importlib.import_module("tau2_logging.runner.executors.worker_main").work_for(descriptor)


if __name__ == "__main__":
    main()
