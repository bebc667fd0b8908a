"""How often each rule was right on the labelled simulations of public runs: docs/attribution.md says how they were labelled.

A rule that none of them met has no precision. `tests/unit/analysis_deep/test_fault_precision.py` counts the table again.
"""

from __future__ import annotations

from collections.abc import Mapping

MEASURED: Mapping[str, tuple[int, int]] = {
    "reference against the policy": (28, 33),
    "reference pays without the change": (1, 1),
    "variants that fit alike": (1, 1),
    "choice left open": (9, 10),
    "hung up before the agent could act": (10, 10),
    "fact that is nowhere": (15, 18),
    "withheld what the scenario says": (2, 3),
    "had something else done": (3, 4),
    "named another of several": (6, 6),
    "named one more than the reference has": (1, 1),
    "named another value than its scenario": (1, 1),
    "had the whole order cancelled": (2, 2),
    "named other options than its scenario": (1, 1),
    "asked for all where its scenario wants some": (1, 1),
    "did not do what its scenario has for the confirmation": (1, 1),
    "took another remedy than its scenario": (1, 1),
    "model broke off or went round in circles": (1, 2),
    "wrote before the customer agreed": (17, 21),
    "information not given": (40, 53),
    "made no call": (1, 2),
    "gave up after its own error": (13, 16),
    "other arguments": (57, 99),
    "extra change": (32, 50),
    "handed over": (12, 15),
}
"""Rule -> (right, of how many simulations that it decided)."""


def precision_of(rule: str) -> float | None:
    """Return the share of right decisions of a rule, from 0 to 1; None if it was never measured."""
    right, of = MEASURED.get(rule, (0, 0))
    return right / of if of else None


def measured_on(rule: str) -> int:
    """Return on how many labelled simulations."""
    return MEASURED.get(rule, (0, 0))[1]
