"""Reading the journal of a simulated server."""

from __future__ import annotations

import time

from tau2_logging.models.simulated_server import Exchange, SimulatedServer
from tests.support.patience import LONG_S


def settled(server: SimulatedServer) -> list[Exchange]:
    """The journal, once every exchange is over (a server learns a moment later that a client has gone)."""
    deadline = time.monotonic() + LONG_S
    while not all(kept.ended for kept in server.journal):
        assert time.monotonic() < deadline, "an exchange does not end"
        time.sleep(0.02)
    return server.journal
