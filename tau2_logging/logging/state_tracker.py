"""`StateTracker`: snapshots of a state that a script holds, and what changed between them."""

from __future__ import annotations

import hashlib
import json
import time
from collections import deque
from collections.abc import Mapping
from typing import Any

from tau2_logging.events import StateChangeEvent, StateSnapshot, difference
from tau2_logging.events.difference import changed_records, summary
from tau2_logging.logger.content.argument_shape import copied
from tau2_logging.logging.events import wall_time


class StateTracker:
    """Keeps the last `max_snapshots` snapshots of a state, a JSON object. Nothing is written: give what it returns to
    `ExecutionLogger.log_event`.

    `auto_snapshot`: `track_tool_execution` keeps a snapshot of the state before and after. `track_state_hash`: hash each state, as tau2
    hashes its databases; False saves the time for large states. The tools of a run are tracked without it (docs/agents.md).
    """

    def __init__(self, max_snapshots: int = 1000, auto_snapshot: bool = True, track_state_hash: bool = True) -> None:
        self.snapshots: deque[StateSnapshot] = deque(maxlen=max_snapshots)
        self._auto = auto_snapshot
        self._hashes = track_state_hash
        self._changes = 0

    def create_snapshot(
        self,
        state_data: Mapping[str, Any],
        action_trigger: str = "",
        agent_turn: bool = True,
        context_size: int = 0,
        metadata: Mapping[str, Any] | None = None,
    ) -> StateSnapshot:
        """Return a snapshot and keep it. `action_trigger` is its `moment`; the state and the rest are in its `extra`."""
        state = copied(state_data)
        extra = {"state_data": state, "agent_turn": agent_turn, "context_size": context_size, "metadata": dict(metadata or {})}
        self.snapshots.append(
            StateSnapshot(
                time=wall_time(time.time()),
                moment=action_trigger,
                agent_hash=self._hash(state),
                agent_records={name: len(value) for name, value in state.items() if isinstance(value, dict | list)},
                extra=extra,
            )
        )
        return self.snapshots[-1]

    def snapshot_if_changed(self, state_data: Mapping[str, Any], action_trigger: str = "", **more: Any) -> StateSnapshot | None:
        """Return a snapshot and keep it, if the state differs from that of the last one; None if it does not."""
        latest = self.get_latest_snapshot()
        if latest is not None and not difference(latest.extra["state_data"], copied(state_data)):
            return None
        return self.create_snapshot(state_data, action_trigger, **more)

    def track_tool_execution(
        self, tool_name: str, pre_state: Mapping[str, Any], post_state: Mapping[str, Any], **more: Any
    ) -> StateChangeEvent | None:
        """Return what a tool changed, record by record; None if nothing."""
        if self._auto:
            self.create_snapshot(pre_state, f"before_{tool_name}", **more)
            self.create_snapshot(post_state, f"after_{tool_name}", **more)
        return self._change(copied(pre_state), copied(post_state), tool_name)

    def get_latest_snapshot(self) -> StateSnapshot | None:
        """Return the last snapshot; None if there is none."""
        return self.snapshots[-1] if self.snapshots else None

    def get_statistics(self) -> dict[str, Any]:
        """Return how many snapshots are kept, and how many tool executions changed something."""
        return {"total_snapshots": len(self.snapshots), "max_snapshots": self.snapshots.maxlen, "state_changes": self._changes}

    def _change(self, before: Any, after: Any, tool: str) -> StateChangeEvent | None:
        changes = difference(before, after)
        if not changes:
            return None
        self._changes += 1
        return StateChangeEvent(
            tool=tool,
            changes=changes,
            changed_records=changed_records(changes),
            summary=summary(changes),
            pre_hash=self._hash(before),
            post_hash=self._hash(after),
        )

    def _hash(self, state: Any) -> str | None:
        """tau2's own: SHA-256 of the JSON text with sorted keys."""
        return hashlib.sha256(json.dumps(state, sort_keys=True, default=str).encode()).hexdigest() if self._hashes else None
