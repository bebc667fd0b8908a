"""`airline_enhanced`, `retail_enhanced`, ...: second names for tau2's domains, under which structured events are always written.

Environment, tools, policy and tasks are those of the plain domain, made by the domain's own functions: nothing is wrapped or derived. The
names are in tau2's registry, so that tau2's own evaluator and any script find them.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from typing import Any

from tau2_logging.agents import registered, registered_agents
from tau2_logging.runner.settings.simulation_settings import SimulationSettings
from tau2_logging.users import registered_users

SUFFIX = "_enhanced"


@contextmanager
def enhanced_domains(registry: Any) -> Iterator[list[str]]:
    """Have `<domain>_enhanced` known to tau2 for every domain that has tasks, inside the block. Yields the names that were added.

    Domains the user registers before are included; a name that is there already stays as it is.
    """
    added = register_enhanced_domains(registry)
    try:
        yield added
    finally:
        for name in added:
            for table in ("_domains", "_tasks", "_task_splits"):  # v0.2.0 has no splits
                getattr(registry, table, {}).pop(name, None)


def register_enhanced_domains(registry: Any) -> list[str]:
    """Register them permanently, for scripts that run tau2 themselves. Returns the names that were added."""
    known = list(registry.get_domains())
    with_tasks = set(registry.get_task_sets())
    names = [name for name in known if not name.endswith(SUFFIX) and name in with_tasks and f"{name}{SUFFIX}" not in known]
    for name in names:
        splits = getattr(registry, "get_task_splits_loader", lambda _: None)(name)
        register_enhanced_domain(registry, f"{name}{SUFFIX}", registry.get_env_constructor(name), registry.get_tasks_loader(name), splits)
    return [f"{name}{SUFFIX}" for name in names]


def register_enhanced_domain(registry: Any, name: str, get_environment: Any, get_tasks: Any, splits: Any = None) -> None:
    """Register a domain and its tasks under a name; `splits` loads the splits of its tasks, if it has any."""
    registry.register_domain(get_environment, name)
    registry.register_tasks(get_tasks, name, **({"get_task_splits": splits} if splits else {}))


@contextmanager
def offered(registry: Any, settings: Collection[SimulationSettings]) -> Iterator[None]:
    """Have all that a run adds to tau2's registry there inside the block: our agents with their settings, the second names of domains,
    variants of the user."""
    with_experts = next((item for item in settings if item.experts), next(iter(settings)))
    with ExitStack() as stack:
        stack.enter_context(registered(registry, with_experts.experts, with_experts.expert_mode))
        stack.enter_context(_agents(registry, settings))
        stack.enter_context(enhanced_domains(registry))
        stack.enter_context(registered_users(registry, [item.variant for item in settings if item.variant is not None]))
        yield


def _agents(registry: Any, settings: Collection[SimulationSettings]) -> AbstractContextManager[None]:
    """Register our agents: under the name of the arm if their settings are the arm's own."""
    changed = [item for item in settings if item.agent_settings]
    own = {item.agent: (item.base_agent, item.agent_settings) for item in changed if item.agent != item.base_agent}
    plain = next((item for item in changed if item.agent == item.base_agent), None)
    return registered_agents(registry, plain.agent if plain else "", plain.agent_settings if plain else {}, own)
