"""MASEval's port of the benchmark: its own environments, agent loop, traces and evaluator, on the data of the installed tau2."""

from __future__ import annotations

import importlib.metadata
import json
import logging
import platform
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from maseval import ModelAdapter
from maseval.benchmark.tau2 import (
    DefaultAgentTau2Benchmark,
    Tau2Environment,
    Tau2Evaluator,
    configure_model_ids,
    load_domain_config,
    load_tasks,
)
from maseval.core.model import ChatResponse

from tau2_logging.environments.maseval_data import SharedMasevalDatabases, lay_out, own_hash
from tau2_logging.parity.case import Act, Call, Case, gold_conversation
from tau2_logging.parity.maseval_probes import ScoredConversation, probe_evaluator, probe_loader, probe_start
from tau2_logging.parity.side import PlayRequest, Wrapping


class MasevalSide:
    """The installed MASEval."""

    def __init__(self, wrapping: Wrapping, fast: bool) -> None:
        logging.getLogger("maseval").setLevel(logging.CRITICAL)
        self._wrapping = wrapping
        self._databases = SharedMasevalDatabases()
        self._layer = wrapping.databases("maseval", self._databases)
        if fast:
            self._layer.install()
        self._benchmark = _Gold()
        self._stage = tempfile.TemporaryDirectory(prefix="parity-")
        self._tasks: dict[str, dict[str, Any]] = {}
        self._led: dict[str, Any] = {}
        self._imperfect: list[tuple[ScoredConversation, float | None]] = []
        self._started: list[dict[str, Any]] = []

    def about(self, request: PlayRequest) -> dict[str, Any]:
        """Its version; what it has of tau2's data is known when tau2 has said where that is."""
        version = f"MASEval {importlib.metadata.version('maseval')}"
        return {"implementation": "maseval", "version": version, "python": platform.python_version()}

    def cases(self, request: PlayRequest) -> list[Case]:
        """Never asked: tau2 leads."""
        raise NotImplementedError("the cases come from tau2")

    def follow(self, led: dict[str, Any]) -> None:
        """Lay tau2's own files out as MASEval's loader wants them, under the names that its own table of downloads gives them."""
        self._led = led
        for domain in led["domains"]:
            lay_out(domain, Path(led["data"]), Path(self._stage.name))
            tasks = configure_model_ids(load_tasks(domain, split="all", data_dir=Path(self._stage.name)), user_model_id="gold/user")
            self._tasks[domain] = {str(task.id): task for task in tasks}

    def play(self, case: Case) -> dict[str, Any]:
        """See `Side.play`."""
        task = self._tasks[case.domain][case.task]
        history = (task.environment_data["initial_state"] or {}).get("message_history") or []
        try:
            environment = Tau2Environment(task.environment_data)
            environment.set_state(None, None, history)
        except Exception as error:
            return {"failed": f"{type(error).__name__}: {error}"}
        start = _hashes(environment)
        calls = [_called(environment, call) for call in case.calls]
        end = [own_hash(environment), environment.get_user_db_hash()]
        played = {"start": start, "calls": calls, "end": end, "assertions": _assertions(environment, task)}
        if case.fuzz is None:
            played["scored"] = self._score(case, task)
            if not case.slip:
                self._started.append(probe_start(case.domain, task, start, _hashes))
        return played

    def _score(self, case: Case, task: Any) -> dict[str, Any]:
        """Its own agent loop plays the gold conversation, its own evaluator scores what its own traces hold."""
        acts = gold_conversation(case.calls, tuple(task.evaluation_data["communicate_info"] or ()))
        report, recorded = self._benchmark.play(task, acts)
        result = (report["eval"] or [{}])[0]
        if recorded is not None and result.get("reward") != 1.0 and not case.slip:
            self._imperfect.append((recorded, result.get("reward")))
        if not result:
            return {"error": f"{report['status']}: {(report['error'] or {}).get('error_message', '')}"}
        return {"reward": result["reward"], "parts": result["reward_breakdown"]}

    def probes(self, request: PlayRequest) -> Iterator[dict[str, Any]]:
        """Yield what its loader makes of tau2's folder, what its agent is told, and why its evaluator fails perfect conversations."""
        stage = Path(self._stage.name)
        for domain, about in self._led["domains"].items():
            yield {"domain": domain, "policy": load_domain_config(domain, stage)["policy"], "tools": _tools(self._tasks[domain])}
            yield {"domain": domain, **probe_loader(domain, Path(self._led["data"]), stage, list(about["tasks"]))}
        yield {"started": self._started}
        yield from (probe_evaluator(recorded, reward, self._wrapping) for recorded, reward in self._imperfect)
        self._stage.cleanup()
        self._layer.uninstall()
        if damaged := self._databases.damaged():
            raise RuntimeError(f"a tool of MASEval changed shared records of {', '.join(damaged)}; play with --no-fast-env")


