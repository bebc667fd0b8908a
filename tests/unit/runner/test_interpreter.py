"""Settings of the interpreter, for the time of a run."""

from __future__ import annotations

import gc

from tau2_logging.runner.work.interpreter import frozen_heap


def test_the_heap_is_frozen_for_the_time_of_a_run_and_left_alone_if_it_is_already() -> None:
    """A program that has frozen its own heap finds it so afterwards."""
    was_frozen = gc.get_freeze_count() > 0  # as these tests do
    gc.unfreeze()
    try:
        with frozen_heap():
            assert gc.get_freeze_count() > 0
        assert gc.get_freeze_count() == 0
        gc.freeze()
        before = gc.get_freeze_count()
        with frozen_heap():
            pass
        assert gc.get_freeze_count() == before
    finally:
        gc.unfreeze()
        if was_frozen:
            gc.freeze()
