"""Agents, registered with tau2's own registry for the length of a run.

`expert_agent` imports tau2, which takes seconds; `registration` imports it when an agent is registered.
"""

from tau2_logging.agents.registration import EXPERT_AGENT, registered

__all__ = ["EXPERT_AGENT", "registered"]
