"""What happens inside a repetition of MASEval's Tau2 benchmark. For MASEval 0.5.1.

Its callbacks fire in the main thread when work is submitted, and the agent's never; the one place where task and repetition are known, in
the thread that does the work, is `Benchmark._execute_task_repetition`. A step is what MASEval itself counts as one: each model call of
the agent and of the user, and each tool call. Model calls are measured if they leave (see `litellm`, `http`): here it is only said who
acts.
"""

from __future__ import annotations

import functools
import importlib
import json
import sys
from collections.abc import Mapping
from contextvars import ContextVar
from typing import Any

from tau2_logging.instrument.instrumentor import Instrumentor
from tau2_logging.instrument.patching import Function, Patches
from tau2_logging.instrument.simulations.evaluation import begin_evaluation, end_evaluation
from tau2_logging.instrument.simulations.tool_event import write_tool_call
from tau2_logging.logger.content.error_text import error_text
from tau2_logging.logger.context import bind, current
from tau2_logging.logger.event_logger import EventLogger
from tau2_logging.logger.operation import Operation
from tau2_logging.logger.scope import OK, Outcome, begin, end
from tau2_logging.logger.simulation import AGENT, ENVIRONMENT, EVALUATION, LIVE, USER, Simulation

REFUSED = "ToolRefused"
"""The error type of a call that reached no tool: its name or its arguments were wrong."""

_PACKAGE = "maseval.benchmark.tau2.tau2"


class _Call:
    """A tool call in the hands of MASEval's agent or user: whether it reached the tool, and what the tool raised."""

    def __init__(self) -> None:
        self.reached = False
        self.error_type: str | None = None
        self.error: BaseException | None = None


_CALL: ContextVar[_Call | None] = ContextVar("tau2_logging_maseval_call", default=None)


