"""Whose fault the failures are, on one line of the first screen."""

from __future__ import annotations

from tau2_logging.analysis.deep.attribution.accusation import AGENT, FAULT_NAMES, UNKNOWN
from tau2_logging.analysis.deep.attribution.attribute import attribution
from tau2_logging.analysis.deep.reading.recorded import Recorded


def fault_line(recorded: Recorded) -> list[str]:
    """Return `Whose fault, by rules: agent 11, task 6, user simulator 5`; nothing if no failure is that of another than the agent."""
    counts = attribution(recorded)["fault"].value_counts()
    if not set(counts.index) - {AGENT, UNKNOWN}:
        return []
    return ["Whose fault, by rules: " + ", ".join(f"{FAULT_NAMES[str(fault)]} {number:,}" for fault, number in counts.items())]
