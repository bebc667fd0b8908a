"""Agents, registered with tau2's own registry for the length of a run: one that may ask experts, and some that recover from their model's
mistakes and keep their prompts short.

`expert_agent` and `managed_agents` need tau2 or litellm, which take seconds; `agent_registration` imports them when an agent is registered.
"""

from tau2_logging.agents.agent_args import KINDS, ContextSettings, RetrySettings, settings_of
from tau2_logging.agents.agent_registration import EXPERT_AGENT, registered, registered_agents

__all__ = ["EXPERT_AGENT", "KINDS", "ContextSettings", "RetrySettings", "registered", "registered_agents", "settings_of"]
