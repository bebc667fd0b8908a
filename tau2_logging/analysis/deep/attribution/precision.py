"""How often each rule was right on the labelled simulations of public runs: docs/attribution.md says how they were labelled.

A rule that none of them met has no precision. `tests/unit/analysis_deep/test_fault_precision.py` counts the table again.
"""

from __future__ import annotations

from collections.abc import Mapping

MEASURED: Mapping[str, tuple[int, int]] = {
    "reference against the policy": (20, 20),
    "reference pays without the change": (1, 1),
    "choice left open": (7, 8),
    "hung up before the agent could act": (9, 9),
    "fact that is nowhere": (14, 17),
    "withheld what the scenario says": (1, 1),
    "had something else done": (3, 3),
    "named another of several": (4, 4),
    "had the whole order cancelled": (2, 2),
    "model broke off or went round in circles": (0, 1),
    "wrote before the customer agreed": (10, 14),
    "information not given": (33, 43),
    "gave up after its own error": (6, 10),
    "other arguments": (29, 51),
    "extra change": (18, 27),
    "handed over": (3, 3),
}
"""Rule -> (right, of how many simulations that it decided)."""


def precision_of(rule: str) -> float | None:
    """Return the share of right decisions of a rule, from 0 to 1; None if it was never measured."""
    right, of = MEASURED.get(rule, (0, 0))
    return right / of if of else None


def measured_on(rule: str) -> int:
    """Return on how many labelled simulations."""
    return MEASURED.get(rule, (0, 0))[1]
