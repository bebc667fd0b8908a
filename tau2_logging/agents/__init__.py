"""Agents that recover from their model's mistakes and keep their prompts short, for tau2's own registry."""

from tau2_logging.agents.registration import registered_agents
from tau2_logging.agents.settings import KINDS, ContextSettings, RetrySettings, settings_of

__all__ = ["KINDS", "ContextSettings", "RetrySettings", "registered_agents", "settings_of"]
