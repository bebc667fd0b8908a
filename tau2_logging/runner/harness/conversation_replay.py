"""A conversation made of given calls and texts: played in tau2's own environment, scored by tau2's own evaluator. No model is asked."""

from __future__ import annotations

import importlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Any

from tau2_logging.environments import FastDatabases
from tau2_logging.environments.initial_state import set_initial_state
from tau2_logging.errors import Tau2LoggingError
from tau2_logging.instrument.tau2_environments.substitutes import DatabaseSubstitutes
from tau2_logging.runner.harness.tau2_harness import Tau2Harness

_EPOCH = "2026-01-01T00:00:00"
State = tuple[str | None, str | None]
"""Hashes of the agent's database and the user's."""


@dataclass(frozen=True)
class ReplayCall:
    """A call to make: who makes it (`assistant` or `user`), the tool, its arguments."""

    requestor: str
    name: str
    arguments: Mapping[str, Any]

    def __str__(self) -> str:
        return f"{self.name}({', '.join(f'{key}={value!r}' for key, value in self.arguments.items())})"


@dataclass(frozen=True)
class ReplayAnswer:
    """What the environment answered to a call, and its state before and after."""

    output: str
    error: bool
    before: State
    after: State


@dataclass(frozen=True)
class Replayed:
    """A conversation that was played. `reward` is None if tau2's evaluator refused it; `problem` then says why."""

    answers: tuple[ReplayAnswer, ...]
    state: State
    reward: float | None
    parts: Mapping[str, float]
    problem: str = ""


class StateError(Tau2LoggingError):
    """The initial state of a task cannot be set."""


