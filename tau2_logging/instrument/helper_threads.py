"""The current simulation follows the work into helper threads and pools.

Context variables do not: a new thread starts empty, and a pool's thread keeps that of the thread that started it. So the simulation is
captured where work is handed over and applied where it runs. asyncio tasks and `asyncio.to_thread` copy the context automatically.
"""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from multiprocessing.pool import ThreadPool
from typing import Any

from tau2_logging.instrument.instrumentor import Instrumentor
from tau2_logging.instrument.patching import Function, Patches
from tau2_logging.logger.context import bind, bound_to, current


class ThreadsInstrumentor(Instrumentor):
    """Wraps Thread.start, ThreadPoolExecutor.submit and the entry points of multiprocessing's ThreadPool."""

    def wrap(self, patches: Patches) -> None:
        """Wrap the places where work is handed to another thread."""
        patches.method(threading.Thread, "start", self._start)
        patches.method(ThreadPoolExecutor, "submit", self._submit)
        for name in ("apply_async", "_map_async", "imap", "imap_unordered"):
            patches.method(ThreadPool, name, self._pool)

    def _start(self, original: Function) -> Function:
        def start(thread: threading.Thread) -> None:
            simulation = current()
            if self.installed and simulation is not None:
                thread.run = bound_to(simulation, thread.run)  # type: ignore[method-assign]
            original(thread)

        return start

    def _submit(self, original: Function) -> Function:
        def submit(pool: ThreadPoolExecutor, function: Function, /, *args: Any, **kwargs: Any) -> Any:
            if not self.installed:
                return original(pool, function, *args, **kwargs)
            bound = bound_to(current(), function)
            with bind(None):  # a worker thread that is started here must not keep this simulation for its later work
                return original(pool, bound, *args, **kwargs)

        return submit

    def _pool(self, original: Function) -> Function:
        def hand_over(pool: ThreadPool, *args: Any, **kwargs: Any) -> Any:
            if self.installed and args:
                args = (bound_to(current(), args[0]), *args[1:])
            elif self.installed and "func" in kwargs:
                kwargs["func"] = bound_to(current(), kwargs["func"])
            return original(pool, *args, **kwargs)

        return hand_over
