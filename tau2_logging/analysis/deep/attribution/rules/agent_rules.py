"""The agent's fault: the causes of `root_causes`, where the record shows that the agent itself did wrong.

A reference action that was not attempted is no proof: the user may not have asked for it, or the policy may forbid it. That alone stays
unknown.
"""

from __future__ import annotations

import re
from collections.abc import Callable

from tau2_logging.analysis.deep.attribution.accusation import AGENT, FaultRule, Shown
from tau2_logging.analysis.deep.attribution.failed_case import TRANSFER_TOOL, FailedCase, call_failed, may_write, named_things
from tau2_logging.analysis.deep.attribution.procedures import asked_for_human
from tau2_logging.analysis.deep.reading.recorded import Row
from tau2_logging.analysis.deep.root_causes import cause_of
from tau2_logging.analysis.deep.tool_calls.argument_provenance import leaves

LONG = 9
"""From how many digits on a number is that of an order or a parcel."""
_NUMBER = re.compile(r"(?<![\w.])\d[\d,]*(?:\.\d+)?(?!\w)")
_HANDS_OVER = re.compile(r"\btransfer\w* (you|to)\b|human agent", re.IGNORECASE)
_OF_THE_MODEL = ("no usable reply", "loop", "too many errors", "out of steps")


def _unasked_write(case: FailedCase) -> Shown | None:
    if not case.unconfirmed or not case.messages:
        return None
    call = case.unconfirmed[0]
    return Shown(call["turn"], f"{call['tool']} was called before the customer had agreed to it, and is no reference action")


def _not_told(case: FailedCase) -> Shown | None:
    if "COMMUNICATE" not in case.lost:
        return None
    unmet = "; ".join(case.evidence.unmet("communicate")[:3])
    return Shown(_answer(case), f"the agent did not say what had to be told: {unmet}")


def _answer(case: FailedCase) -> int | None:
    """Return the agent's words that hold another number of the same kind; else its first after its last call: the answer that lacks it;
    its last words if it says nothing then."""
    wanted = case.evidence.unmet("communicate")
    words = [message for message in case.messages if message.role == "assistant" and message.text]
    wrong = [found for message in words for text in wanted if (found := _nearest_number(text, message.text)) is not None]
    if wrong:
        nearest = min(wrong)
        return next(message.index for message in words if any(_nearest_number(text, message.text) == nearest for text in wanted))
    called = max((call["turn"] for call in case.evidence.calls if call["requestor"] != "user"), default=None)
    after = [message.index for message in words if called is not None and message.index > called]
    return next(iter(after or [message.index for message in words[-1:]]), None)


def _nearest_number(wanted: str, text: str) -> float | None:
    """Return how far the nearest number in a text is from a wanted one, as a share of it: of those written alike, and at most a third of
    it away; long ones are no amounts, but numbers of something, and only have to be as long."""
    if not _NUMBER.fullmatch(wanted):
        return None
    alike = [found for found in _NUMBER.findall(text) if ("." in found) == ("." in wanted)]
    if len(wanted) >= LONG:
        return 0.0 if any(len(found) == len(wanted) and found != wanted for found in alike) else None
    value = float(wanted.replace(",", ""))
    far = [abs(float(found.replace(",", "")) - value) / value for found in alike] if value else []
    return min((one for one in far if 0 < one <= 1 / 3), default=None)


def _cause(*names: str) -> Callable[[FailedCase], Shown | None]:
    def find(case: FailedCase) -> Shown | None:
        cause, evidence = cause_of(case.evidence)
        return Shown(_turn(case), f"{cause}: {evidence}") if cause in names else None

    return find


def _turn(case: FailedCase) -> int | None:
    calls = case.extra or [call for call in case.evidence.calls if call_failed(call)]
    return calls[0]["turn"] if calls else None


