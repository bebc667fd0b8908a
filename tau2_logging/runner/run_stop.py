"""Why a run stops before its end: SIGINT or SIGTERM, or a limit that is reached."""

from __future__ import annotations

import signal
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from types import FrameType

from tau2_logging.runner.executors import Executor
from tau2_logging.runner.work.early_end import End


@dataclass
class Stop:
    """The signal that asked the run to stop, or what has ended it and when it must be over (time.monotonic)."""

    signal: signal.Signals | None = None
    end: End | None = None
    at_latest: float = float("inf")

    def begin(self, end: End, executor: Executor) -> None:
        """Start no more simulations: what is in flight has been paid for and ends in its own time."""
        self.end, self.at_latest = end, time.monotonic() + end.patience_s
        executor.stop()

    def is_over(self, executor: Executor) -> bool:
        """Return whether there is nothing more to wait for."""
        return self.signal is not None or (self.end is not None and (executor.idle or time.monotonic() > self.at_latest))

    @contextmanager
    def on_signals(self, wake: Callable[[], None]) -> Iterator[None]:
        """Have SIGINT and SIGTERM stop the run inside the block, and `wake` called; a second one ends the process the ordinary way."""

        def ask(number: int, frame: FrameType | None) -> None:
            self.signal = signal.Signals(number)
            wake()
            for name in before:
                signal.signal(name, before[name])

        names = (signal.SIGINT, signal.SIGTERM)
        try:
            before = {name: signal.signal(name, ask) for name in names}
        except ValueError:  # not the main thread: somebody else has the signals
            yield
            return
        try:
            yield
        finally:
            for name in names:
                signal.signal(name, before[name])
