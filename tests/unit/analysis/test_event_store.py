"""Columns of events, by type."""

from __future__ import annotations

import polars as pl

from tau2_logging.analysis.store.event_store import EventStore


def test_a_type_of_which_no_event_has_a_time_is_read_beside_others_that_have_one() -> None:
    """A damaged log can hold one: the first event of a run is known all the same, its time is not."""
    store = EventStore()
    store.add_rows("step_complete", [{"row": 3, "run": "a"}, {"row": 1, "run": "b"}])
    store.add("llm_call", pl.DataFrame({"row": [0, 2], "run": ["a", "b"], "time": pl.Series([7, 9], dtype=pl.Datetime("ms"))}))
    store.close()
    assert [(run, row) for _, run, row, _ in store.first_events()] == [("a", 0), ("b", 1)]
    assert store.first_events()[0][3] == 7
    assert store.first_events()[1][3] < 0
