"""Whose fault the failures are, on one line of the first screen."""

from __future__ import annotations

from tau2_logging.analysis.deep.attribution.accusation import AGENT, FAULT_NAMES, UNKNOWN
from tau2_logging.analysis.deep.attribution.attribute import attribution
from tau2_logging.analysis.deep.reading.recorded import Recorded


def fault_line(recorded: Recorded) -> list[str]:
    """Return `Whose fault, by rules: agent in 11 failures, task in 6, user simulator in 5`; nothing if no failure is that of
    another than the agent."""
    counts = attribution(recorded)["fault"].value_counts()
    if not set(counts.index) - {AGENT, UNKNOWN}:
        return []
    first, *more = [f"{FAULT_NAMES[str(fault)]} in {number:,}" for fault, number in counts.items()]
    return ["Whose fault, by rules: " + ", ".join([f"{first} failure{'s' * (int(counts.iloc[0]) != 1)}", *more])]