class MasevalInstrumentor(Instrumentor):
    """Follows MASEval's agents, user, tools and evaluator, if its Tau2 benchmark has been imported.

    With `logger`, a repetition outside of any simulation of ours (the user's own script) becomes one.
    """

    def __init__(self, logger: EventLogger | None = None) -> None:
        super().__init__()
        self._logger = logger

    def supported(self) -> bool:
        """Return whether MASEval's Tau2 benchmark has been imported; nothing is imported for it."""
        return _PACKAGE in sys.modules

    def wrap(self, patches: Patches) -> None:
        """Wrap a repetition, the turns, tool calls and model calls in it, and its evaluation, both replays included."""
        tau2 = sys.modules[_PACKAGE]
        environment = importlib.import_module("maseval.benchmark.tau2.environment").Tau2Environment
        patches.method(importlib.import_module("maseval.core.benchmark").Benchmark, "_execute_task_repetition", self._repetition)
        patches.method(importlib.import_module("maseval.core.model").ModelAdapter, "chat", self._chat)
        patches.method(importlib.import_module("maseval.core.agent").AgentAdapter, "run", self._turn_of(AGENT))
        patches.method(tau2.DefaultTau2Agent, "run", self._turn_of(AGENT))
        patches.method(tau2.Tau2User, "respond", self._turn_of(USER))
        patches.method(tau2.DefaultTau2Agent, "_execute_tool_call", self._tool_of("assistant"))
        patches.method(tau2.Tau2User, "_execute_tool", self._tool_of("user"))
        patches.method(environment, "create_tools", self._tools_of("assistant"))
        patches.method(environment, "create_user_tools", self._tools_of("user"))
        patches.method(environment, "get_response", self._counted("replay_calls"))
        patches.method(environment, "make_tool_call", self._counted("gold_calls"))
        patches.method(tau2.Tau2Benchmark, "evaluate", self._evaluate)

    def _simulation(self) -> Simulation | None:
        simulation = current() if self.installed else None
        return simulation if simulation is not None and not simulation.closed else None

    def _repetition(self, original: Function) -> Function:
        def execute(benchmark: Any, task: Any, agent_data: Any, repeat_idx: int) -> Any:
            if self._logger is None or not self.installed or current() is not None:
                return original(benchmark, task, agent_data, repeat_idx)
            domain = str(task.environment_data.get("domain", "maseval"))
            simulation = begin(self._logger, domain, str(task.id), trial=repeat_idx)
            with bind(simulation):
                try:
                    report = original(benchmark, task, agent_data, repeat_idx)
                except BaseException as error:
                    end(simulation, Outcome("error", error=error))
                    raise
            self._logger.attempt(end, simulation, outcome_of_report(report))
            return report

        return execute

    def _turn_of(self, role: str) -> Any:
        def make(original: Function) -> Function:
            def act(actor: Any, /, *args: Any, **kwargs: Any) -> Any:
                simulation = self._simulation()
                if simulation is None:
                    return original(actor, *args, **kwargs)
                simulation.go_live()
                before, simulation.turn = simulation.turn, role
                try:
                    return original(actor, *args, **kwargs)
                finally:
                    simulation.turn = before

            return act

        return make

    def _chat(self, original: Function) -> Function:
        def chat(adapter: Any, /, *args: Any, **kwargs: Any) -> Any:
            simulation = self._simulation()
            if simulation is None or simulation.phase != LIVE or simulation.turn not in (AGENT, USER):
                return original(adapter, *args, **kwargs)
            simulation.check_timeout()
            step = _Step(simulation, simulation.turn)
            try:
                response = original(adapter, *args, **kwargs)
            except BaseException as error:
                simulation.logger.attempt(step.end, None, error)
                raise
            other = USER if simulation.turn == AGENT else AGENT
            simulation.logger.attempt(step.end, ENVIRONMENT if getattr(response, "tool_calls", None) else other)
            return response

        return chat

    def _tool_of(self, requestor: str) -> Any:
        """Wrap what MASEval's own agent and user do with a tool call, whether or not there is such a tool."""

        def make(original: Function) -> Function:
            def execute(actor: Any, tool_call: Any, /, *args: Any, **kwargs: Any) -> Any:
                simulation = self._simulation()
                if simulation is None or simulation.phase != LIVE:
                    return original(actor, tool_call, *args, **kwargs)
                simulation.check_timeout()
                call = _Call()
                live = simulation.logger.attempt(_LiveTool, simulation, requestor, *_named(tool_call))
                token = _CALL.set(call)
                try:
                    result = original(actor, tool_call, *args, **kwargs)
                finally:
                    _CALL.reset(token)
                if live is not None:
                    simulation.logger.attempt(live.end, call.error_type if call.reached else REFUSED, result, call.error)
                return result

            return execute

        return make

    def _tools_of(self, requestor: str) -> Any:
        """Wrap the callables that an environment hands out: an agent system of the user's own calls them directly."""

        def make(original: Function) -> Function:
            def create(environment: Any, /, *args: Any, **kwargs: Any) -> Any:
                tools = original(environment, *args, **kwargs)
                if self._simulation() is None:
                    return tools
                return {name: self._measured(name, tool, requestor) for name, tool in tools.items()}

            return create

        return make

    def _measured(self, name: str, tool: Function, requestor: str) -> Function:
        @functools.wraps(tool)  # frameworks make schemas of a tool's annotations
        def use(*args: Any, **kwargs: Any) -> Any:
            simulation, call = self._simulation(), _CALL.get()
            if simulation is None or simulation.phase != LIVE:
                return tool(*args, **kwargs)
            live = None if call is not None else simulation.logger.attempt(_LiveTool, simulation, requestor, name, kwargs)
            call = call or _Call()
            call.reached = True
            try:
                result = tool(*args, **kwargs)
            except BaseException as error:
                call.error_type, call.error = type(error).__name__, error
                if live is not None:
                    simulation.logger.attempt(live.end, call.error_type, error_text(error), error)
                raise
            if live is not None:
                simulation.logger.attempt(live.end, None, result)
            return result

        return use

    def _counted(self, what: str) -> Any:
        """`get_response` repeats the conversation and makes its calls by `make_tool_call`, which the gold actions use alone."""

        def make(original: Function) -> Function:
            def count(environment: Any, /, *args: Any, **kwargs: Any) -> Any:
                simulation, inside = self._simulation(), _CALL.get()
                if simulation is None or simulation.phase != EVALUATION or inside is not None:
                    return original(environment, *args, **kwargs)
                setattr(simulation, what, getattr(simulation, what) + 1)
                token = _CALL.set(_Call())
                try:
                    return original(environment, *args, **kwargs)
                finally:
                    _CALL.reset(token)

            return count

        return make

    def _evaluate(self, original: Function) -> Function:
        def evaluate(benchmark: Any, /, *args: Any, **kwargs: Any) -> Any:
            simulation = self._simulation()
            if simulation is None:
                return original(benchmark, *args, **kwargs)
            before = begin_evaluation(simulation)
            results: Any = None
            error: BaseException | None = None
            try:
                results = original(benchmark, *args, **kwargs)
                return results
            except BaseException as raised:
                error = raised
                raise
            finally:
                simulation.logger.attempt(end_evaluation, simulation, before, results[0].get("reward") if results else None, error)

        return evaluate


