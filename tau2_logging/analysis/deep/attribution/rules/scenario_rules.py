"""The simulated user's fault: it did something else than its scenario says, and the agent did as it was told.

What a scenario means is not understood: a rule applies only to what its words give away.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import pairwise

from tau2_logging.analysis.deep.attribution.accusation import USER, FaultRule, Shown
from tau2_logging.analysis.deep.attribution.failed_case import FailedCase, call_failed
from tau2_logging.analysis.deep.attribution.rules.value_words import words_of
from tau2_logging.analysis.deep.reading.recorded import Row
from tau2_logging.analysis.deep.reading.recorded_conversation import SaidMessage
from tau2_logging.analysis.deep.tool_calls.argument_provenance import leaves

_WHICH = re.compile(r"\bwhich\b[^.?!\n]*\?|\b(specify|choose|select|pick)\b|\b(tell me|let me know|confirm) which\b", re.IGNORECASE)
_PROPOSES = re.compile(
    r"\b(would you like to|shall i|should i|do you want (me )?to) (proceed|go ahead|exchange|modify|cancel|return)\b", re.IGNORECASE
)
_WHOLE = re.compile(r"\bcancel(ling|ing)? (all of |the |my |that |this )*(entire|whole|full) ", re.IGNORECASE)
_MAY_CANCEL = re.compile(r"(?<!never want to )(?<!not want to )cancel (the |your |this |that )?(whole |entire )?order", re.IGNORECASE)


def _other_value(case: FailedCase) -> Shown | None:
    """The user names another payment method or reason than its scenario, on its own, and nothing else differs."""
    if not case.lost_state or not case.scenario or case.unconfirmed or not case.missing or case.extra_beyond(case.missing):
        return None
    found = [_named_otherwise(case, action) for action in case.missing]
    if None in found:
        return None
    turn, name = next(one for one in found if one is not None)
    return Shown(turn, f"the user names another {name} than its scenario")


def _named_otherwise(case: FailedCase, action: Row) -> tuple[int, str] | None:
    differing = action.get("differing") or {}
    at = next((call["turn"] for call in case.evidence.calls if call["position"] == action.get("nearest_position")), None)
    found = None
    for name, (_, wanted, given) in differing.items():
        words, meant = words_of(given), words_of(wanted)
        if at is None or words is None or meant is None or not re.search(meant, case.scenario):
            return None
        turn = _said_on_its_own(case, words, meant, at)
        if turn is None:
            return None
        found = (turn, name.replace("_id", "").replace("_", " "))
    return found


def _said_on_its_own(case: FailedCase, words: str, meant: str, before: int) -> int | None:
    """Return the message in which the user says something, just before the call, that the agent had not suggested alone."""
    for message in [one for one in case.said_before(before, "user") if one.text][-2:]:
        said = message.text.casefold()
        asked = next((one.text.casefold() for one in reversed(list(case.said_before(message.index, "assistant"))) if one.text), "")
        suggested = re.search(words, asked) and not re.search(meant, asked)
        if re.search(words, said) and not re.search(meant, said):
            return None if suggested else message.index
    return None


def _other_of_several(case: FailedCase) -> Shown | None:
    """Asked which of several things that the agent names, the user names another than the reference has."""
    if not case.lost_state or case.unconfirmed:
        return None
    for action, call in _near(case):
        wanted, given = set(leaves(action["wanted"])), set(leaves(call["arguments"] or {}))
        for asked, answer in _asked_which(case, call["turn"]):
            chosen = _held(given - wanted, asked) & _held(given - wanted, answer.text)
            left = _held(wanted - given, asked)
            if chosen and left and not _held(left, answer.text):
                return Shown(answer.index, f"asked which, {sorted(left)[0]} among others, the user names {sorted(chosen)[0]}")
    return None


def _near(case: FailedCase) -> Iterator[tuple[Row, Row]]:
    """Yield missing reference writes with the nearest call of the same tool, if that is no other reference action."""
    for action in case.missing:
        call = next((call for call in case.evidence.calls if call["position"] == action.get("nearest_position")), None)
        if call is not None and action.get("same_tool") and (call_failed(call) or call in case.extra):
            yield action, call


def _asked_which(case: FailedCase, before: int) -> Iterator[tuple[str, SaidMessage]]:
    """Yield what the agent says and what the user answers, if the agent asks which of several and proposes none."""
    spoken = [message for message in case.said_before(before, "user", "assistant") if message.text]
    for asked, answer in pairwise(spoken):
        if asked.role == "assistant" and answer.role == "user" and _WHICH.search(asked.text) and not _PROPOSES.search(asked.text):
            yield asked.text, answer


def _held(values: set[str], text: str) -> set[str]:
    """Return those of some identifiers that a text holds."""
    said = text.casefold()
    return {value for value in values if len(value) >= 5 and re.search(r"\d", value) and value in said}


def _whole_order(case: FailedCase) -> Shown | None:
    """The user, told what cannot be done, has a whole order cancelled that the reference leaves alone: an agent may not refuse that."""
    cancels = [call for call in case.extra if call["tool"] == "cancel_pending_order"]
    if not cancels or not case.lost_state or case.unconfirmed or len(cancels) < len(case.extra):
        return None
    if _MAY_CANCEL.search(case.scenario) or any(action["tool"] == "cancel_pending_order" for action in case.missing):
        return None  # it may be what the scenario wants then
    for message in case.said_before(cancels[0]["turn"], "user"):
        if _WHOLE.search(message.text):
            return Shown(message.index, "the user has a whole order cancelled, which the reference does not")
    return None


RULES = (
    FaultRule("named another of several", USER, "questions which of several, the user's answer", _other_of_several),
    FaultRule("named another value than its scenario", USER, "the nearest call, scenario, the user's words", _other_value),
    FaultRule("had the whole order cancelled", USER, "extra cancellations, the user's words", _whole_order),
)