class _Script(ModelAdapter):
    """Says its part of a conversation, whatever it is asked."""

    def __init__(self, acts: Sequence[Act], role: str) -> None:
        super().__init__()
        self._role = role
        self._acts = iter([act for act in acts if act.role == role])
        self._said = 0

    @property
    def model_id(self) -> str:
        return f"gold/{self._role}"

    def _chat_impl(self, messages: Any, generation_params: Any = None, tools: Any = None, tool_choice: Any = None, **_: Any) -> Any:
        act = next(self._acts)
        self._said += 1
        if act.call is None:
            return ChatResponse(content=act.text)
        function = {"name": act.call.name, "arguments": json.dumps(act.call.arguments)}
        return ChatResponse(tool_calls=[{"id": f"{self._role}_{self._said}", "type": "function", "function": function}])


class _Gold(DefaultAgentTau2Benchmark):
    """MASEval's benchmark with its default agent, both models scripted; keeps what its evaluator was given."""

    def __init__(self) -> None:
        super().__init__(progress_bar=False)
        self._acts: Sequence[Act] = ()
        self._recorded: ScoredConversation | None = None

    def play(self, task: Any, acts: Sequence[Act]) -> tuple[dict[str, Any], ScoredConversation | None]:
        """Return MASEval's report of the conversation, and what its evaluator was given."""
        self._acts, self._recorded = acts, None
        report = self.run([task], agent_data={"model_id": "gold/agent"})[0]
        return report, self._recorded

    def collect_all_configs(self) -> dict[str, Any]:
        """Return the statistics of whole databases, that nobody reads here."""
        return {}

    def get_model_adapter(self, model_id: str, **_: Any) -> ModelAdapter:
        return _Script(self._acts, "assistant" if model_id == "gold/agent" else "user")

    def evaluate(self, evaluators: Sequence[Tau2Evaluator], agents: Any, final_answer: Any, traces: Mapping[str, Any]) -> Any:
        self._recorded = ScoredConversation(evaluators[0], dict(traces), self._acts)  # before it is evaluated: that may fail
        return super().evaluate(evaluators, agents, final_answer, traces)


def _hashes(environment: Any) -> list[str | None]:
    return [environment.get_db_hash(), environment.get_user_db_hash()]


def _called(environment: Any, call: Call) -> dict[str, Any]:
    try:
        answer = environment.get_response(call.name, requestor=call.requestor, **call.arguments)
    except TypeError as error:  # an argument named like one of get_response's own
        return {"output": f"TypeError: {error}", "error": True}
    return {"output": answer["content"], "error": answer["error"]}


def _assertions(environment: Any, task: Any) -> list[dict[str, Any]]:
    done = []
    for assertion in task.evaluation_data["env_assertions"] or ():
        try:
            met: Any = environment.run_env_assertion(assertion, raise_assertion_error=False)
        except Exception as error:
            met = type(error).__name__
        done.append({"name": assertion["func_name"], "met": met})
    return done


def _tools(tasks: Mapping[str, Any]) -> list[list[str]]:
    environment = Tau2Environment(next(iter(tasks.values())).environment_data)
    kits = {"assistant": environment.create_tools(), "user": environment.create_user_tools()}
    return sorted([requestor, name] for requestor, tools in kits.items() for name in tools)
