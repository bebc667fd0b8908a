"""The task's fault: the reference demands what the policy forbids, or a choice that the scenario does not make.

They apply only if the agent's record is clean otherwise: nothing that had to be told is missing, every write that it should not have made
stands for a reference action that is explained, and the customer had agreed to it.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import Any

from tau2_logging.analysis.deep.attribution.accusation import TASK, FaultRule, Shown
from tau2_logging.analysis.deep.attribution.failed_case import DECLINES, FailedCase, call_failed, named_things, says_yes
from tau2_logging.analysis.deep.attribution.rules.item_options import Options, options_of_items, ordered_items, says, swapped
from tau2_logging.analysis.deep.attribution.rules.reservation_policy import forbidden_reference
from tau2_logging.analysis.deep.attribution.rules.user_rules import left_undone
from tau2_logging.analysis.deep.attribution.rules.value_words import words_of
from tau2_logging.analysis.deep.reading.recorded import Row

_CANNOT_SCORE = {
    "initial_state_fails": "the task's initial state cannot be set",
    "reference_fails": "the reference itself does not score 1",
    "not_deterministic": "the same calls gave another end state",
    "trap": "a right conversation scores 0",
}


LEAST_WORDS = 5
"""From how many words on a text that has to be told is a sentence of its own."""
_IF_POSSIBLE = re.compile(r"\bif\b[^.]*\bpossible\b[^.]*\.[^.]*\b(know|total|how much)\b", re.IGNORECASE)
_PAYS = re.compile(
    r"\b(i can|i could|i'?d like to|would you like|shall i)\b[^.?!]*\b(offer|issu|send|proceed)\w*\b[^.?!]*\b(certificate|voucher)",
    re.IGNORECASE,
)
_OF_THE_TRIP = {"total_baggages", "cabin", "flights", "insurance"}
"""Arguments of bookings and their changes that say what is flown, and with what."""
_SAYS_HOW = re.compile(r"original|other (credit |gift )?card")
"""How a scenario says with what its user pays."""
_RANKS = re.compile(r"cheapest|expensive|same|least|(low|high)est price|similar")
"""How a scenario chooses among variants by what no option says."""
_SUM = re.compile(r"how much|total|amount|refund|price|cost|sum\b|get back|save", re.IGNORECASE)


def _against_policy(case: FailedCase) -> Shown | None:
    reasons = [reason for action in case.missing if (reason := forbidden_reference(case, action)) is not None]
    beside = any(forbidden_reference(case, action) is not None and _differs_besides(case, action) for action in case.missing)
    if not reasons or not _is_clean(case) or _was_offered(case) or _was_not_booked(case) or beside:
        return None
    return Shown(_refusal(case), reasons[0])


def _was_not_booked(case: FailedCase) -> bool:
    """Return whether a booking, of whose passengers the policy forbids some details, was not made."""
    bookings = [action for action in case.missing if action["tool"] == "book_reservation"]
    return bool(bookings) and case.was_transferred and not any(call["tool"] == "book_reservation" for call in case.extra)


def _differs_besides(case: FailedCase, action: Row) -> bool:
    """Return whether the nearest call also differs in bags, cabin or the like, and what the policy forbids lies in something else."""
    differing = (action.get("differing") or {}) if action.get("same_tool") else {}
    others = differing.keys() & _OF_THE_TRIP
    return any(
        forbidden_reference(case, {**action, "wanted": {**action["wanted"], name: differing[name][2]}}) is not None for name in others
    )


def _was_offered(case: FailedCase) -> bool:
    """Return whether the agent offered to pay what the reference pays, and did not decline it later for the policy's sake."""
    if not any(action["tool"] == "send_certificate" for action in case.missing):
        return False
    offered = False
    for message in case.messages:
        for one in re.split(r"(?<=[.?!])\s", message.text) if message.role == "assistant" else ():
            if _PAYS.search(one) or re.search(r"compensation|certificate|voucher", one, re.IGNORECASE):
                offered = (offered or bool(_PAYS.search(one))) and not DECLINES.search(one)
    return offered


def _open_variant(case: FailedCase) -> Shown | None:
    """Two variants of a product fit: they differ in nothing that the scenario speaks of or that the customer had before."""
    if not case.lost_state or case.unconfirmed or not case.scenario or _RANKS.search(case.scenario) or case.extra_beyond(case.missing):
        return None
    options, found = options_of_items(case), None
    had = [options[item] for item in ordered_items(case) if item in options]
    for call in case.extra:
        near = [action for action in case.missing if action.get("nearest_position") == call["position"] and action.get("same_tool")]
        changes = [pair for action in near for pair in swapped(action, call)]
        if not changes or not all(_fit_alike(case, options.get(mine, {}), options.get(its, {}), had) for mine, its in changes):
            return None
        found = Shown(call["turn"], f"{changes[0][0]} and {changes[0][1]} fit what the scenario says, the reference has one")
    return found


