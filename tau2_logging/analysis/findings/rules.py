"""The rules, one row each. To add one: a function in a module of this folder, a row here, a row in docs/findings.md and two tests."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping

from tau2_logging.analysis.findings import (
    failing_calls,
    looping,
    other_faults,
    record_gaps,
    scheduling,
    slow_servers,
    solved_tasks,
    spending,
    unscored,
    waiting,
)
from tau2_logging.analysis.findings.finding import Finding
from tau2_logging.analysis.findings.run_facts import RunFacts

Rule = Callable[[RunFacts], Iterable[Finding]]

RULES: Mapping[str, Rule] = {
    "not_the_agents": other_faults.not_the_agents,
    "never_solved": solved_tasks.never_solved,
    "sometimes_solved": solved_tasks.sometimes_solved,
    "not_scored": unscored.not_scored,
    "time_outs": unscored.time_outs,
    "out_of_steps": unscored.out_of_steps,
    "loops": looping.loops,
    "missing_documents": solved_tasks.missing_documents,
    "waiting_at_server": waiting.waiting_at_server,
    "waiting_here": waiting.waiting_here,
    "waiting_to_retry": waiting.waiting_to_retry,
    "server_down": waiting.server_down,
    "slow_endpoint": slow_servers.slow_endpoint,
    "slower_under_load": slow_servers.slower_under_load,
    "prefix_cache": slow_servers.prefix_cache,
    "failing_model": failing_calls.failing_model,
    "failing_tool": failing_calls.failing_tool,
    "cut_replies": failing_calls.cut_replies,
    "order": scheduling.order,
    "straggler": scheduling.straggler,
    "idle_workers": scheduling.idle_workers,
    "start_up": scheduling.start_up,
    "evaluation_share": scheduling.evaluation_share,
    "failed_cost": spending.failed_cost,
    "dear_user": spending.dear_user,
    "not_cached": spending.not_cached,
    "context_growth": spending.context_growth,
    "unknown_prices": spending.unknown_prices,
    "no_ttft": record_gaps.no_ttft,
    "no_usage": record_gaps.no_usage,
    "level_hides": record_gaps.level_hides,
}
"""Key -> rule. A rule looks at one run and gives the findings that it has something to say about: none, or findings of that key."""
