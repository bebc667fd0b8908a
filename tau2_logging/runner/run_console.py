"""What a run says while it runs: on the terminal as long as there is one, else in its log; and the process that it leaves behind."""

from __future__ import annotations

import io
import os
import signal
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import IO, cast

from rich.console import Console, RenderableType

from tau2_logging.sinks.terminal import Terminal

Write = Callable[[str], None]
_WIDTH = 120


@contextmanager
def process_put_back() -> Iterator[None]:
    """Working directory and standard streams are after the block what they were before it, whatever an agent has done to them."""
    streams = sys.stdout, sys.stderr
    try:
        directory = os.getcwd()
    except OSError:  # it was deleted
        directory = None
    try:
        yield
    finally:
        sys.stdout, sys.stderr = streams
        if directory is not None:
            with suppress(OSError):
                os.chdir(directory)


class RunConsole:
    """`say` and `show` print. When the terminal is lost, the run goes on: its log says so, and gets what would have been printed."""

    def __init__(self, console: Console | None = None) -> None:
        self._terminal = Terminal(sys.stdout)
        self.console = console or Console(file=cast(IO[str], self._terminal))
        self._own = console is None
        self._log: Write | None = None
        self._hung_up = False
        self._told: set[str] = set()

    def log_to(self, write: Write) -> None:
        """There is a log from here on."""
        self._log = write
        self.tick()

    def say(self, text: str) -> None:
        """Print a line, in full. One with a path or a command stays in one piece, to be copied; others break between words."""
        self.console.print(text, markup=False, highlight=False, soft_wrap="/" in text or not self.console.is_terminal)
        self._log_instead(lambda: text)

    def show(self, what: RenderableType) -> None:
        """Print a table."""
        self.console.print(what)
        self._log_instead(lambda: _as_text(what))

    def tick(self) -> None:
        """Tell the log if the terminal has been lost since. To be called often."""
        if self._log is None:
            return
        if self._hung_up:
            self._tell("the terminal hung up (SIGHUP)")
        if self._lost:
            self._tell(f"what it prints cannot be shown any more ({self._terminal.lost})")

    def _tell(self, what: str) -> None:
        if self._log is not None and what not in self._told:
            self._told.add(what)
            self._log(f"warning: {what}; the run goes on")

    @property
    def _lost(self) -> bool:
        return self._own and self._terminal.lost is not None

    def _log_instead(self, text: Callable[[], str]) -> None:
        if self._log is not None and self._lost:
            self.tick()
            self._log(text())

    @contextmanager
    def outliving_hangup(self) -> Iterator[None]:
        """Inside the block, the end of the terminal (an ssh connection that breaks) does not end the run. A process that ignores it
        already, under nohup, is left alone."""

        def note(*_: object) -> None:
            self._hung_up = True

        number = getattr(signal, "SIGHUP", None)
        if number is None or signal.getsignal(number) is not signal.SIG_DFL:
            yield
            return
        try:
            signal.signal(number, note)
        except ValueError:  # not the main thread: somebody else has the signals
            yield
            return
        try:
            yield
        finally:
            signal.signal(number, signal.SIG_DFL)


def _as_text(what: RenderableType) -> str:
    out = io.StringIO()
    Console(file=out, width=_WIDTH, color_system=None).print(what)
    return out.getvalue().rstrip()
