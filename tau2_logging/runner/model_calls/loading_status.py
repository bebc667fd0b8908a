"""What is said while model servers load, which takes minutes for a large model: a status line on a terminal, else a line now and then."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.text import Text

from tau2_logging.logger.clock import Clock

EVERY_S = 30.0
"""Between two lines; the first comes at once."""

Tell = Callable[[str], None]


@contextmanager
def loading_told(console: Console | None, say: Tell, clock: Clock | None = None) -> Iterator[Tell]:
    """Gives what is to be told how far the servers are, again and again. `console` None: there is no display."""
    if console is None or not console.is_terminal:
        yield _now_and_then(say, clock or Clock())
        return
    with console.status("model servers") as status:
        yield lambda text: status.update(Text(text))


def _now_and_then(say: Tell, clock: Clock) -> Tell:
    due_ns = clock.now_ns()

    def tell(text: str) -> None:
        nonlocal due_ns
        if clock.now_ns() >= due_ns:
            due_ns = clock.now_ns() + int(EVERY_S * 1e9)
            say(text)

    return tell
