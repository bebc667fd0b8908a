"""A rate limit that a call has to wait for before it is made. The wait is part of the call's event, as queue_ms."""

from __future__ import annotations

import asyncio
from abc import ABC, abstractmethod

from tau2_logging.instrument.model_calls.model_call import ModelCall


class RateLimiter(ABC):
    """Decides when calls may be made."""

    @abstractmethod
    def reserve(self, model: str) -> float:
        """Reserve a slot for a call of this model; return the seconds until it."""

    @abstractmethod
    def record_usage(self, model: str, tokens: int) -> None:
        """Note how many tokens, input and output, a call of this model has used."""


def wait_for_limit(limiter: RateLimiter | None, call: ModelCall) -> None:
    """Wait as long as the limiter says. Raises SimulationTimeout if the simulation is given up in the meantime."""
    wait_s = _reserve(limiter, call)
    if wait_s > 0:
        call.simulation.timed_out.wait(wait_s)
        _note_wait(call)


async def wait_for_limit_async(limiter: RateLimiter | None, call: ModelCall) -> None:
    """Do the same without blocking the event loop."""
    wait_s = _reserve(limiter, call)
    if wait_s > 0:
        await asyncio.sleep(wait_s)
        _note_wait(call)


def _reserve(limiter: RateLimiter | None, call: ModelCall) -> float:
    if limiter is None:
        return 0.0
    call.count_tokens = lambda tokens: limiter.record_usage(call.model, tokens)
    return call.simulation.logger.attempt(limiter.reserve, call.model) or 0.0


def _note_wait(call: ModelCall) -> None:
    call.queue_ns += call.simulation.logger.clock.now_ns() - call.started_ns
    call.simulation.check_timeout()
