"""The Python examples of the documents that this project was made from, written anew: their names, signatures and keys, with the name of
the package exchanged. Models that need a key are the scripted ones. `airline_enhanced_logs.json` is in the current folder.
"""

from __future__ import annotations

from typing import NamedTuple


class Snippet(NamedTuple):
    """An example: what it is called in its document, and its code."""

    name: str
    code: str


IMPORTS: tuple[tuple[str, str], ...] = (
    ("tau2_logging.domain_registration", "EnhancedDomainRegistry"),
    ("tau2_logging", "run_enhanced_simulation"),
    ("tau2_logging.analysis", "LogAnalyzer"),
    ("tau2_logging", "RetryManagedLLMAgent"),
    ("tau2_logging", "ContextManagedLLMAgent"),
    ("tau2_logging", "EnhancedLLMAgent"),
    ("tau2_logging", "get_usage_examples"),
    ("tau2_logging", "print_enhanced_agent_summary"),
    ("tau2_logging.logging.events", "ExecutionEvent"),
    ("tau2_logging.logging", "ExecutionLogger"),
    ("tau2_logging.logging", "StateTracker"),
    ("tau2_logging", "ToolExecutionEvent"),
    ("tau2_logging", "StateChangeEvent"),
    ("tau2_logging", "ContextReductionEvent"),
)
"""Names that the documents import or list, and that are here."""

ABSENT: tuple[tuple[str, str], ...] = (
    ("tau2_logging", "get_performance_expectations"),
    ("tau2_logging.environments", "LoggingEnvironment"),
    ("tau2_logging.analysis", "visualizer"),
)
"""Names that are not here on purpose; docs/coming_from.md says why, and what to use."""

