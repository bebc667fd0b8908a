"""The simulated user's fault with tools of its own, as in telecom: it does nothing on its device, or says that it did what it had not."""

from __future__ import annotations

import re
from itertools import pairwise

from tau2_logging.analysis.deep.attribution.accusation import USER, FaultRule, Shown
from tau2_logging.analysis.deep.attribution.failed_case import FailedCase

_TO_DO = re.compile(r"\b(check|look at|turn|toggle|swipe|tap|open|go to|restart|reboot|run|settings?|try)\b", re.IGNORECASE)
"""What an agent says that wants something done on a device."""
_OFTEN = 3
"""From how many requests on a user that does nothing is at fault."""
_CLAIMS = re.compile(
    r"\b(made sure|already on|switched|(are|is|have) (now )?(turned|enabled|disabled)|turned (it|them|that) (on|off))\b", re.IGNORECASE
)


def _used_no_tool(case: FailedCase) -> Shown | None:
    """Asked again and again to do something on its device, the user never calls one of its tools."""
    if not case.missing_of_user or case.extra or any(call["requestor"] == "user" for call in case.evidence.calls):
        return None
    spoken = [message for message in case.messages if message.text and message.role in ("user", "assistant")]
    asked = [one for before, one in pairwise(spoken) if one.role == "user" and _TO_DO.search(before.text)]
    return Shown(asked[-1].index, f"asked {len(asked)} times, the user never uses one of its tools") if len(asked) >= _OFTEN else None


def _claimed(case: FailedCase) -> Shown | None:
    """Asked for it, the user says that a setting is as it should be, having neither changed it nor looked at it."""
    if case.missing or not case.missing_of_user:
        return None
    for what in (str(action["tool"]).split("_")[1] for action in case.missing_of_user if "_" in str(action["tool"])):
        spoken = [message for message in case.messages if what in message.text.casefold()]
        claim = next((one for one in spoken if one.role == "user" and _CLAIMS.search(one.text)), None)
        before = [one for one in spoken if claim is not None and one.index < claim.index]
        seen = {call["turn"] + 1 for call in case.evidence.calls if call["requestor"] == "user"}
        if claim is not None and any(one.role == "assistant" for one in before) and not any(one.index in seen for one in before):
            return Shown(claim.index, f"the user says how {what} is set, without having looked")
    return None


RULES = (
    FaultRule("used none of its tools", USER, "calls of the user, questions of the agent, reference actions of the user", _used_no_tool),
    FaultRule("said what it had not done", USER, "calls of the user, its words, reference actions of the user", _claimed),
)
