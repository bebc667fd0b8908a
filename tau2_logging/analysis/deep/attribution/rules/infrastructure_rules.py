"""Nobody's fault in the conversation: the run, a model's provider or the network ended it, and it has no reward."""

from __future__ import annotations

from tau2_logging.analysis.deep.attribution.accusation import INFRASTRUCTURE, FaultRule, Shown
from tau2_logging.analysis.deep.attribution.failed_case import FailedCase

_ENDED = ("error", "timeout", "unfinished", "cancelled")


def _ended(case: FailedCase) -> Shown | None:
    row = case.simulation
    reason = str(row["termination"] or "")
    scored = row["reward"] is not None and row["reward"] == row["reward"]
    if reason == "agent_error" or (scored and reason not in ("infrastructure_error", "unexpected_error")):
        return None
    if str(row["status"]) not in _ENDED and not reason.endswith("_error"):
        return None
    why = f": {row['ended_in']}" if isinstance(row["ended_in"], str) else ""
    return Shown(case.messages[-1].index if case.messages else None, f"ended by {row['status'] or reason}{why}"[:200])


RULES = (FaultRule("ended by an error or a timeout", INFRASTRUCTURE, "how the simulation ended", _ended),)