SNIPPETS = (
    Snippet("verify the installation", """
from tau2_logging.domain_registration import EnhancedDomainRegistry
found = list(EnhancedDomainRegistry().register_all_available_domains().keys())
assert {"airline_enhanced", "retail_enhanced", "telecom_enhanced", "mock_enhanced"} <= set(found)
"""),
    Snippet("method 3: a run from Python", """
from tau2.domains.mock.environment import get_tasks
from tau2_logging import run_enhanced_simulation

chosen = next(task for task in get_tasks() if task.id == "create_task_1")
results, (main_path, logs_path) = run_enhanced_simulation(
    domain="mock_enhanced", tasks=[chosen], agent="enhanced_agent", user="user_simulator", llm_agent="scripted/agent",
    llm_user="scripted/user", num_trials=1, save_dir="./run_from_python",
)
assert main_path.exists() and logs_path.exists() and len(results.simulations) == 1
"""),
    Snippet("method 4: analysis of existing logs", """
from tau2_logging.analysis import LogAnalyzer

analyzer = LogAnalyzer("airline_enhanced_logs.json")
analysis = analyzer.get_comprehensive_analysis()
print(f"{analysis['basic_stats']['total_tool_calls']} calls, {analysis['basic_stats']['success_rate']:.2%}")
assert analysis["basic_stats"]["total_tool_calls"] > 0 and 0 < analysis["basic_stats"]["success_rate"] <= 1
print(analyzer.get_argument_analysis()["complexity_distribution"])
assert len(analyzer.get_performance_analysis()["slowest_tools"])
"""),
    Snippet("quick start with the agents", """
from tau2_logging import ContextManagedLLMAgent, EnhancedLLMAgent, RetryManagedLLMAgent
from tau2_logging import get_usage_examples, print_enhanced_agent_summary

print_enhanced_agent_summary()
assert issubclass(EnhancedLLMAgent, RetryManagedLLMAgent) and issubclass(EnhancedLLMAgent, ContextManagedLLMAgent)
assert list(get_usage_examples()) == ["retry_agent", "context_agent", "enhanced_agent"]
"""),
    Snippet("performance analytics", """
from tau2_logging.analysis import LogAnalyzer

analyzer = LogAnalyzer("airline_enhanced_logs.json")
assert len(analyzer.get_performance_bottlenecks()["slowest_operations"])
assert len(analyzer.get_tool_efficiency_metrics()["top_performers"])
print(analyzer.get_argument_correlation_analysis()["performance_predictors"])
"""),
    Snippet("registering domains", """
from tau2.domains.mock.environment import get_environment as own_environment
from tau2.domains.mock.environment import get_tasks as own_tasks
from tau2_logging.domain_registration import EnhancedDomainRegistry

registry = EnhancedDomainRegistry()
print(list(registry.register_all_available_domains().keys()))
registry.register_enhanced_domain(domain_name="custom", original_get_environment=own_environment, original_get_tasks=own_tasks)

from tau2_logging import run_enhanced_simulation
results, _ = run_enhanced_simulation(domain="custom_enhanced", tasks=own_tasks()[:1], save_dir="custom")
assert len(results.simulations) == 1
"""),
    Snippet("an event type of your own", """
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Dict
from tau2_logging.logging import ExecutionLogger
from tau2_logging.logging.events import ExecutionEvent

@dataclass
class CustomAnalysisEvent(ExecutionEvent):
    analysis_type: str = ""
    metrics: Dict[str, Any] = field(default_factory=dict)

    def __post_init__(self):
        super().__post_init__()
        self.source = f"analysis:{self.analysis_type}"

with ExecutionLogger("own.jsonl") as logger:
    logger.log_event(CustomAnalysisEvent(analysis_type="cost", metrics={"usd": 0.5}))
assert '"source": "analysis:cost"' in Path("own.jsonl").read_text()
"""),
    Snippet("configuring the agent", """
import warnings
from tau2_logging import EnhancedLLMAgent

agent = EnhancedLLMAgent()
with warnings.catch_warnings():
    warnings.simplefilter("ignore", UserWarning)  # retry_delay_base has no effect, and it says so
    agent.configure_enhanced_agent(
        context_limit=8000, warning_threshold=0.8, critical_threshold=0.95, max_retries=3, retry_delay_base=0.5
    )
stats = agent.get_enhanced_statistics()
print(f"{stats['enhanced_agent_metrics']['enhancement_usage_rate']:.2%}")
assert stats["context_management"]["total_reductions"] == stats["retry_mechanism"]["successful_sequences"] == 0
"""),
    Snippet("monitoring the agent", """
from tau2_logging import EnhancedLLMAgent

def monitor(agent):
    stats = agent.get_enhanced_statistics()
    context, retries = stats["context_management"], stats["retry_mechanism"]
    print(context["total_tokens_saved"], f"{context['average_information_preservation']:.1%}")
    print(f"{retries['success_rate']:.1%}, {retries['average_attempts']:.1f}")
    print(f"{stats['performance_analysis']['enhancement_efficiency_score']:.2f}/1.0")

monitor(EnhancedLLMAgent())
"""),
    Snippet("reference of the agents", """
from tau2_logging import ContextManagedLLMAgent, EnhancedLLMAgent, RetryManagedLLMAgent

retry_stats = RetryManagedLLMAgent().get_retry_statistics()
context_agent = ContextManagedLLMAgent()
context_agent.set_context_limit(8000)
context_agent.set_reduction_thresholds(warning=0.7, critical=0.9)
context_stats = context_agent.get_context_statistics()
enhanced_agent = EnhancedLLMAgent()
assert enhanced_agent.get_enhanced_statistics()["retry_mechanism"].keys() == retry_stats.keys()
enhanced_agent.reset_enhanced_metrics()
"""),
    Snippet("reference of the logger", """
from tau2_logging.logging import ExecutionLogger

logger = ExecutionLogger(log_file="execution.jsonl", auto_flush=True, console_output=False)
logger.log_tool_execution(
    tool_name="search_flights", success=True, execution_time=0.5, tool_args={"departure": "NYC", "destination": "LAX"}, result=[{"id": 1}]
)
stats = logger.get_statistics()
assert stats["total_events"] == 1
"""),
    Snippet("reference of the tracker", """
from tau2_logging.logging import StateTracker

tracker = StateTracker(max_snapshots=1000, auto_snapshot=True, track_state_hash=True)
tracker.create_snapshot(
    state_data={"bookings": 5, "customers": 100}, action_trigger="book_flight", metadata={"tool": "book_flight", "success": True}
)
assert tracker.get_statistics()["total_snapshots"] == 1
"""),
    Snippet("reference of the analyzer", """
from tau2_logging.analysis import LogAnalyzer

analyzer = LogAnalyzer("airline_enhanced_logs.json")
parts = (
    analyzer.get_comprehensive_analysis(), analyzer.get_performance_analysis(), analyzer.get_argument_analysis(),
    analyzer.get_error_analysis(), analyzer.get_temporal_analysis(),
)
assert all(parts)
"""),
)  # fmt: skip
