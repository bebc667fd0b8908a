"""What the rules say of a log that a test writes."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from tau2_logging.analysis.findings.finding import Finding
from tau2_logging.analysis.findings.ranked import findings_of
from tau2_logging.events import Event
from tests.unit.analysis.samples import log_of


def told(folder: Path, events: Iterable[Event]) -> dict[str, Finding]:
    """Return the findings of a log of these events by key."""
    return {found.key: found for found in findings_of(log_of(folder, events))}
