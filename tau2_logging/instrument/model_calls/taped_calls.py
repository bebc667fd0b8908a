"""litellm's calls on their way to the model: each is kept on its simulation's tape, and a recorded model answers from its recording.

The outermost layer: a call is one here, however often it is made again below, and what is substituted is measured like any other.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Any

from tau2_logging.instrument.instrumentor import Instrumentor
from tau2_logging.instrument.litellm import wrap_completions
from tau2_logging.instrument.model_calls.model_call import role_of
from tau2_logging.instrument.patching import Function, Patches
from tau2_logging.instrument.simulations.acting import acting_now
from tau2_logging.logger.content.call_tape import Entry
from tau2_logging.logger.content.prompt_parts import PromptParts, call_parts
from tau2_logging.logger.context import current
from tau2_logging.logger.simulation import AGENT, EVALUATION, JUDGE, USER, Simulation

Arguments = dict[str, Any]
Substitute = Callable[[Simulation, str, PromptParts, Arguments], "Arguments | None"]
"""Returns the arguments with which a call is made instead, given whose it is, its prompt and those it has; None leaves it as it is. What it
raises ends the call."""

_INSIDE: ContextVar[bool] = ContextVar("tau2_logging_inside_tape", default=False)
"""A call is being made under this layer: those that it makes in turn are parts of it."""
_COUNTS = ("prompt_tokens", "completion_tokens")


@dataclass(frozen=True)
class _Taped:
    """A call that may be made: with the arguments it came with, or with `changed` ones. Its response goes through `kept`."""

    changed: Arguments | None
    kept: Callable[[Any], Any]


class TapedCalls(Instrumentor):
    """Keeps every call of litellm inside a simulation; `substitute` may change what is asked of whom."""

    def __init__(self, substitute: Substitute) -> None:
        super().__init__()
        self._substitute = substitute

    def wrap(self, patches: Patches) -> None:
        """Wrap litellm's completion and acompletion wherever they have been imported by name."""
        wrap_completions(patches, self._completion, self._acompletion)

    def _completion(self, original: Function) -> Function:
        def completion(*args: Any, **kwargs: Any) -> Any:
            simulation = self._simulation()
            if simulation is None or kwargs.get("acompletion"):
                return original(*args, **kwargs)
            with self._taped(simulation, args, kwargs) as call:
                return call.kept(original(*args, **kwargs) if call.changed is None else original(**call.changed))

        return completion

    def _acompletion(self, original: Function) -> Function:
        async def acompletion(*args: Any, **kwargs: Any) -> Any:
            simulation = self._simulation()
            if simulation is None:
                return await original(*args, **kwargs)
            with self._taped(simulation, args, kwargs) as call:
                return call.kept(await (original(*args, **kwargs) if call.changed is None else original(**call.changed)))

        return acompletion

    def _simulation(self) -> Simulation | None:
        simulation = current() if self.installed and not _INSIDE.get() else None
        return simulation if simulation is not None and not simulation.closed else None

    @contextmanager
    def _taped(self, simulation: Simulation, args: tuple[Any, ...], kwargs: Arguments) -> Iterator[_Taped]:
        arguments = {**dict(zip(("model", "messages"), args, strict=False)), **kwargs}
        role = caller_of(simulation)
        attempt = simulation.logger.attempt
        read = attempt(simulation.tape.read, role, arguments.get("messages") or (), arguments.get("tools"))
        parts = read or PromptParts(None, None, ())
        entry = attempt(simulation.tape.add, role, str(arguments.get("model")), parts)
        started = simulation.logger.clock.now_ns()
        token = _INSIDE.set(True)
        try:
            changed = self._substitute(simulation, role, parts, arguments)
            yield _Taped(changed, lambda response: _kept(simulation, entry, response, started))
        except BaseException as error:
            if entry is not None:
                simulation.tape.failed(entry, error, _ms_since(simulation, started))
            raise
        finally:
            _INSIDE.reset(token)


REPETITION = "repetition"
"""Asks whether the agent is stuck: a call of the judge in the middle of a conversation, which a run may be without."""


def caller_of(simulation: Simulation) -> str:
    """Return whose call is made now; also if nothing of tau2 is instrumented, and the simulation does not know whose turn it is."""
    if simulation.turn == JUDGE and simulation.phase != EVALUATION:
        return REPETITION
    if simulation.turn is not None or simulation.phase == EVALUATION:
        return role_of(simulation)
    acting = acting_now()
    return acting if acting in (AGENT, USER) else JUDGE if acting is None else AGENT


def _kept(simulation: Simulation, entry: Entry | None, response: Any, started: int) -> Any:
    if entry is not None:
        reply = simulation.logger.attempt(reply_json, response)
        simulation.tape.answered(entry, reply, _ms_since(simulation, started))
    return response


def reply_json(response: Any) -> Mapping[str, Any] | None:
    """Return what a response says, as plain values; None for a stream, which is the caller's to read."""
    choices = getattr(response, "choices", None)
    if not choices or not hasattr(choices[0], "message"):
        return None
    message, usage = choices[0].message, getattr(response, "usage", None)
    said = {
        "content": message.content,
        "reasoning_content": getattr(message, "reasoning_content", None),
        "tool_calls": [call_parts(call) for call in message.tool_calls or ()] or None,
        "finish_reason": choices[0].finish_reason,
        "usage": {name: getattr(usage, name, None) for name in _COUNTS} if usage is not None else None,
    }
    plain: Mapping[str, Any] = json.loads(json.dumps({name: value for name, value in said.items() if value is not None}, default=str))
    return plain


def _ms_since(simulation: Simulation, started: int) -> float:
    return (simulation.logger.clock.now_ns() - started) / 1e6
