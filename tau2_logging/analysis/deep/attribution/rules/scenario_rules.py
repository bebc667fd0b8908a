"""The simulated user's fault: it did something else than its scenario says, and the agent did as it was told.

What a scenario means is not understood: a rule applies only to what its words give away.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from tau2_logging.analysis.deep.attribution.accusation import USER, FaultRule, Shown
from tau2_logging.analysis.deep.attribution.failed_case import STATE_PARTS, FailedCase, says_yes
from tau2_logging.analysis.deep.attribution.rules.value_words import words_of
from tau2_logging.analysis.deep.reading.recorded import Row
from tau2_logging.analysis.deep.reading.recorded_conversation import SaidMessage

_TRAP = re.compile(
    r"\b(if|when) (the )?(service |customer )?(agent|representative) asks? (you )?(for|to)? ?(the |a |final )*(confirm|double check)"
    r"[^.]*\b(only|not|change|mistake|regret|rethink|instead|also|prefer)",
    re.IGNORECASE,
)
"""Scenarios that ask for another answer than yes to the question for a confirmation."""
_ASKS_TO_CONFIRM = re.compile(r"\b(confirm|proceed|go ahead)\b", re.IGNORECASE)
_OTHERWISE = re.compile(
    r"\b(actually|instead|wait|hold (on|off)|rethink|think about|chang\w* my mind|only|just the|rather|mistake|also|as well|one more|before"
    r"|not sure|prefer|forgot)\b",
    re.IGNORECASE,
)

_WANTS_TO_KNOW = re.compile(
    r"\b(want\w*|like|need|wonder\w*|ask\w*)\b[^.]*\b(know|how (much|many)|total|price|tracking|number)", re.IGNORECASE
)
_ASKED = re.compile(
    r"how (much|many|long)|total|price|cost|amount|refund|sum\b|tracking|number|balance|sav(e|ing)|difference|get back"
    r"|what('s| is| are)|could you tell|let me know|\bknow\b",
    re.IGNORECASE,
)
_CONDITIONAL = re.compile(r"\bif\b[^.]*\b(not )?possible", re.IGNORECASE)

_WHOLE = re.compile(r"\bcancel(ling|ing)? (all of |the |my |that |this )*(entire|whole|full) ", re.IGNORECASE)


def _yes_to_a_trap(case: FailedCase) -> Shown | None:
    """Its scenario has an answer ready for the question for a confirmation; the user says yes, and nothing else before the write."""
    if not case.lost & STATE_PARTS or not _TRAP.search(case.scenario) or case.unconfirmed:
        return None
    first = min((call["turn"] for call in [*case.extra, *_near(case)]), default=None)
    if first is None or any(_OTHERWISE.search(message.text) for message in _answers(case, first)):
        return None
    yes = next((message for message in _answers(case, first) if says_yes(message.text)), None)
    return None if yes is None else Shown(yes.index, "asked for a confirmation, the user says yes; its scenario has another answer")


def _near(case: FailedCase) -> Iterator[Row]:
    """Yield the nearest calls to missing reference writes."""
    places = {action["nearest_position"] for action in case.missing if action.get("same_tool")}
    return (call for call in case.evidence.calls if call["position"] in places)


def _answers(case: FailedCase, before: int) -> Iterator[SaidMessage]:
    """Yield what the user says after the agent's first question for a confirmation, before a message."""
    looked_up = min((call["turn"] for call in case.evidence.calls), default=before)
    asked = (message for message in case.said_before(before, "assistant") if message.index > looked_up)
    first = next((message.index for message in asked if _ASKS_TO_CONFIRM.search(message.text)), before)
    return (message for message in case.said_before(before, "user") if message.index > first)


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


def _never_asked(case: FailedCase) -> Shown | None:
    """What the agent should have told is something that the scenario wants to know, and the user never asked for anything of the kind."""
    if not case.lost_only("COMMUNICATE") or not _WANTS_TO_KNOW.search(case.scenario) or _CONDITIONAL.search(case.scenario):
        return None
    said = [message for message in case.messages if message.role == "user" and message.text]
    if not said or any(_ASKED.search(message.text) for message in said):
        return None
    return Shown(said[-1].index, "the user leaves without having asked what its scenario wants to know")


def _whole_order(case: FailedCase) -> Shown | None:
    """The user, told what cannot be done, has a whole order cancelled that the reference leaves alone: an agent may not refuse that."""
    cancels = [call for call in case.extra if call["tool"] == "cancel_pending_order"]
    if not cancels or not case.lost_state or case.unconfirmed or len(cancels) < len(case.extra):
        return None
    if any(action["tool"] == "cancel_pending_order" for action in case.missing):
        return None  # it may be the one that is meant, with another reason
    for message in case.said_before(cancels[0]["turn"], "user"):
        if _WHOLE.search(message.text):
            return Shown(message.index, "the user has a whole order cancelled, which the reference does not")
    return None


RULES = (
    FaultRule("named another value than its scenario", USER, "the nearest call, scenario, the user's words", _other_value),
    FaultRule("had the whole order cancelled", USER, "extra cancellations, the user's words", _whole_order),
    FaultRule("said yes where its scenario says otherwise", USER, "scenario, answers to questions for a confirmation", _yes_to_a_trap),
    FaultRule("did not ask what it wants to know", USER, "scenario, the user's words, what had to be told", _never_asked),
)
