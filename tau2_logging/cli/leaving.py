"""How a command ends its process."""

from __future__ import annotations

import os
import sys
import threading

SIMULATION_THREAD = "simulation"


def leave(code: int) -> None:
    """End the process with `code`, without waiting for simulations that hang in somebody's network call."""
    sys.stdout.flush()
    sys.stderr.flush()
    if any(thread.name == SIMULATION_THREAD for thread in threading.enumerate()):
        os._exit(code)
    sys.exit(code)
