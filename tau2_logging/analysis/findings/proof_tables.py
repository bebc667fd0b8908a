"""The tables that findings rest on: the page of report.html that each is on, and its title there."""

from __future__ import annotations

from collections.abc import Mapping

TABLES: Mapping[str, tuple[str, str]] = {
    "tasks": ("tasks", "Simulations"),
    "attribution": ("failures", "Whose fault, simulation by simulation"),
    "cause_counts": ("failures", "Why simulations failed"),
    "errors": ("trouble", "Errors"),
    "retries": ("trouble", "Retries"),
    "outages": ("trouble", "Outages of model servers"),
    "truncations": ("trouble", "Cut at the length limit"),
    "unfinished": ("trouble", "Never ended"),
    "repeated_calls": ("trouble", "Repeated identical tool calls"),
    "loops": ("behavior", "Loops: the same calls at least 3 times in a row"),
    "waiting_at_servers": ("time", "Waiting at the server"),
    "model_servers": ("time", "Model servers"),
    "calls_by_endpoint": ("time", "Model calls by server"),
    "slower_with_load": ("time", "Model calls with few and many in flight"),
    "budget": ("time", "Time budget by simulation"),
    "stragglers": ("time", "Stragglers"),
    "documents_found": ("trouble", "Required documents by simulation"),
    "critical_path": ("time", "Critical path: what decided how long the run took"),
    "context_growth": ("time", "Context growth"),
    "latency": ("latency", "By type"),
    "repeated_prompts": ("cost", "Prompts sent again"),
    "cost_by_model": ("cost", "By role and model"),
    "cost_by_simulation": ("cost", "By simulation"),
    "run": ("about", "The run"),
}
"""Key of a table -> (page, title). A table that the run does not have is on no page."""
