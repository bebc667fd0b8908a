"""Our agents in tau2's own registry, for as long as a run lasts."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from tau2_logging.agents.recovering import agent_class
from tau2_logging.agents.settings import KINDS, settings_of


@contextmanager
def registered_agents(registry: Any, agent: str = "", arguments: Mapping[str, Any] | None = None) -> Iterator[None]:
    """Have retry_agent, context_agent and enhanced_agent known to tau2 inside the block; `arguments` are the settings of `agent`.

    A name that is there already stays somebody else's. Raises UserError for settings the agent does not have.
    """
    if arguments:
        settings_of(agent, arguments)  # also where the agent is none of ours
    factories = hasattr(registry, "register_agent_factory")
    names = registry._agent_factories if factories else registry._agents
    ours = [name for name in KINDS if name not in names]
    for name in ours:
        made = agent_class(name, *settings_of(name, (arguments or {}) if name == agent else {}))
        if factories:
            registry.register_agent_factory(_factory(made), name)
        else:
            registry.register_agent(made, name)
    try:
        yield
    finally:
        for name in ours:
            names.pop(name, None)


def _factory(made: Any) -> Any:
    """v1.0.1 hands over more than an agent takes."""

    def make(tools: Any, domain_policy: str, **given: Any) -> Any:
        return made(tools=tools, domain_policy=domain_policy, llm=given.get("llm"), llm_args=given.get("llm_args"))

    return make