def outcome_of_report(report: Mapping[str, Any]) -> Outcome:
    """Return reward and status from MASEval's report of a repetition; one that failed has no reward."""
    scores = report.get("eval") or ()
    reward = scores[0].get("reward") if scores else None
    if report.get("status") in ("success", "evaluation_failed"):
        return Outcome(OK, reward=reward, termination=str(report["status"]))
    details = report.get("error") or {}
    said = f"{report.get('status')}: {details.get('error_type')}: {details.get('error_message')}"
    return Outcome("timeout" if report.get("status") == "task_timeout" else "error", error=RuntimeError(said))


class _Step:
    """One step, from when somebody acts until it is known who is next."""

    def __init__(self, simulation: Simulation, role: str) -> None:
        self.simulation = simulation
        self.role = role
        simulation.step = 0 if simulation.step is None else simulation.step + 1
        simulation.step_span = simulation.logger.new_span()
        self.number, self.span = simulation.step, simulation.step_span
        self.started_ns = simulation.logger.clock.now_ns()

    def end(self, to_role: str | None, error: BaseException | None = None) -> None:
        """Write step_complete."""
        simulation = self.simulation
        logger = simulation.logger
        fields: dict[str, object] = {
            "step": self.number,
            "from_role": self.role,
            "to_role": to_role,
            "start_ms": logger.since_start_ms(self.started_ns),
            "total_duration_ms": (logger.clock.now_ns() - self.started_ns) / 1e6,
        }
        if error is not None:
            fields.update({"error": True, "error_type": type(error).__name__})
        simulation.count("steps")
        simulation.emit("step_complete", fields, span=self.span, parent=simulation.span)
        simulation.step_span = simulation.span


class _LiveTool:
    """A live tool call and the step that it is."""

    def __init__(self, simulation: Simulation, requestor: str, name: str, arguments: Any) -> None:
        self.simulation = simulation
        self.requestor = requestor
        self.name = name
        self.arguments = arguments
        self.step = _Step(simulation, ENVIRONMENT)
        self.operation = Operation(simulation, "tool_call", "tool", name)

    def end(self, error_type: str | None, result: Any, error: BaseException | None = None) -> None:
        """Write tool_call and step_complete."""
        if not self.operation.stop():
            return
        write_tool_call(self.operation, self.name, self.requestor, self.arguments, error_type, result, error)
        self.step.end(AGENT if self.requestor == "assistant" else USER)


def _named(tool_call: Mapping[str, Any]) -> tuple[str, Any]:
    """Return name and arguments of a call in OpenAI's form or a flat one."""
    function = tool_call.get("function", tool_call)
    arguments = function.get("arguments", {})
    if isinstance(arguments, str):
        try:
            arguments = json.loads(arguments)
        except ValueError:
            return str(function.get("name", "")), arguments
    return str(function.get("name", "")), arguments
