"""A worker process: `python -m tau2_logging.runner.executors.worker_main DESCRIPTOR`, started by `processes`, or a fork of `fork_main`.

DESCRIPTOR is an open socket to the run. A RunSpec and a WorkerSpec come first, then units; None asks it to leave. WorkerReports go back.
The worker ends at once when the run has ended.
"""

from __future__ import annotations

import importlib
import os
import queue
import sys
import threading
from contextlib import suppress
from multiprocessing.connection import Connection
from typing import Any

from tau2_logging.errors import UserError
from tau2_logging.logger.bridge import silence_loguru
from tau2_logging.runner.executors.worker_session import REPORT_S, STOP, WorkerReport, WorkerSession, host_name, open_session
from tau2_logging.runner.work.run_spec import RunSpec, WorkerSpec


def main() -> None:
    """Work for the run at the other end of the descriptor that is the program's argument."""
    work_for(int(sys.argv[1]))


def work_for(descriptor: int) -> None:
    """Work until told to leave. Does not return."""
    connection = Connection(descriptor)
    inbox: queue.SimpleQueue[Any] = queue.SimpleQueue()
    threading.Thread(target=_listen, args=(connection, inbox), daemon=True).start()
    silence_loguru()
    with suppress(ImportError):  # takes seconds, and the run spec may still be on its way
        importlib.import_module("tau2.run")
    run_spec, worker_spec = inbox.get()
    try:
        _work(connection, inbox, run_spec, worker_spec)
    except UserError as error:
        connection.send(WorkerReport(refused=str(error)))
    os._exit(0)  # simulations may hang in somebody's network call


def _listen(connection: Connection, inbox: queue.SimpleQueue[Any]) -> None:
    """Hand on what the run sends."""
    while True:
        try:
            inbox.put(connection.recv())
        except (EOFError, OSError):
            os._exit(0)  # nobody is there to work for


def _work(connection: Connection, inbox: queue.SimpleQueue[Any], run_spec: RunSpec, worker_spec: WorkerSpec) -> None:
    with open_session(run_spec, worker_spec) as here:
        connection.send(WorkerReport(host=host_name()))
        leaving = threading.Event()
        threading.Thread(target=_take, args=(inbox, here, leaving), daemon=True).start()
        while not leaving.is_set():
            connection.send(here.fetch(REPORT_S))
    connection.send(here.fetch(0))


def _take(inbox: queue.SimpleQueue[Any], here: WorkerSession, leaving: threading.Event) -> None:
    while (unit := inbox.get()) is not STOP:
        here.take(unit)
    leaving.set()


if __name__ == "__main__":
    main()
