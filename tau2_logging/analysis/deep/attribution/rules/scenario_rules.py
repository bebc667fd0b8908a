"""The simulated user's fault: it did something else than its scenario says, and the agent did as it was told.

What a scenario means is not understood: a rule applies only to what its words give away.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from itertools import pairwise
from typing import Any

from tau2_logging.analysis.deep.attribution.accusation import USER, FaultRule, Shown
from tau2_logging.analysis.deep.attribution.failed_case import FailedCase, call_failed, declines, may_write, named_things
from tau2_logging.analysis.deep.attribution.rules.item_options import Variants, swapped
from tau2_logging.analysis.deep.attribution.rules.reservation_policy import forbidden_reference
from tau2_logging.analysis.deep.attribution.rules.value_words import words_of
from tau2_logging.analysis.deep.reading.recorded import Row
from tau2_logging.analysis.deep.reading.recorded_conversation import SaidMessage
from tau2_logging.analysis.deep.tool_calls.argument_provenance import leaves

_WHICH = re.compile(r"\bwhich\b[^.?!\n]*\?|\b(specify|choose|select|pick)\b|\b(tell me|let me know|confirm) which\b", re.IGNORECASE)
_WHETHER = re.compile(r"\b(one or both|keep or cancel|or not\b|whether (you|to)|which)\b", re.IGNORECASE)
_PROPOSES = re.compile(
    r"\b(would you like to|shall i|should i|do you want (me )?to) (proceed|go ahead|exchange|modify|cancel|return)\b", re.IGNORECASE
)
_WHOLE = re.compile(r"\bcancel(ling|ing)? (all of |the |my |that |this )*(entire|whole|full) ", re.IGNORECASE)
_MAY_CANCEL = re.compile(r"(?<!never want to )(?<!not want to )cancel (the |your |this |that )?(whole |entire )?order", re.IGNORECASE)


def _other_value(case: FailedCase) -> Shown | None:
    """The user names another payment method or reason than its scenario, on its own, and nothing else differs."""
    if not case.lost_by_writes or not case.scenario or case.unconfirmed or not case.missing or case.extra_beyond(case.missing):
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
        if name.startswith("payment") and re.search(words, case.scenario):
            return None  # its scenario has both, one after the other
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
    """Of several things that the agent names, what the reference has among them, the user chooses another."""
    if not case.lost_by_writes or case.unconfirmed:
        return None
    variants = Variants(case)
    for action, call in _near(case):
        if len(case.missing) > 1 and named_things(action["wanted"]) == named_things(call["arguments"] or {}):
            continue  # what else is missing has another reason
        wanted, given = _named(case, action["wanted"]), _named(case, call["arguments"] or {})
        for asked, answer in _offered(case, call["turn"]):
            chosen = _held(given - wanted, asked) & _held(given - wanted, answer.text)
            left = _held(wanted - given, asked)
            again = any(_held(left, one.text) for one in case.said_before(answer.index + 1, "user"))
            if chosen and left and not again and _WHICH.search(asked):
                return Shown(answer.index, f"of several, {sorted(left)[0]} among them, the user names {sorted(chosen)[0]}")
            for mine, its in swapped(action, call):
                named = any(variants.picks(one.text, mine, its) for one in case.said_before(call["turn"], "user"))
                if not named and variants.offers(asked, mine, its) and variants.picks(answer.text, its, mine):
                    return Shown(answer.index, f"of several variants, {mine} among them, the user picks {its}")
    return None


def _named(case: FailedCase, arguments: Mapping[str, Any]) -> set[str]:
    """Return the values of a call; how it is paid only if the scenario says something of that."""
    paid = re.search(r"pay|card|refund|certificate", case.scenario) is not None
    return set(leaves({name: value for name, value in arguments.items() if paid or not name.startswith("payment")}))


def _one_more(case: FailedCase) -> Shown | None:
    """Asked which of several things, the user names one more than the reference has."""
    if not case.lost_by_writes or case.unconfirmed or case.missing or not case.extra or re.search(r"\b(all|both|every)\b", case.scenario):
        return None
    found = None
    for call in case.extra:
        meant = {name for action in case.reference if action["tool"] == call["tool"] for name in named_things(action["wanted"])}
        names = named_things(call["arguments"] or {}) - meant
        if (
            not meant
            or not names
            or any(name in case.scenario for name in names)
            or forbidden_reference(case, as_reference(call)) is not None
        ):
            return None
        shown = next(
            (answer for asked, answer in _asked_whether(case, call["turn"]) if _names_more(asked, answer.text, names, meant)), None
        )
        if shown is None:
            return None
        found = Shown(shown.index, f"asked which, the user has {call['tool']} done to {sorted(names)[0]} too")
    return found


def as_reference(call: Row) -> Row:
    """Return a call in the form of a reference action."""
    return {"tool": call["tool"], "wanted": call["arguments"] or {}}


def _names_more(asked: str, answer: str, names: set[str], meant: set[str]) -> bool:
    """Return whether a question names these things and others, and the answer names them, or says both or all."""
    question, said = asked.casefold(), answer.casefold()
    named = all(name in said for name in names) or re.search(
        r"\b(both|all) (of )?(the |these |those |my )?(orders|reservations|them)\b", said
    )
    return all(name in question for name in names) and any(name in question for name in meant) and bool(named) and not declines(answer)


def _near(case: FailedCase) -> Iterator[tuple[Row, Row]]:
    """Yield missing reference writes with the nearest call of the same tool, if that is no other reference action."""
    for action in case.missing:
        call = next((call for call in case.evidence.calls if call["position"] == action.get("nearest_position")), None)
        if call is not None and action.get("same_tool") and (call_failed(call) or call in case.extra):
            yield action, call


def _offered(case: FailedCase, before: int) -> Iterator[tuple[str, SaidMessage]]:
    """Yield what the agent says and what the user answers, if the agent does not propose one thing to do."""
    spoken = [message for message in case.said_before(before, "user", "assistant") if message.text]
    for asked, answer in pairwise(spoken):
        if asked.role == "assistant" and answer.role == "user" and not _PROPOSES.search(asked.text):
            yield asked.text, answer


def _asked_whether(case: FailedCase, before: int) -> Iterator[tuple[str, SaidMessage]]:
    """Yield what the agent says and what the user answers, if the agent asks which of several, or whether one too."""
    spoken = [message for message in case.said_before(before, "user", "assistant") if message.text]
    for asked, answer in pairwise(spoken):
        if asked.role == "assistant" and answer.role == "user" and _WHETHER.search(asked.text):
            yield asked.text, answer


def _held(values: set[str], text: str) -> set[str]:
    """Return those of some identifiers that a text holds."""
    said = text.casefold()
    return {value for value in values if len(value) >= 5 and re.search(r"\d", value) and value in said}


def _tried(case: FailedCase) -> Iterator[Row]:
    """Yield the writes of the agent, also those that failed."""
    return (call for call in case.evidence.calls if call["requestor"] != "user" and may_write(call["tool"], call["tool_type"]))


def _whole_order(case: FailedCase) -> Shown | None:
    """The user, told what cannot be done, has a whole order cancelled that the reference leaves alone: an agent may not refuse that."""
    cancels = [call for call in case.extra if call["tool"] == "cancel_pending_order"]
    if not cancels or not case.lost_by_writes or case.unconfirmed or len(cancels) < len(case.extra):
        return None
    if _MAY_CANCEL.search(case.scenario) or any(action["tool"] == "cancel_pending_order" for action in case.missing):
        return None  # it may be what the scenario wants then
    if any(
        call_failed(call) and named_things(call["arguments"] or {}) == named_things(cancels[0]["arguments"] or {}) for call in _tried(case)
    ):
        return None  # the agent had promised something else, which it could not do
    for message in case.said_before(cancels[0]["turn"], "user"):
        if _WHOLE.search(message.text):
            return Shown(message.index, "the user has a whole order cancelled, which the reference does not")
    return None


RULES = (
    FaultRule("named another of several", USER, "questions which of several, the user's answer", _other_of_several),
    FaultRule("named one more than the reference has", USER, "questions which of several, the user's answer, extra writes", _one_more),
    FaultRule("named another value than its scenario", USER, "the nearest call, scenario, the user's words", _other_value),
    FaultRule("had the whole order cancelled", USER, "extra cancellations, the user's words", _whole_order),
)
