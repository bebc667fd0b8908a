"""Snapshots of a state, and what a tool changed in it."""

from __future__ import annotations

import copy
from pathlib import Path

import pytest

from tau2_logging.events import StateChangeEvent, apply_changes, read_events
from tau2_logging.logging import ExecutionLogger, StateTracker

BEFORE = {"bookings": {"B1": {"status": "open"}}, "customers": [1, 2]}
AFTER = {"bookings": {"B1": {"status": "paid"}, "B2": {"status": "open"}}, "customers": [1, 2]}


def test_a_snapshot_holds_a_copy_of_the_state_and_tau2s_hash_of_it() -> None:
    utils = pytest.importorskip("tau2.utils.utils", reason="tau2 is not installed")
    tracker, state = StateTracker(), copy.deepcopy(BEFORE)
    snapshot = tracker.create_snapshot(state_data=state, action_trigger="book", metadata={"tool": "book"})
    state["bookings"]["B1"]["status"] = "changed later"  # type: ignore[index]
    assert snapshot.agent_hash == utils.get_dict_hash(BEFORE)
    assert snapshot.agent_records == {"bookings": 1, "customers": 2}
    assert (snapshot.moment, snapshot.extra["state_data"], snapshot.extra["metadata"]) == ("book", BEFORE, {"tool": "book"})


def test_what_a_tool_changed_turns_the_state_before_into_the_state_after(tmp_path: Path) -> None:
    """And can be written as a run writes it."""
    tracker = StateTracker()
    change = tracker.track_tool_execution("book", BEFORE, AFTER)
    assert change is not None
    assert apply_changes(copy.deepcopy(BEFORE), change.changes) == AFTER
    assert (change.tool, change.changed_records) == ("book", 2)
    assert tracker.track_tool_execution("look", AFTER, AFTER) is None
    assert [snapshot.moment for snapshot in tracker.snapshots] == ["before_book", "after_book", "before_look", "after_look"]
    assert tracker.get_statistics() == {"total_snapshots": 4, "max_snapshots": 1000, "state_changes": 1}
    with ExecutionLogger(tmp_path / "execution.jsonl") as logger:
        logger.log_event(change)
    (read,) = read_events(tmp_path / "execution.jsonl")
    assert isinstance(read, StateChangeEvent)
    assert read.changes == change.changes


def test_settings_limit_what_is_kept_and_computed() -> None:
    tracker = StateTracker(max_snapshots=2, auto_snapshot=False, track_state_hash=False)
    change = tracker.track_tool_execution("book", BEFORE, AFTER)
    assert change is not None
    assert (change.pre_hash, len(tracker.snapshots)) == (None, 0)
    assert tracker.get_latest_snapshot() is None
    assert tracker.snapshot_if_changed(BEFORE) is not None
    assert tracker.snapshot_if_changed(copy.deepcopy(BEFORE)) is None
    for _ in range(3):
        tracker.create_snapshot(AFTER)
    assert len(tracker.snapshots) == 2
