"""What the rules say of a log that a test writes."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from tau2_logging.analysis.findings.finding import Finding
from tau2_logging.analysis.findings.rules import RULES
from tau2_logging.analysis.findings.run_facts import RunFacts
from tau2_logging.events import Event
from tests.unit.analysis.samples import log_of


class Told:
    """The findings of a log by key. Only the rule that is asked for is run."""

    def __init__(self, facts: RunFacts) -> None:
        self._facts = facts

    def of(self, key: str) -> list[Finding]:
        found = list(RULES[key](self._facts))
        assert {finding.key for finding in found} <= {key}
        return found

    def __getitem__(self, key: str) -> Finding:
        [found] = self.of(key)
        return found

    def __contains__(self, key: str) -> bool:
        return bool(self.of(key))


def told(folder: Path, events: Iterable[Event]) -> Told:
    """Return the findings of a log of these events."""
    return Told(RunFacts(log_of(folder, events)))
