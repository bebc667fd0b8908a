"""Structured events of a script of your own, without a run: a logger of tool calls and of events of your own, and a tracker of states.

from tau2_logging.logging import ExecutionLogger

ExecutionLogger("execution.jsonl").log_tool_execution("search_flights", success=True, execution_time=0.5)

A run writes the same events by itself (docs/agents.md). The names are those of tau2-enhanced, see docs/coming_from.md.
"""

from tau2_logging.logging.events import ContextReductionEvent, ExecutionEvent, StateChangeEvent, StateSnapshot, ToolExecutionEvent
from tau2_logging.logging.execution_logger import ExecutionLogger
from tau2_logging.logging.state_tracker import StateTracker

__all__ = [
    "ContextReductionEvent",
    "ExecutionEvent",
    "ExecutionLogger",
    "StateChangeEvent",
    "StateSnapshot",
    "StateTracker",
    "ToolExecutionEvent",
]
