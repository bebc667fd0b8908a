"""What each simulation changed in the databases, from the events of a run."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from tau2_logging.analysis.conversations.conversation import Key
from tau2_logging.events import StateChangeEvent, read_events

MOST = 40
"""Changes of one write that are shown."""


def changes_in(paths: Iterable[Path]) -> dict[Key, list[dict[str, Any]]]:
    """Return the changes by simulation, in order; an attempt that was killed is in them."""
    found: defaultdict[Key, list[dict[str, Any]]] = defaultdict(list)
    for path in paths:
        for event in read_events(path):
            if isinstance(event, StateChangeEvent):
                key = tuple("" if part is None else str(part) for part in (event.run, event.domain, event.task, event.trial))
                found[key].append(_change(event))  # type: ignore[index]
    return found


def _change(event: StateChangeEvent) -> dict[str, Any]:
    shown = [[item.path, item.kind, item.before, item.after] for item in event.changes[:MOST]]
    return {"tool": event.tool, "database": event.database, "step": event.step, "changes": shown, "of": len(event.changes)}
