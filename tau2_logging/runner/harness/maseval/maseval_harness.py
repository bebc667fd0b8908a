"""MASEval's Tau2 benchmark instead of tau2's orchestrator: the same plan, executors, checkpoint and results."""

from __future__ import annotations

import importlib
import logging
import tempfile
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from maseval.benchmark.tau2 import DefaultAgentTau2Benchmark, configure_model_ids, load_tasks
from maseval.interface.inference.litellm import LiteLLMModelAdapter

from tau2_logging.environments.maseval_data import SharedMasevalDatabases, lay_out
from tau2_logging.errors import UserError
from tau2_logging.instrument import distribution_version
from tau2_logging.logger.context import bind, current
from tau2_logging.logger.simulation import Simulation
from tau2_logging.runner.harness.maseval.scoring import Repetition, simulation_of
from tau2_logging.runner.harness.tau2_harness import Tau2Harness
from tau2_logging.runner.settings.simulation_settings import SimulationSettings

DOMAINS = ("airline", "retail", "telecom")
AgentsHook = Callable[..., tuple[Sequence[Any], Mapping[str, Any]]]
"""The user's own `setup_agents(benchmark, agent_data, environment, task, user, seed_generator)`, as MASEval's benchmark defines it."""


class MasevalHarness(Tau2Harness):
    """The door to tau2, with MASEval behind `play`. Tasks, data and the second reward are tau2's; nothing is downloaded."""

    def __init__(self, hook: str | None = None) -> None:
        super().__init__()
        logging.getLogger("maseval").setLevel(logging.ERROR)
        self.label = distribution_version("maseval") or "maseval"
        self._hook = _hook(hook)
        self._stage = tempfile.TemporaryDirectory(prefix="maseval-")
        self._shared = SharedMasevalDatabases()
        self._tasks: dict[str, dict[str, Any]] = {}
        self._runs: dict[str, _Run] = {}
        self._lock = threading.Lock()

    def check(self, domains: Sequence[str]) -> None:
        """Raise UserError for a domain that MASEval's port does not have."""
        for domain in domains:
            if domain not in DOMAINS:
                raise UserError(f"MASEval has no domain {domain!r}; there are {', '.join(DOMAINS)}")

    def fast_databases(self) -> Mapping[str, Any]:
        """Return the databases that MASEval's environments share; tau2's own are not used."""
        return {"maseval": self._shared}

    def prepare(self, settings: Sequence[SimulationSettings]) -> None:
        """Lay out the data, read the tasks and make the benchmark of each domain: not in the first simulation's time."""
        data = importlib.import_module("tau2.utils.utils").DATA_DIR / "tau2" / "domains"
        for item in settings:
            lay_out(item.domain, Path(data), Path(self._stage.name))
            tasks = load_tasks(item.domain, split="all", data_dir=Path(self._stage.name), timeout_seconds=None)
            configure_model_ids(tasks, user_model_id=item.user_llm, evaluator_model_id=item.judge_llm)
            self._tasks[item.domain] = {str(task.id): task for task in tasks}
            self._runs[item.domain] = _Run(item, self._hook)

    def close(self) -> None:
        """Remove the links."""
        self._stage.cleanup()

    def play(self, settings: SimulationSettings, task: Any, seed: int) -> Any:
        """Return one repetition as tau2's SimulationRun, with MASEval's reward and tau2's beside it. Raises what the agent, the user or a
        tool raised."""
        simulation = current()
        trial = (simulation.trial if simulation is not None else None) or 0
        run = self._runs[settings.domain]
        report = run.repetition(self._tasks[settings.domain][str(task.id)], trial)
        with _evaluating(simulation), bind(None):  # tau2's evaluator is no part of what is measured: its calls are no events
            repetition = Repetition(settings.domain, task, report, trial, seed)
            return simulation_of(repetition, self._environment(settings.domain), own_reward=True)

    def user_prompt(self, settings: SimulationSettings, task: Any) -> str | None:
        """MASEval's user has a prompt of its own, which is not made here."""
        return None

    def _environment(self, domain: str) -> Any:
        return self.registry.get_env_constructor(domain)()


class _Adapter(LiteLLMModelAdapter):
    """litellm; the arguments that the run gives win over those that MASEval's agent and user set themselves."""

    def __init__(self, model_id: str, args: Mapping[str, Any], seed: int | None) -> None:
        super().__init__(model_id, seed=seed)
        self._args = dict(args)

    def _chat_impl(self, messages: Any, generation_params: Any = None, tools: Any = None, tool_choice: Any = None, **given: Any) -> Any:
        return super()._chat_impl(messages, generation_params, tools, tool_choice, **{**given, **self._args})


class _Run(DefaultAgentTau2Benchmark):
    """MASEval's benchmark for one domain; a repetition at a time, in whatever thread asks for it."""

    def __init__(self, settings: SimulationSettings, hook: AgentsHook | None) -> None:
        super().__init__(
            max_invocations=settings.max_steps, progress_bar=False, seed=settings.seed, fail_on_setup_error=True, fail_on_task_error=True
        )
        self._settings = settings
        self._hook = hook

    def repetition(self, task: Any, trial: int) -> Mapping[str, Any]:
        """Return MASEval's report. Errors of setup and execution are raised; one of its evaluator is in the report."""
        try:
            report: Mapping[str, Any] = self._execute_task_repetition(task, {"model_id": self._settings.agent_llm}, trial)
            return report
        finally:
            self.clear_registry()

    def get_model_adapter(self, model_id: str, **kwargs: Any) -> Any:
        """Return litellm, with the arguments that the run gives this role."""
        settings = self._settings
        name = kwargs.get("register_name", model_id)
        args = {"user_simulator": settings.user_args, "nl_evaluator": settings.judge_args}.get(name, settings.agent_args)
        adapter = _Adapter(model_id, args, kwargs.get("seed"))
        self.register("models", name, adapter)
        return adapter

    def setup_agents(self, agent_data: Any, environment: Any, task: Any, user: Any, seed_generator: Any) -> Any:
        """Return MASEval's default agent, or the user's own system."""
        if self._hook is not None:
            return self._hook(self, agent_data, environment, task, user, seed_generator)
        return super().setup_agents(agent_data, environment, task, user, seed_generator)

    def execution_loop(self, agents: Any, task: Any, environment: Any, user: Any) -> Any:
        """Return the default agent's loop counts that agent's steps; any other agent takes the benchmark's general one."""
        if self._hook is None:
            return super().execution_loop(agents, task, environment, user)
        return super(DefaultAgentTau2Benchmark, self).execution_loop(agents, task, environment, user)

    def collect_all_configs(self) -> dict[str, Any]:
        """Return the statistics of whole databases, for a report that is not kept."""
        return {}


@contextmanager
def _evaluating(simulation: Simulation | None) -> Iterator[None]:
    """Time in which tau2 scores what MASEval has run counts as evaluation."""
    if simulation is None:
        yield
        return
    simulation.ledger.enter("evaluation")
    try:
        yield
    finally:
        simulation.ledger.leave("evaluation")


def _hook(text: str | None) -> AgentsHook | None:
    if text is None:
        return None
    module_name, _, name = text.partition(":")
    try:
        found: AgentsHook = getattr(importlib.import_module(module_name), name or "setup_agents")
    except (ImportError, AttributeError, ValueError) as error:
        raise UserError(f"--maseval-agents {text!r} cannot be loaded ({error}); give MODULE:FUNCTION, importable from here") from error
    return found
