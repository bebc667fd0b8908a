"""Has tools of tau2 fail on purpose, in the live conversation.

tau2's evaluator plays the recorded calls again in an environment of its own and compares the answers: with a spoiled answer in the record
it would raise. So the same calls get the same answers there, and a call that never reached its tool does not reach it there either: what
is scored is the database as the agent left it. The reference's own calls are never touched.
"""

from __future__ import annotations

import importlib
import json
import threading
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol
from weakref import WeakKeyDictionary

from tau2_logging.events.domain_label import plain_domain
from tau2_logging.instrument.instrumentor import Instrumentor, has_module
from tau2_logging.instrument.patching import Function, Patches
from tau2_logging.instrument.simulations.tool_details import toolkit_of
from tau2_logging.instrument.tau2 import with_overrides
from tau2_logging.logger.context import current
from tau2_logging.logger.simulation import ENVIRONMENT, EVALUATION, LIVE, Simulation

ERROR_TYPES: Mapping[str, str] = {"error": "InjectedError", "timeout": "InjectedTimeout"}
"""Fault -> the error type of the call."""
_WAITING = ("slow", "timeout")

_Call = tuple[str, str, str, str, int]
"""A call: its id, the tool, who asked, the arguments, and how many such calls were before."""


class _Answer(Protocol):
    @property
    def fault(self) -> str: ...
    @property
    def text(self) -> str | None: ...
    @property
    def executed(self) -> bool: ...


@dataclass(frozen=True)
class FaultSource:
    """What is done to calls: `drawn(tool, dice)` names a fault; `unexecuted(fault, tool, wait_s)` and `spoiled(fault, text, before)` say
    what is read then."""

    drawn: Callable[[str, str], str | None]
    unexecuted: Callable[[str, str, float], _Answer | None]
    spoiled: Callable[[str, str, str | None], _Answer | None]
    wait_s: float


@dataclass
class _Environment:
    """The calls that an environment has seen."""

    made: Counter[tuple[str, ...]] = field(default_factory=Counter)
    of_tool: Counter[str] = field(default_factory=Counter)
    first: dict[tuple[str, ...], str] = field(default_factory=dict)
    busy: bool = False


class InjectedFaults(Instrumentor):
    """Spoils live tool calls of tau2. To be installed before what measures them, so that it measures what the model meets."""

    def __init__(self, source: FaultSource) -> None:
        super().__init__()
        self._source = source
        self._environments: WeakKeyDictionary[Any, _Environment] = WeakKeyDictionary()
        self._answers: WeakKeyDictionary[Simulation, dict[_Call, _Answer]] = WeakKeyDictionary()
        self._dictionaries = threading.Lock()

    def supported(self) -> bool:
        """Return whether the installed `tau2` is tau2-bench."""
        return has_module("tau2", "registry")

    def wrap(self, patches: Patches) -> None:
        """Wrap get_response of tau2's Environment and of every subclass that overrides it."""
        for owner in with_overrides(importlib.import_module("tau2.environment.environment").Environment, "get_response"):
            patches.method(owner, "get_response", self._get_response)

    def _get_response(self, original: Function) -> Function:
        def get_response(environment: Any, message: Any, /, *args: Any, **kwargs: Any) -> Any:
            simulation = current()
            seen = self._seen(environment)
            if simulation is None or seen.busy:  # an override that asks its parent class
                return original(environment, message, *args, **kwargs)
            seen.busy = True
            try:
                return self._answered(simulation, seen, environment, message, lambda: original(environment, message, *args, **kwargs))
            finally:
                seen.busy = False

        return get_response

    def _seen(self, environment: Any) -> _Environment:
        with self._dictionaries:
            return self._environments.setdefault(environment, _Environment())

    def _answered(self, simulation: Simulation, seen: _Environment, environment: Any, message: Any, ask: Callable[[], Any]) -> Any:
        call = _call_of(seen, message)
        with self._dictionaries:
            answers = self._answers.setdefault(simulation, {})
        if simulation.phase == EVALUATION:
            return _as_before(answers.get(call), message, ask)
        if simulation.phase != LIVE or simulation.turn != ENVIRONMENT:
            return ask()
        fault = self._drawn(simulation, seen, message)
        answer = None if fault is None else self._source.unexecuted(fault, str(message.name), self._source.wait_s)
        if answer is not None and fault is not None:
            answers[call] = answer
            return self._refused(simulation, message, answer)
        response = ask()
        before = seen.first.setdefault(call[1:4], str(response.content)) if not response.error else None
        if fault is None or response.error:
            return response
        return self._spoiled(simulation, answers, call, response, fault, None if _writes(environment, message) else before)

    def _drawn(self, simulation: Simulation, seen: _Environment, message: Any) -> str | None:
        tool = str(message.name)
        number = seen.of_tool[tool]
        seen.of_tool[tool] += 1
        return self._source.drawn(tool, f"{simulation.seed}|{plain_domain(simulation.domain)}/{simulation.task}|{tool}|{number}")

    def _refused(self, simulation: Simulation, message: Any, answer: _Answer) -> Any:
        self._mark(simulation, answer.fault, ERROR_TYPES[answer.fault])
        return _error(message, answer)

    def _spoiled(self, simulation: Simulation, answers: dict[_Call, _Answer], call: _Call, response: Any, fault: str, before: Any) -> Any:
        answer = self._source.spoiled(fault, str(response.content), before)
        if answer is None:
            return response
        answers[call] = answer
        self._mark(simulation, fault)
        return response if answer.text is None else response.model_copy(update={"content": answer.text})

    def _mark(self, simulation: Simulation, fault: str, error_type: str | None = None) -> None:
        simulation.spoil_tool(fault, error_type)
        if fault in _WAITING:
            simulation.timed_out.wait(self._source.wait_s)  # ends at once if the simulation is given up


def _call_of(seen: _Environment, message: Any) -> _Call:
    arguments = json.dumps(message.arguments, sort_keys=True, default=str)
    key = (str(message.id), str(message.name), str(message.requestor), arguments)
    number = seen.made[key]
    seen.made[key] += 1
    return (*key, number)


def _as_before(answer: _Answer | None, message: Any, ask: Callable[[], Any]) -> Any:
    """Return what the evaluator's replay is told of a call: what the model was."""
    if answer is not None and not answer.executed:
        return _error(message, answer)
    response = ask()
    return response if answer is None or answer.text is None else response.model_copy(update={"content": answer.text})


def _error(message: Any, answer: _Answer) -> Any:
    made = importlib.import_module("tau2.data_model.message").ToolMessage
    return made(id=message.id, content=answer.text, requestor=message.requestor, role="tool", error=True)


def _writes(environment: Any, message: Any) -> bool:
    """Return whether a tool changes the database; true for one that is not there."""
    name = str(message.name)
    toolkit = toolkit_of(environment, name, str(message.requestor))
    if toolkit is None or not toolkit.has_tool(name):
        return True
    kind = toolkit.tool_type(name)
    return str(getattr(kind, "value", kind)) == "write"
