"""Reading the journal of a simulated server."""

from __future__ import annotations

import time

from tau2_logging.models.servers.simulated import Exchange, SimulatedServer


def settled(server: SimulatedServer) -> list[Exchange]:
    """The journal, once every exchange is over (a server learns a moment later that a client has gone)."""
    for _ in range(200):
        journal = server.journal
        if all(kept.ended for kept in journal):
            return journal
        time.sleep(0.02)
    raise AssertionError("an exchange does not end")
