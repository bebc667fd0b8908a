"""The agent's fault: the causes of `root_causes`, where the record shows that the agent itself did wrong.

A reference action that was not attempted is no proof: the user may not have asked for it, or the policy may forbid it. That alone stays
unknown.
"""

from __future__ import annotations

from collections.abc import Callable

from tau2_logging.analysis.deep.attribution.accusation import AGENT, FaultRule, Shown
from tau2_logging.analysis.deep.attribution.failed_case import TRANSFER_TOOL, FailedCase, call_failed, named_things
from tau2_logging.analysis.deep.attribution.procedures import asked_for_human
from tau2_logging.analysis.deep.root_causes import cause_of

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
    """Return the agent's first words after its last call: the answer that lacks it; its last words if it says nothing then."""
    results = [message.index for message in case.messages if message.role == "tool"]
    words = [message.index for message in case.messages if message.role == "assistant" and message.text]
    after = [index for index in words if results and index > results[-1]]
    return next(iter(after or words[-1:]), None)


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
    return Shown(at, f"{near[0]['tool']} was called with other arguments than the reference has: {', '.join(near[0]['differing'] or ())}")


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
    tried = {action["tool"] for action in case.missing}
    last = [call for call in errors if call["tool"] in tried]
    return (
        Shown(last[-1]["turn"], f"{last[-1]['tool']} failed and was not put right: {str(last[-1]['error_text'])[:100]}") if last else None
    )


def _handed_over(case: FailedCase) -> Shown | None:
    """The agent hands over to a human what it could have done: the reference does not, and the customer had not asked for one."""
    if not case.missing or case.said is None or any(action["tool"] == TRANSFER_TOOL for action in case.evidence.actions):
        return None
    at = next((call["turn"] for call in case.evidence.calls if call["tool"] == TRANSFER_TOOL and not call_failed(call)), None)
    if at is None or asked_for_human(case.said, at):
        return None
    return Shown(at, f"the agent hands over to a human; {case.missing[0]['tool']} is missing")


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
