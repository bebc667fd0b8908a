"""A worker process: `python -m tau2_logging.runner.executors.worker_main DESCRIPTOR`, started by `processes`.

DESCRIPTOR is an open socket to the run. An Order and a Post come first, then units; None asks it to leave. Turns go back. When the run is
gone, so is the worker, at once.
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

STOP = None


def main() -> None:
    """Work until told to leave."""
    connection = Connection(int(sys.argv[1]))
    inbox: queue.SimpleQueue[Any] = queue.SimpleQueue()
    threading.Thread(target=_listen, args=(connection, inbox), daemon=True).start()
    os.environ.setdefault("LITELLM_LOCAL_MODEL_COST_MAP", "True")
    from tau2_logging.logger.bridge import silence_loguru

    silence_loguru()
    with suppress(ImportError):  # takes seconds, and the order may still be on its way
        importlib.import_module("tau2.run")
    from tau2_logging.errors import UserError
    from tau2_logging.runner.executors.worker_session import Turn

    order, post = inbox.get()
    try:
        _work(connection, inbox, order, post)
    except UserError as error:
        connection.send(Turn(refused=str(error)))
    os._exit(0)  # simulations may hang in somebody's network call


def _listen(connection: Connection, inbox: queue.SimpleQueue[Any]) -> None:
    """Hand on what the run sends."""
    while True:
        try:
            inbox.put(connection.recv())
        except (EOFError, OSError):
            os._exit(0)  # nobody is there to work for


def _work(connection: Connection, inbox: queue.SimpleQueue[Any], order: Any, post: Any) -> None:
    from tau2_logging.runner.executors.worker_session import TURN_S, Turn, host_name, station

    with station(order, post) as here:
        connection.send(Turn(host=host_name()))
        leaving = threading.Event()
        threading.Thread(target=_take, args=(inbox, here, leaving), daemon=True).start()
        while not leaving.is_set():
            connection.send(here.fetch(TURN_S))
    connection.send(here.fetch(0))


def _take(inbox: queue.SimpleQueue[Any], here: Any, leaving: threading.Event) -> None:
    while (unit := inbox.get()) is not STOP:
        here.take(unit)
    leaving.set()


if __name__ == "__main__":
    main()