def _fit_alike(case: FailedCase, wanted: Options, given: Options, had: Sequence[Options]) -> bool:
    """Return whether two variants differ, and only in what neither the scenario names nor another one that the customer ordered has."""
    differing = [name for name in wanted if wanted[name] != given.get(name)]
    named = [value for name in differing for value in (name.split()[0], wanted[name], given.get(name, "")) if says(case.scenario, value)]
    kept = any(old[name] == wanted[name] for old in had if old.keys() == wanted.keys() for name in differing)
    return bool(given and differing) and not named and not kept


def _paid_without_change(case: FailedCase) -> Shown | None:
    """The reference pays for a delay without the change that the policy requires, and the agent made the change first."""
    paid = [action for action in case.evidence.actions if action["tool"] == "send_certificate" and action["made"]]
    reasons = [reason for action in paid if (reason := forbidden_reference(case, action)) is not None]
    changes = case.extra and all(call["tool"] in ("update_reservation_flights", "cancel_reservation") for call in case.extra)
    if not reasons or not changes or case.missing or case.unconfirmed or not case.lost_state:
        return None
    return Shown(case.extra[0]["turn"], reasons[0])


def _open_choice(case: FailedCase) -> Shown | None:
    """The only difference is a value that the customer chose and the scenario leaves open."""
    chosen = [found for action in case.missing if (found := _chosen_by_user(case, action)) is not None]
    if not chosen or not _is_clean(case) or len(case.extra) > len(case.missing):
        return None
    turn, name, wanted, given = chosen[0]
    return Shown(turn, f"the scenario does not say which {name}: the customer chose {given!r}, the reference has {wanted!r}")


def _is_clean(case: FailedCase) -> bool:
    """Return whether every missing reference write is the task's fault, and the agent did nothing else that costs the reward."""
    explained = [
        action
        for action in case.missing
        if forbidden_reference(case, action) is not None or _chosen_by_user(case, action) is not None or _is_left(case, action)
    ]
    allowed = [*explained, *(action for action in case.reference if forbidden_reference(case, action) is not None)]
    return case.lost_state and len(explained) == len(case.missing) and not case.extra_beyond(allowed) and not case.unconfirmed


def _chosen_by_user(case: FailedCase, action: Row) -> tuple[int, str, str, str] | None:
    """Return (turn, argument, wanted, given) if the nearest call differs in nothing but texts that the customer chose freely."""
    differing: Mapping[str, Any] = action.get("differing") or {}
    made = next((call for call in case.evidence.calls if call["position"] == action.get("nearest_position")), None)
    if made is None or call_failed(made):
        return None
    if not differing or not case.scenario or any(how != "different" for how, _, _ in differing.values()):
        return None
    found = None
    for name, (_, wanted, given) in differing.items():
        if name.endswith("_id") and not name.startswith("payment"):
            return None  # what something is done to is no choice
        if name.startswith("payment") and _SAYS_HOW.search(case.scenario):
            return None  # the scenario does say it
        turn = _chosen_in(case, name, wanted, given) if isinstance(wanted, str) and isinstance(given, str) and given else None
        if turn is None or _in_scenario(case, wanted) or (_in_scenario(case, given) and not _is_code(wanted, given)):
            return None
        found = (turn, name.replace("_", " "), str(wanted), str(given))
    return found


def _is_left(case: FailedCase, action: Row) -> bool:
    """Return whether the user left before a reference write was made, after the agent had declined another one."""
    refused, asked = _refusal(case), case.last_agent
    return refused is not None and asked is not None and refused < asked.index and left_undone(case, action)


def _is_code(wanted: str, given: str) -> bool:
    """Return whether a text of two capitals stands for another, as `TX` for `Texas`."""
    return re.fullmatch(r"[A-Z]{2}", wanted) is not None and re.match(rf"{wanted[0]}\w*[\w ]*{wanted[1]}", given, re.IGNORECASE) is not None


def _chosen_in(case: FailedCase, name: str, wanted: str, given: str) -> int | None:
    """Return the message in which the customer chose a value: said it, or agreed to it."""
    for found in (_said_by_user(case, name, given), _paid_with(case, name, given), _agreed_to(case, wanted, given)):
        if found is not None:
            return found
    return None


