"""Which simulation the code that runs now belongs to.

One context variable holds it. asyncio tasks inherit it by themselves; helper threads and pools do when `instrument.threads` is
installed, which captures it where work is handed over and applies it where the work runs. It is read when an event is made.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any, TypeVar

from tau2_logging.logger.simulation import Simulation

T = TypeVar("T")

_CURRENT: ContextVar[Simulation | None] = ContextVar("tau2_logging_simulation", default=None)


def current() -> Simulation | None:
    """The simulation that the calling code works for, None outside of one."""
    return _CURRENT.get()


@contextmanager
def bind(simulation: Simulation | None) -> Iterator[None]:
    """Make `simulation` the current one inside the block (None: none)."""
    token = _CURRENT.set(simulation)
    try:
        yield
    finally:
        _CURRENT.reset(token)


def carried(function: Callable[..., T]) -> Callable[..., T]:
    """`function`, to be run in another thread for the simulation that is current now.

    For executors that `instrument.threads` does not know: `pool.submit(carried(work), item)`.
    """
    return bound_to(current(), function)


def bound_to(simulation: Simulation | None, function: Callable[..., T]) -> Callable[..., T]:
    """`function`, run with `simulation` as the current one wherever it is called."""

    def run(*args: Any, **kwargs: Any) -> T:
        token = _CURRENT.set(simulation)
        try:
            return function(*args, **kwargs)
        finally:
            _CURRENT.reset(token)

    return run
