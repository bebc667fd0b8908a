"""Why a run stops before its end without having been told to: a limit is reached, or its model servers are gone."""

from __future__ import annotations

from dataclasses import dataclass

from tau2_logging.runner.model_calls.limits import Budget
from tau2_logging.runner.model_calls.model_servers import ModelServers
from tau2_logging.sinks.totals import LiveTotals

GRACE_S = 10.0
"""For what is in flight when its servers have ended for good: in worker processes it does not know, and would wait."""


@dataclass(frozen=True)
class End:
    """`name` is run_end's stopped_by. What is in flight ends in its own time, within `patience_s` if that is given."""

    name: str
    text: str
    advice: str
    patience_s: float = float("inf")


def end_of(budget: Budget, totals: LiveTotals, servers: ModelServers) -> End | None:
    """Return why no more simulations are to be started; None if there is no reason."""
    reached = budget.reached(totals)
    if reached is not None:
        return End(*reached, "to spend more, --resume with a higher limit, which counts from 0 again")
    lost = servers.lost()
    if lost is None:
        return None
    if lost.for_good:
        return End("servers_ended", str(lost), "read the log, then --resume", GRACE_S)
    return End("server_wait", str(lost), "bring a server back, then --resume")
