"""The public surface of each package: what a person may import from it, and nothing by accident."""

from __future__ import annotations

import importlib

import pytest

PUBLIC = {
    "tau2_logging.agents": ["EXPERT_AGENT", "KINDS", "ContextSettings", "RetrySettings", "registered", "registered_agents", "settings_of"],
    "tau2_logging.environments": ["EnvironmentStates", "FastDatabases", "FastTools"],
    "tau2_logging.events": [
        "CONTEXT_FIELDS", "EVENTS_SCHEMA", "EVENT_CLASSES", "EXCLUSIVE_MS", "FIELDS", "KINDS", "LEVELS", "MODEL_CALL_TYPES", "PROFILE",
        "SCHEMA_VERSION", "USER_JUDGE", "Change", "ContextReductionEvent", "CorrectionEvent", "Event", "Field", "Kind", "RejectedLine",
        "Sensitive", "StateChangeEvent", "StateSnapshot", "StructuredEvent", "ToolExecutionEvent", "apply_changes", "canonical_fields",
        "decode", "decode_event", "difference", "encode", "encode_event", "level_name", "level_of", "read_events",
    ],
    "tau2_logging.logger": [
        "Clock", "EventLogger", "FakeClock", "Outcome", "Simulation", "Sink", "bind", "carried", "current", "simulation_scope",
    ],
    "tau2_logging.sinks": ["DomainFiles", "MemorySink"],
    "tau2_logging.models.experts": ["ADVISE", "DELEGATE", "MODES", "Expert", "parse_expert", "parse_experts"],
    "tau2_logging.users": [
        "BUILTIN", "CONTROL", "MARKERS", "PLACEBO", "LintFinding", "Variant", "lint", "read_variants", "registered_users", "user_name",
    ],
    "tau2_logging.instrument": [
        "TTFT_MODES", "Instrumentation", "Instrumentor", "RateLimiter", "ToolDetails", "distribution_version", "has_module",
    ],
    "tau2_logging.models.scripted": ["FAULTS", "ScriptedSettings", "TaskScript", "TaskScripts", "script_of"],
    "tau2_logging.models.simulated_server": ["FAULTS", "Exchange", "Reply", "ServerSettings", "SimulatedServer", "ToolUse"],
    "tau2_logging": [
        "ContextManagedLLMAgent", "ContextReductionEvent", "EnhancedDomainRegistry", "EnhancedLLMAgent", "ExecutionLogger", "LogAnalyzer",
        "RetryManagedLLMAgent", "StateChangeEvent", "StateTracker", "ToolExecutionEvent", "get_usage_examples", "load_ipython_extension",
        "print_enhanced_agent_summary", "run_enhanced_simulation", "unload_ipython_extension",
    ],
    "tau2_logging.logging": [
        "ContextReductionEvent", "ExecutionEvent", "ExecutionLogger", "StateChangeEvent", "StateSnapshot", "StateTracker",
        "ToolExecutionEvent",
    ],
    "tau2_logging.analysis.recordings": ["EVAL", "Missing", "load_results", "recorded_file", "recorded_files", "write_log"],
    "tau2_logging.analysis": ["LogAnalyzer", "Rejected", "ReportOptions", "RunLog", "load_log"],
    "tau2_logging.analysis.deep": ["DeepTable", "LogAnalyzer", "Recorded"],
}  # fmt: skip


@pytest.mark.parametrize("package", sorted(PUBLIC))
def test_a_package_offers_exactly_these_names(package: str) -> None:
    """In alphabetical order as ruff sorts them, each of them there; adding one is a decision that shows here."""
    module = importlib.import_module(package)
    assert module.__all__ == PUBLIC[package]
    assert [name for name in module.__all__ if not hasattr(module, name)] == []


@pytest.mark.parametrize("package", sorted(PUBLIC))
def test_everything_that_is_offered_says_what_it_is(package: str) -> None:
    """Classes and functions have a docstring of ours."""
    module = importlib.import_module(package)
    for name in module.__all__:
        item = getattr(module, name)
        if callable(item):
            assert item.__doc__, f"{package}.{name}"