def _wrong_write(case: FailedCase) -> Shown | None:
    near = [action for action in case.missing if action.get("same_tool")]
    if not near or not (case.lost & {"DB", "ACTION", "ENV_ASSERTION"} or not case.lost):
        return None
    at = next((call["turn"] for call in case.evidence.calls if call["position"] == near[0].get("nearest_position")), None)
    names = ", ".join(near[0]["differing"] or ())
    return Shown(_first_told(case, near[0], at), f"{near[0]['tool']} was called with other arguments than the reference has: {names}")


def _first_told(case: FailedCase, action: Row, at: int | None) -> int | None:
    """Return the message in which the agent first names what it then does wrong; the call if it does not."""
    call = next((call for call in case.evidence.calls if call["position"] == action.get("nearest_position")), None)
    if call is None or at is None:
        return at
    told = case.first_named(set(leaves(call["arguments"] or {})) - set(leaves(action["wanted"])), at)
    return at if told is None else told


def _extra_write(case: FailedCase) -> Shown | None:
    if not case.extra or "DB" not in case.lost:
        return None
    return Shown(case.extra[0]["turn"], f"{case.extra[0]['tool']} is no reference action")


def _did_nothing(case: FailedCase) -> Shown | None:
    """The agent answers without a single call, and a write is missing that its policy would have let it look into."""
    if case.evidence.calls or not case.missing or case.last_agent is None or case.last_agent.index == 0:
        return None
    if any(name in case.last_agent.text.casefold() for action in case.missing for name in named_things(action["wanted"])):
        return None  # it had proposed it
    return Shown(case.last_agent.index, f"the agent made no call at all; {case.missing[0]['tool']} is missing")


def _gave_up(case: FailedCase) -> Shown | None:
    """The agent hands over, or closes, after an error of its own call that it could have put right."""
    errors = [call for call in case.evidence.calls if call_failed(call)]
    if not case.missing or not errors or case.extra or not case.messages:
        return None
    tried, names = {action["tool"] for action in case.missing}, {name for action in case.missing for name in named_things(action["wanted"])}
    last = [
        call
        for call in errors
        if call["tool"] in tried or (may_write(call["tool"], call["tool_type"]) and named_things(call["arguments"] or {}) & names)
    ]
    return (
        Shown(last[-1]["turn"], f"{last[-1]['tool']} failed and was not put right: {str(last[-1]['error_text'])[:100]}") if last else None
    )


def _handed_over(case: FailedCase) -> Shown | None:
    """The agent hands over to a human what it could have done: the reference does not, and the customer had not asked for one."""
    due = case.missing or case.missing_of_user
    if not due or case.said is None or any(action["tool"] == TRANSFER_TOOL for action in case.evidence.actions):
        return None
    at = next((call["turn"] for call in case.evidence.calls if call["tool"] == TRANSFER_TOOL and not call_failed(call)), None)
    offered = case.last_agent if case.ended_by == "###TRANSFER###" else None
    if at is None and offered is not None and _HANDS_OVER.search(offered.text):
        at = offered.index
    if at is None or asked_for_human(case.said, at):
        return None
    return Shown(at, f"the agent hands over to a human; {due[0]['tool']} is missing")


RULES = (
    FaultRule("model broke off or went round in circles", AGENT, "how the simulation ended, repeated calls", _cause(*_OF_THE_MODEL)),
    FaultRule("wrote before the customer agreed", AGENT, "extra writes, the messages before them", _unasked_write),
    FaultRule("information not given", AGENT, "checks of what had to be told", _not_told),
    FaultRule("made no call", AGENT, "calls, missing reference writes", _did_nothing),
    FaultRule("gave up after its own error", AGENT, "failed calls of missing reference writes", _gave_up),
    FaultRule("other arguments", AGENT, "the nearest calls to missing reference writes", _wrong_write),
    FaultRule("extra change", AGENT, "writes that are no reference actions", _extra_write),
    FaultRule("handed over", AGENT, "transfers, the user's words before them", _handed_over),
)
