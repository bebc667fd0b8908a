"""How often each rule was right on the labelled simulations of public runs: docs/attribution.md says how they were labelled.

A rule that none of them met has no precision. `tests/unit/analysis_deep/test_fault_precision.py` counts the table again.
"""

from __future__ import annotations

from collections.abc import Mapping

MEASURED: Mapping[str, tuple[int, int]] = {
    "reference against the policy": (19, 19),
    "reference pays without the change": (1, 1),
    "choice left open": (4, 4),
    "hung up before the agent could act": (4, 4),
    "had something else done": (3, 3),
    "wrote before the customer agreed": (2, 2),
    "information not given": (14, 16),
    "gave up after its own error": (2, 3),
    "other arguments": (5, 7),
    "extra change": (8, 11),
}
"""Rule -> (right, of how many simulations that it decided)."""


def precision_of(rule: str) -> float | None:
    """Return the share of right decisions of a rule, from 0 to 1; None if it was never measured."""
    right, of = MEASURED.get(rule, (0, 0))
    return right / of if of else None


def measured_on(rule: str) -> int:
    """Return on how many labelled simulations."""
    return MEASURED.get(rule, (0, 0))[1]
