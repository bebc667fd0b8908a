"""A side of a parity comparison in a process of its own, with what it may wrap: `python -m tau2_logging.cli.parity_worker tau2|maseval`."""

from __future__ import annotations

import sys

from tau2_logging.instrument.replacing import replaced
from tau2_logging.instrument.tau2_environments.substitutes import DatabaseSubstitutes
from tau2_logging.parity.side import Wrapping
from tau2_logging.parity.worker import main

if __name__ == "__main__":
    sys.exit(main(sys.argv[1], Wrapping(DatabaseSubstitutes, replaced)))
