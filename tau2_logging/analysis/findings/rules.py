"""The rules, one row each. To add one: a function in a module of this folder, a row here, a row in docs/findings.md and two tests."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping

from tau2_logging.analysis.findings import failing_calls, solved_tasks, waiting
from tau2_logging.analysis.findings.finding import Finding
from tau2_logging.analysis.findings.run_facts import RunFacts

Rule = Callable[[RunFacts], Iterable[Finding]]

RULES: Mapping[str, Rule] = {
    "never_solved": solved_tasks.never_solved,
    "sometimes_solved": solved_tasks.sometimes_solved,
    "waiting_at_server": waiting.waiting_at_server,
    "failing_tool": failing_calls.failing_tool,
    "failing_model": failing_calls.failing_model,
}
"""Key -> rule. A rule looks at one run and gives the findings that it has something to say about: none, or findings of that key."""
