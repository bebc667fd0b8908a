"""Which simulation the code that runs now belongs to, and which expert model it is asking.

Context variables hold them. asyncio tasks inherit them automatically; helper threads and pools do when `instrument.threads` is
installed, which captures them where work is handed over and applies them where the work runs. They are read when an event is made.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Any, TypeVar

from tau2_logging.logger.simulation import Simulation

T = TypeVar("T")


@dataclass(frozen=True)
class CurrentExpert:
    """The expert whose model is being called: its alias, and the prices the user gave for it, in USD per token; both or none."""

    alias: str
    input_cost_per_token: float | None = None
    output_cost_per_token: float | None = None

    def cost_usd(self, input_tokens: int | None, output_tokens: int | None) -> float | None:
        """Return the price of a reply by these prices; None if they or the tokens are not known."""
        if self.input_cost_per_token is None or self.output_cost_per_token is None or input_tokens is None or output_tokens is None:
            return None
        return input_tokens * self.input_cost_per_token + output_tokens * self.output_cost_per_token


_CURRENT: ContextVar[Simulation | None] = ContextVar("tau2_logging_simulation", default=None)
_EXPERT: ContextVar[CurrentExpert | None] = ContextVar("tau2_logging_expert", default=None)


def current() -> Simulation | None:
    """Return the simulation that the calling code works for, None outside of one."""
    return _CURRENT.get()


@contextmanager
def bind(simulation: Simulation | None) -> Iterator[None]:
    """Make `simulation` the current one inside the block (None: none)."""
    token = _CURRENT.set(simulation)
    try:
        yield
    finally:
        _CURRENT.reset(token)


def current_expert() -> CurrentExpert | None:
    """Return the expert whose model is being called, None outside of such a call."""
    return _EXPERT.get()


@contextmanager
def expert_scope(asked: CurrentExpert) -> Iterator[None]:
    """Model calls made inside the block are those of this expert, not the agent's own."""
    token = _EXPERT.set(asked)
    try:
        yield
    finally:
        _EXPERT.reset(token)


def carried(function: Callable[..., T]) -> Callable[..., T]:
    """Return `function`, to be run in another thread for the simulation that is current now.

    For executors that `instrument.threads` does not know: `pool.submit(carried(work), item)`.
    """
    return bound_to(current(), function)


def bound_to(simulation: Simulation | None, function: Callable[..., T]) -> Callable[..., T]:
    """Return `function`, run with `simulation` as the current one wherever it is called, for the expert that is asked now."""
    expert = _EXPERT.get()

    def run(*args: Any, **kwargs: Any) -> T:
        token, expert_token = _CURRENT.set(simulation), _EXPERT.set(expert)
        try:
            return function(*args, **kwargs)
        finally:
            _EXPERT.reset(expert_token)
            _CURRENT.reset(token)

    return run
