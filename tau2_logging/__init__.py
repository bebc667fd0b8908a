"""Profiling and structured logging for tau2-bench. In IPython and Jupyter: `%load_ext tau2_logging`, then `%tau2_timeline LOG`.

The names below are found in their own packages when they are asked for: importing this one loads neither pandas nor tau2.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

from tau2_logging.extras import missing_package

if TYPE_CHECKING:
    from tau2_logging.agents.agent_summary import get_usage_examples, print_enhanced_agent_summary
    from tau2_logging.agents.managed_agents import ContextManagedLLMAgent, EnhancedLLMAgent, RetryManagedLLMAgent
    from tau2_logging.analysis.deep import LogAnalyzer
    from tau2_logging.domain_registration import EnhancedDomainRegistry
    from tau2_logging.events import ContextReductionEvent, StateChangeEvent, ToolExecutionEvent
    from tau2_logging.logging import ExecutionLogger, StateTracker
    from tau2_logging.runner.run_enhanced import run_enhanced_simulation

_HOMES = {
    "ContextManagedLLMAgent": "agents.managed_agents",
    "ContextReductionEvent": "events",
    "EnhancedDomainRegistry": "domain_registration",
    "EnhancedLLMAgent": "agents.managed_agents",
    "ExecutionLogger": "logging",
    "LogAnalyzer": "analysis.deep",
    "RetryManagedLLMAgent": "agents.managed_agents",
    "StateChangeEvent": "events",
    "StateTracker": "logging",
    "ToolExecutionEvent": "events",
    "get_usage_examples": "agents.agent_summary",
    "print_enhanced_agent_summary": "agents.agent_summary",
    "run_enhanced_simulation": "runner.run_enhanced",
}
"""Name -> the module that has it."""


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    try:
        return getattr(importlib.import_module(f"{__name__}.{_HOMES[name]}"), name)
    except ImportError as error:
        if (sentence := missing_package(error)) is None:
            raise
        raise ImportError(f"{name}: {sentence}") from error


def __dir__() -> list[str]:
    return sorted({*globals(), *_HOMES})


def load_ipython_extension(shell: Any) -> None:
    """Called by `%load_ext tau2_logging`."""
    _jupyter().load_ipython_extension(shell)


def unload_ipython_extension(shell: Any) -> None:
    """Called by `%unload_ext tau2_logging`."""
    _jupyter().unload_ipython_extension(shell)


def _jupyter() -> Any:
    from tau2_logging.analysis.reports.html import jupyter

    return jupyter


__all__ = [
    "ContextManagedLLMAgent",
    "ContextReductionEvent",
    "EnhancedDomainRegistry",
    "EnhancedLLMAgent",
    "ExecutionLogger",
    "LogAnalyzer",
    "RetryManagedLLMAgent",
    "StateChangeEvent",
    "StateTracker",
    "ToolExecutionEvent",
    "get_usage_examples",
    "load_ipython_extension",
    "print_enhanced_agent_summary",
    "run_enhanced_simulation",
    "unload_ipython_extension",
]
