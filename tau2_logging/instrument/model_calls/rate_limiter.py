"""Where a call may have to wait before it is made: a rate limit that the person has set. The wait is part of the call, as queue_ms."""

from __future__ import annotations

import asyncio
from abc import ABC, abstractmethod

from tau2_logging.instrument.model_calls.model_call import ModelCall


class Gate(ABC):
    """Lets calls through at the rate it is told."""

    @abstractmethod
    def enter(self, model: str) -> float:
        """Take a place for a call of this model; returns how many seconds it is to wait first."""

    @abstractmethod
    def used(self, model: str, tokens: int) -> None:
        """A call of this model has used this many tokens, input and output."""


def pass_gate(gate: Gate | None, call: ModelCall) -> None:
    """Wait as long as the gate says. Raises SimulationTimeout where the simulation is given up meanwhile."""
    wait_s = _place(gate, call)
    if wait_s > 0:
        call.simulation.timed_out.wait(wait_s)
        _queued(call)


async def pass_gate_async(gate: Gate | None, call: ModelCall) -> None:
    """The same without keeping the event loop."""
    wait_s = _place(gate, call)
    if wait_s > 0:
        await asyncio.sleep(wait_s)
        _queued(call)


def _place(gate: Gate | None, call: ModelCall) -> float:
    if gate is None:
        return 0.0
    call.count_tokens = lambda tokens: gate.used(call.model, tokens)
    return call.simulation.logger.attempt(gate.enter, call.model) or 0.0


def _queued(call: ModelCall) -> None:
    call.queue_ns += call.simulation.logger.clock.now_ns() - call.started_ns
    call.simulation.check_timeout()
