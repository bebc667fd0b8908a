"""How long a test waits for what must happen."""

from __future__ import annotations

import time
from collections.abc import Callable

LONG_S = 300.0
"""Longer than anything here takes on the slowest machine: it ends tests of what hangs, and judges nothing by its speed."""


def until(right: Callable[[], bool], look_s: float = 0.02) -> None:
    """Wait for what must happen."""
    deadline = time.monotonic() + LONG_S
    while not right():
        assert time.monotonic() < deadline, "it does not happen"
        time.sleep(look_s)