def _paid_with(case: FailedCase, name: str, given: str) -> int | None:
    """Return the message in which the customer named the kind of its payment method, of which the scenario says nothing."""
    kind = words_of(given)
    if name not in ("payment_method_id", "payment_id") or kind is None or re.search(r"card|paypal|payment|refund", case.scenario):
        return None
    told = (message for message in case.messages if message.role == "user" and re.search(kind, message.text, re.IGNORECASE))
    return next((message.index for message in told), None)


def _in_scenario(case: FailedCase, value: str) -> bool:
    words = words_of(value) if "_" not in value else None
    return len(value) > 3 and (value.casefold() in case.scenario or (words is not None and re.search(words, case.scenario) is not None))


def _said_by_user(case: FailedCase, name: str, value: str) -> int | None:
    """Return the message in which the customer said a value, if it is one that others know: an identifier must have been shown before."""
    for message in case.messages:
        if message.role == "user" and value.casefold() in message.text.casefold():
            shown = any(value.casefold() in before.text.casefold() for before in case.said_before(message.index, "tool", "assistant"))
            return message.index if shown or not any(sign.isdigit() for sign in value) else None
    return None


def _agreed_to(case: FailedCase, wanted: str, given: str) -> int | None:
    """Return the message in which the customer agreed to a text that the agent proposed, if it never spoke of the wanted one itself."""
    if any(sign.isdigit() for sign in given) or len(given) < 4:
        return None
    if any(wanted.casefold() in message.text.casefold() for message in case.messages if message.role == "user"):
        return None
    spoken = [message for message in case.messages if message.text and message.role in ("user", "assistant")]
    for before, message in pairwise(spoken):
        if before.role == "assistant" and message.role == "user" and given.casefold() in before.text.casefold() and says_yes(message.text):
            return message.index
    return None


def _refusal(case: FailedCase) -> int | None:
    """Return the first words of the agent that decline something once it had looked up what a missing action is done to, else its last."""
    names = {name for action in case.missing for name in named_things(action["wanted"])}
    read = [call["turn"] for call in case.evidence.calls if named_things(call["arguments"] or {}) & names]
    after = (message for message in case.messages if read and message.role == "assistant" and message.index > read[0])
    declining = next((message for message in after if DECLINES.search(message.text)), case.last_agent)
    return declining.index if declining is not None else None


def _word_by_word(case: FailedCase) -> Shown | None:
    """What has to be told is a sentence, which is looked for letter by letter: nobody can know its wording."""
    unmet = case.evidence.unmet("communicate")
    if not case.lost_only("COMMUNICATE") or not unmet or any(len(text.split()) < LEAST_WORDS for text in unmet):
        return None
    return Shown(_last_answer(case), f"the words {unmet[0]!r} would have to be said letter by letter")


def _sum_of_nothing(case: FailedCase) -> Shown | None:
    """A sum is due that the scenario wants under a condition, and the customer, told that it does not hold, asks for none."""
    unmet = case.evidence.unmet("communicate")
    if not case.lost_only("COMMUNICATE") or not unmet or not all(re.fullmatch(r"[\d,]+\.\d+", text) for text in unmet):
        return None
    said = [message for message in case.messages if message.role == "user"]
    if not _IF_POSSIBLE.search(case.scenario) or any(_SUM.search(message.text) for message in said):
        return None
    declined = (message for message in case.messages if message.role == "assistant" and DECLINES.search(message.text))
    if (at := next(declined, None)) is None:
        return None
    return Shown(at.index, f"{unmet[0]} has to be told, which is only wanted if something were possible that is not")


def _last_answer(case: FailedCase) -> int | None:
    return None if case.last_agent is None else case.last_agent.index


def _unsound(case: FailedCase) -> Shown | None:
    """The audit of this very task says that even its reference does not score, or that a right conversation does not."""
    found = next(((kind, evidence) for kind, evidence in case.audit_findings if kind in _CANNOT_SCORE), None)
    return None if found is None else Shown(_refusal(case), f"by the audit: {_CANNOT_SCORE[found[0]]} ({found[1][:120]})")


RULES = (
    FaultRule("task cannot be solved", TASK, "the audit of the task", _unsound),
    FaultRule("reference against the policy", TASK, "reference actions, policy, what the tools returned", _against_policy),
    FaultRule("reference pays without the change", TASK, "reference actions, policy, extra writes", _paid_without_change),
    FaultRule("has to be said word by word", TASK, "what had to be told", _word_by_word),
    FaultRule("sum that nobody wanted", TASK, "what had to be told, scenario, the user's words", _sum_of_nothing),
    FaultRule("variants that fit alike", TASK, "options of items, scenario, the nearest call", _open_variant),
    FaultRule("choice left open", TASK, "the nearest call, scenario, the user's words", _open_choice),
)