class ConversationReplay:
    """A domain's environments and tau2's evaluator. Use it in a `with` block; `fast` shares parsed databases (the hashes are tau2's)."""

    def __init__(self, harness: Tau2Harness, domain: str, fast: bool = True) -> None:
        self._domain = domain
        self._fast = fast
        self._harness = harness
        self._evaluator = importlib.import_module("tau2.evaluator.evaluator")
        self._messages = importlib.import_module("tau2.data_model.message")
        self._run = importlib.import_module("tau2.data_model.simulation").SimulationRun
        self._stack = ExitStack()

    def __enter__(self) -> ConversationReplay:
        if self._fast:
            databases = DatabaseSubstitutes("tau2", FastDatabases())
            databases.install()
            self._stack.callback(databases.uninstall)
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    def tool_kinds(self) -> dict[tuple[str, str], str]:
        """Return `read`, `write`, `generic` by (requestor, tool)."""
        environment = self._harness.new_environment(self._domain)
        kits = (("assistant", environment.tools), ("user", environment.user_tools))
        return {(who, name): kit.tool_type(name).value for who, kit in kits if kit is not None for name in kit.tools}

    def play(self, task: Any, calls: Sequence[ReplayCall], says: Sequence[str], agent_stops: bool = False) -> Replayed:
        """Make the calls in order, have the agent say the texts, end the conversation and score it. Raises StateError."""
        environment = self._started(task)
        answers = tuple(self._answer(environment, number, call) for number, call in enumerate(calls))
        state = _state(environment)
        messages = [*_history(task), *self._conversation(calls, answers, says)]
        reward, parts, problem = self._score(task, messages, agent_stops)
        return Replayed(answers, state, reward, parts, problem)

    def messages(self, task: Any, calls: Sequence[ReplayCall], says: Sequence[str]) -> list[Any]:
        """Return the conversation that `play` scores. Raises StateError."""
        environment = self._started(task)
        answers = tuple(self._answer(environment, number, call) for number, call in enumerate(calls))
        return [*_history(task), *self._conversation(calls, answers, says)]

    def databases(self) -> list[Any]:
        """Return the agent's and the user's database as plain data, before any task."""
        environment = self._harness.new_environment(self._domain)
        kits = (environment.tools, environment.user_tools)
        found = [kit.db for kit in kits if kit is not None and getattr(kit, "db", None) is not None]
        return [database.model_dump(mode="json") for database in found]

    def policy(self) -> str:
        """Return the agent's policy."""
        return str(self._harness.new_environment(self._domain).get_policy())

    def look(self, task: Any) -> Callable[[str, Mapping[str, Any]], str | None]:
        """Return what asks a tool of the agent at the start of a task: its answer, None if it errs. Raises StateError."""
        environment = self._started(task)

        def asked(tool: str, arguments: Mapping[str, Any]) -> str | None:
            answer = environment.get_response(self._tool_call(0, ReplayCall("assistant", tool, arguments)))
            return None if answer.error else str(answer.content)

        return asked

    def assertions_met(self, task: Any, calls: Sequence[ReplayCall]) -> list[bool]:
        """Return which of a task's assertions are met after these calls. Raises StateError."""
        environment = self._started(task)
        for number, call in enumerate(calls):
            environment.get_response(self._tool_call(number, call))
        asserted = task.evaluation_criteria.env_assertions or ()
        return [_is_met(environment, assertion) for assertion in asserted]

    def _started(self, task: Any) -> Any:
        environment = self._harness.new_environment(self._domain, task)
        try:
            set_initial_state(environment, task)
        except Exception as error:
            raise StateError(f"{type(error).__name__}: {error}") from error
        return environment

    def _answer(self, environment: Any, number: int, call: ReplayCall) -> ReplayAnswer:
        before = _state(environment)
        answer = environment.get_response(self._tool_call(number, call))
        return ReplayAnswer(answer.content, bool(answer.error), before, _state(environment))

    def _tool_call(self, number: int, call: ReplayCall) -> Any:
        return self._messages.ToolCall(
            id=f"replay_{number}", name=call.name, arguments=dict(call.arguments), requestor=call.requestor
        )  # fmt: skip

    def _conversation(self, calls: Sequence[ReplayCall], answers: Sequence[ReplayAnswer], says: Sequence[str]) -> Iterator[Any]:
        kinds = {"assistant": self._messages.AssistantMessage, "user": self._messages.UserMessage}
        yield kinds["assistant"](role="assistant", content="Hello.")
        yield kinds["user"](role="user", content="Hello, please help me.")
        for number, (call, answer) in enumerate(zip(calls, answers, strict=True)):
            made = self._tool_call(number, call)
            yield kinds[call.requestor](role=call.requestor, content=None, tool_calls=[made])
            yield self._messages.ToolMessage(
                id=made.id, role="tool", content=answer.output, requestor=call.requestor, error=answer.error
            )  # fmt: skip
        for text in says:
            yield kinds["assistant"](role="assistant", content=text)
        yield kinds["user"](role="user", content="Thank you.")

    def _score(self, task: Any, messages: list[Any], agent_stops: bool) -> tuple[float | None, dict[str, float], str]:
        run = self._run(
            id="replay",
            task_id=str(task.id),
            start_time=_EPOCH,
            end_time=_EPOCH,
            duration=0.0,
            termination_reason="agent_stop" if agent_stops else "user_stop",
            messages=messages,
        )
        try:
            found = self._evaluator.evaluate_simulation(
                simulation=run, task=task, evaluation_type=self._evaluator.EvaluationType.ALL, solo_mode=False, domain=self._domain,
                **self._harness.evaluation_arguments(self._domain, task),
            )  # fmt: skip
        except Exception as error:
            return None, {}, f"{type(error).__name__}: {error}"
        return found.reward, {str(getattr(part, "value", part)): value for part, value in (found.reward_breakdown or {}).items()}, ""


def _is_met(environment: Any, assertion: Any) -> bool:
    try:
        return bool(environment.run_env_assertion(assertion, raise_assertion_error=False))
    except Exception:  # what is asserted of is not there
        return False


def _history(task: Any) -> list[Any]:
    return list(getattr(task.initial_state, "message_history", None) or [])


def _state(environment: Any) -> State:
    return environment.get_db_hash(), environment.get_user_db_hash()
