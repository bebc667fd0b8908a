"""Simulations in threads, at the moments when a run ends."""

from __future__ import annotations

import threading
import time
from typing import Any

import pytest

from tau2_logging.runner.executors import threads
from tau2_logging.runner.executors.threads import ThreadsExecutor
from tau2_logging.runner.work.watchdog import Watchdog


def test_a_simulation_that_is_being_started_when_the_run_ends_is_abandoned_too(monkeypatch: pytest.MonkeyPatch) -> None:
    """Else its events would come after run_end."""
    taken, interrupted, no_bench, unit = threading.Event(), [], Any, Any

    def play_unit(unit: Any, bench: Any, begun: Any) -> None:
        taken.set()
        time.sleep(0.1)
        begun(unit, "its simulation")
        while not interrupted:
            time.sleep(0.001)

    monkeypatch.setattr(threads, "play_unit", play_unit)
    monkeypatch.setattr(threads, "interrupt", lambda unit, simulation, bench: interrupted.append(simulation))
    executor = ThreadsExecutor(no_bench, [unit], 1, Watchdog(60, None))
    executor.start()
    taken.wait()
    executor.close()
    found = list(interrupted)
    interrupted.append("to let the thread end")
    assert found == ["its simulation"]
