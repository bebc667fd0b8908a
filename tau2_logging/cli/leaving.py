"""How a command ends its process."""

from __future__ import annotations

import argparse
import os
import sys
import threading
from collections.abc import Callable

from tau2_logging.errors import Tau2LoggingError

SIMULATION_THREAD = "simulation"


def carry_out(command: Callable[[argparse.Namespace], int], args: argparse.Namespace) -> None:
    """Do what was asked for and end the process with its exit code; what is wrong on purpose is said in one line."""
    try:
        code = command(args)
    except Tau2LoggingError as error:
        print(f"error: {error}", file=sys.stderr)
        code = error.exit_code
    sys.exit(code)


def leave(code: int) -> None:
    """End the process with `code`, without waiting for simulations that hang in somebody's network call."""
    sys.stdout.flush()
    sys.stderr.flush()
    if any(thread.name == SIMULATION_THREAD for thread in threading.enumerate()):
        os._exit(code)
    sys.exit(code)
