"""A simulation in which a test's own calls are measured."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from tau2_logging.events.levels import PROFILE
from tau2_logging.instrument import Instrumentation
from tau2_logging.logger import EventLogger, simulation_scope
from tau2_logging.sinks import MemorySink


@contextmanager
def simulation(**how: Any) -> Iterator[MemorySink]:
    """A profiled simulation; its events go to the sink."""
    sink = MemorySink(PROFILE)
    with Instrumentation(**how), simulation_scope(EventLogger("r", [sink]), "mock", "t", 0):
        yield sink
