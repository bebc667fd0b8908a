"""The simulated user's fault: it left before the agent could act, said what is nowhere, withheld, changed its mind, played the agent.

They apply only if no write of the agent costs the reward on its own.
"""

from __future__ import annotations

import re
from itertools import combinations, pairwise

from tau2_logging.analysis.deep.attribution.accusation import USER, FaultRule, Shown
from tau2_logging.analysis.deep.attribution.failed_case import (
    DECLINES,
    END_TOKENS,
    TRANSFER_TOOL,
    FailedCase,
    call_failed,
    declines,
    entity_ids,
    may_write,
    named_things,
    says_yes,
)
from tau2_logging.analysis.deep.attribution.rules.reservation_policy import forbidden_reference
from tau2_logging.analysis.deep.reading.recorded import Row
from tau2_logging.analysis.deep.reading.recorded_conversation import SaidMessage
from tau2_logging.analysis.deep.tool_calls.argument_provenance import leaves

_ASKS = re.compile(r"\?|\b(confirm|reply|please (provide|tell|let me know|choose|share))\b", re.IGNORECASE)
_CLOSING = re.compile(
    r"[^.?!\n]*\b(anything else|any(thing)? (other|further)|(other|further|more|any) (assistance|help))\b[^.?!\n]*\?", re.IGNORECASE
)
"""What an agent asks when it has nothing to ask."""
_OFFERS = re.compile(
    r"\b(please|reply|respond)\b[^.?!\n]*\b(yes|confirm)|\b(would you like|shall i|should i|do you (want|confirm)|proceed)\b[^.?!\n]*\?",
    re.IGNORECASE,
)
"""How an agent asks whether it may do something."""
_FEW_WORDS = 5
"""Up to how many words a user says that leaves without an answer."""
_TOKEN = re.compile(r"#?\w*\d[\w.@-]*\w|\b[\w.]+@[\w.]+\w")
_FACT = re.compile(rf"{_TOKEN.pattern}|(?=.*\d)[\w ,.#-]{{8,}}")
"""What is made up as a whole: an identifier, an amount, a date, the first line of an address."""
_IDENTITY = re.compile(r"\b[a-z]+(?:_[a-z]+)*_\d{3,}\b|#\w*\d\w+|\b[\w.]+@[\w.]+\w")
"""User ids, order numbers and addresses of mail in a scenario."""
_OWN = re.compile(r"name|email|zip|phone|address|birth")
"""Arguments whose values only the customer knows."""
_WHO = "find_user_id"
_REFUSES = re.compile(
    r"\b(do not|don'?t|can(not|'?t)|would(n'?t| not)|prefer not|rather not|not going) "
    r"(to )?(have|know|remember|recall|say|tell|share|give|provide|want to say)\b"
    r"|\b(rather|prefer) not\b",
    re.IGNORECASE,
)
_OF_A_THING = re.compile(r"\b(order|reservation|confirmation|booking)\b", re.IGNORECASE)
_OF_ITSELF = re.compile(r"\b(user|account|e-?mail|name|zip|address|phone)\b", re.IGNORECASE)
_WILL_NOT = re.compile(
    r"\b(would(n'?t| not)|prefer not|rather not|not going|don'?t want|do not want) (to )?(say|tell|share|give|provide)\b"
    r"|\b(rather|prefer) not\b",
    re.IGNORECASE,
)
_OTHER_MIND = re.compile(r"changed my mind|on second thou?ght|never ?mind\b|forget (about )?(it|that|the)|i no longer want", re.IGNORECASE)
_FORESEEN = re.compile(
    r"chang\w* (your|you) mind|regret|second thought|never ?mind|forget|then (say|decide|ask)|rethink|instead|suddenly", re.IGNORECASE
)
_AGENT_WORDS = re.compile(
    r"^\W*(how can i (help|assist) you|i can help (you )?with that|thank you for (contacting|calling)"
    r"|i('| ha)ve (updated|cancelled|processed) your|to proceed, (please )?(provide|i('ll)? need)"
    r"|your (order|reservation|request) has been)",
    re.IGNORECASE,
)
_BIG_ACTS = {
    "book": r"\bbook|new flight|new reservation|purchase|\bbuy\b",
    "cancel": r"cancel",
    "update_reservation_baggages": r"\bbag|luggage|suitcase",
    "update_reservation_passengers": r"passenger|name|companion",
    "modify_user_address": r"default|profile|account|your address|user\W.*address|all .*address",
}
"""How a scenario speaks of what tools do whose names begin so."""


def _hung_up(case: FailedCase) -> Shown | None:
    last = case.last_user
    if last is None or not _proposed_and_lost(case) or not says_yes(_last_words(case)):
        return None
    return Shown(
        last.index, f"the user agrees and ends the conversation ({case.ended_by}) in one message: {_names(case)} could not be made"
    )


def _left_while_asked(case: FailedCase) -> Shown | None:
    last, asked = case.last_user, case.last_agent
    if last is None or asked is None or not _proposed_and_lost(case) or says_yes(_last_words(case)) or declines(_last_words(case)):
        return None
    if not _OFFERS.search(_CLOSING.sub("", asked.text)) or DECLINES.search(asked.text) or not case.lost_state:
        return None  # what the agent turned down it did not offer
    if len(_last_words(case).split()) > _FEW_WORDS:
        return None  # that is an answer
    return Shown(last.index, f"the agent had proposed {_names(case)} and asked; the user leaves ({case.ended_by}) without an answer")


def _proposed_and_lost(case: FailedCase) -> bool:
    """Return whether the conversation ended in the user's message right after the agent had proposed a reference write that is missing."""
    asked, last = case.last_agent, case.last_user
    if (
        not case.ended_by
        or asked is None
        or last is None
        or not case.lost_only("DB", "ACTION", "ENV_ASSERTION", "NL_ASSERTION", "COMMUNICATE")
    ):
        return False
    if case.acted_after(asked.index) or case.extra or case.was_transferred or not _ASKS.search(_CLOSING.sub("", asked.text)):
        return False
    proposed = [action for action in case.missing if _is_named(action, asked.text) or _asks_to_book(action, asked.text)]
    rest = [action for action in case.missing if action not in proposed]
    failed = any(_was_called(case, action) for action in proposed if action["tool"].startswith("book"))
    return bool(proposed) and not failed and all(forbidden_reference(case, action) or not _was_tried(case, action) for action in rest)


def left_undone(case: FailedCase, action: Row) -> bool:
    """Return whether the user agrees to a missing reference write and ends the conversation in the same message."""
    asked = case.last_agent
    ended = case.ended_by is not None and asked is not None and not case.acted_after(asked.index)
    return (
        ended and asked is not None and _is_proposed(action, asked.text) and says_yes(_last_words(case)) and not _was_called(case, action)
    )


def _is_proposed(action: Row, text: str) -> bool:
    """Return whether a text names what an action is done to, or what is added by it."""
    return _is_named(action, text) or (action["tool"].endswith("baggages") and "checked bag" in text.casefold())


def _was_called(case: FailedCase, action: Row) -> bool:
    return any(call["tool"] == action["tool"] for call in case.evidence.calls)


def _asks_to_book(action: Row, text: str) -> bool:
    """Return whether a text asks what a booking needs, and does not decline it."""
    sentences = re.split(r"(?<=[.!?])\s", text) if action["tool"].startswith("book") else []
    return any("?" in one and re.search(r"\bbook", one, re.IGNORECASE) and not DECLINES.search(one) for one in sentences)


def _was_tried(case: FailedCase, action: Row) -> bool:
    """Return whether the agent had declined a reference action, or failed at it: it spoke of the same thing, or called the tool."""
    names = named_things(action["wanted"])
    spoken = "\n".join(message.text for message in case.messages if message.role == "assistant").casefold()
    called = any(call["tool"] == action["tool"] and named_things(call["arguments"] or {}) & names for call in case.evidence.calls)
    return called or not names or any(name in spoken for name in names)


def _is_named(action: Row, text: str) -> bool:
    """Return whether a text names what an action is done to."""
    things = {value for name, values in action["wanted"].items() if name.endswith("_ids") for value in leaves(values)}
    names = named_things(action["wanted"]) | things or entity_ids(action["wanted"])
    said = text.casefold()
    return any(name in said for name in names)


def _names(case: FailedCase) -> str:
    return ", ".join(dict.fromkeys(action["tool"] for action in case.missing))


def _last_words(case: FailedCase) -> str:
    """Return what the user says after the agent's last words, in one message or several."""
    after = case.last_agent.index if case.last_agent is not None else -1
    return _words(" ".join(message.text for message in case.messages if message.role == "user" and message.index > after))


def _words(text: str) -> str:
    for token in END_TOKENS:
        text = text.replace(token, " ")
    return text


def _wrong_fact(case: FailedCase) -> Shown | None:
    """A value that the user said and nobody else knows went into the call that takes the place of a reference write."""
    if (
        not case.scenario
        or (not case.lost_state and not case.lost_only("DB", "COMMUNICATE"))
        or _mistaken(case)
        or _differs_otherwise(case)
    ):
        return None
    found = [(turn, given) for given in _values_in_place(case) if (turn := _invented_at(case, given.lstrip("#"))) is not None]
    if not found:
        return None
    turn, given = min(found)
    return Shown(turn, f"the user says {given!r}, which neither its scenario nor the conversation holds")


def _differs_otherwise(case: FailedCase) -> bool:
    """Return whether the call that takes the place of a missing reference write has a place or kind that the user never said."""
    told = "\n".join(message.text for message in case.messages if message.role == "user").casefold()
    return any(
        how == "different" and isinstance(given, str) and given.casefold() not in told
        for action in case.missing
        for name, (how, _, given) in (action.get("differing") or {}).items()
        if name in ("origin", "destination", "flight_type", "cabin")
    )


def _invented_at(case: FailedCase, given: str) -> int | None:
    """Return the message in which the user says a value first, if nobody had said it before."""
    message = next((message for message in case.messages if given in message.text.casefold()), None)
    return None if message is None or message.role != "user" or given in case.scenario else message.index


def _values_in_place(case: FailedCase) -> list[str]:
    """Return identifiers, amounts and dates that calls of the agent had where a missing reference write has others; how the customer pays
    the agent can look up."""
    found = []
    for action in case.missing:
        wanted, names = set(leaves(action["wanted"])), named_things(action["wanted"])
        for call in case.evidence.calls:
            if (call["tool"] == action["tool"] or call["error"] is True) and not _came_right(case, call, names):
                given = {name: value for name, value in (call["arguments"] or {}).items() if not name.startswith("payment")}
                found += [value for value in leaves(given) if value not in wanted and _FACT.fullmatch(value) and len(value) >= 4]
    return list(dict.fromkeys(found))


def _came_right(case: FailedCase, call: Row, names: set[str]) -> bool:
    """Return whether what a reference action is done to, or who the customer is, was found later: the wrong value had no consequence."""
    later = [one for one in case.evidence.calls if one["position"] > call["position"] and not call_failed(one)]
    if str(call["tool"]).startswith(_WHO):
        return any(str(one["tool"]).startswith(_WHO) for one in later)
    return any(named_things(one["arguments"] or {}) & names for one in later)


def _mistaken(case: FailedCase) -> bool:
    """Return whether the agent tried with another tool to do what is missing, or rightly and too late: that costs the reward on its own."""
    failed = [call for call in case.evidence.calls if call_failed(call) and may_write(call["tool"], call["tool_type"])]
    last = [call for call in failed if not _came_right(case, call, named_things(call["arguments"] or {}))]
    return any(action["made"] or any(_is_other_way(call, action) for call in last) for action in case.missing)


def _is_other_way(call: Row, action: Row) -> bool:
    names = named_things(call["arguments"] or {}) & named_things(action["wanted"])
    return bool(names) and call["tool"] != action["tool"] and call["requestor"] != "user"


def _withheld(case: FailedCase) -> Shown | None:
    """The agent asked, the user refused, and what it kept to itself is in its scenario and in a reference action that was never tried."""
    if not case.scenario or case.extra or not case.lost_only("DB", "ACTION", "ENV_ASSERTION", "NL_ASSERTION", "COMMUNICATE"):
        return None
    if not (kept := _kept_back(case)):
        return None
    for before, message in pairwise(case.messages):
        asked = before.role == "assistant" and before.index > 0 and _ASKS.search(before.text)  # the greeting asks for nothing
        if asked and message.role == "user" and (_WILL_NOT.search(message.text) or _has_not(case, message)):
            return Shown(message.index, f"asked by the agent, the user withholds {kept[0]!r}, which its scenario gives")
    return None


def _has_not(case: FailedCase, message: SaidMessage) -> bool:
    """Return whether the user says that it does not have what it is asked for, and could not be found by what it had said."""
    calls = [call for call in case.evidence.calls if call["requestor"] != "user"]
    looked_up = [call for call in calls if str(call["tool"]).startswith(_WHO)]
    if not _REFUSES.search(message.text) or any(not call_failed(call) for call in looked_up):
        return False
    if _OF_A_THING.search(message.text) and not _OF_ITSELF.search(message.text):
        return False  # who it is it was not asked then
    before = [call for call in calls if call["turn"] < message.index]
    return not calls or (bool(looked_up) and looked_up[0] in before and not any(call["tool"] == TRANSFER_TOOL for call in before))


def _kept_back(case: FailedCase) -> list[str]:
    """Return what the scenario gives, reference actions that were not made need, and nobody said or used."""
    said = "\n".join(message.text for message in case.messages if message.role in ("user", "tool")).casefold()
    used = {value for call in case.evidence.calls for value in leaves(call["arguments"] or {})}
    identity = _IDENTITY.findall(case.scenario) if not case.evidence.calls else []  # without these nothing can be looked up
    needed = [
        value
        for action in case.evidence.actions
        if not action["made"]
        for name, given in action["wanted"].items()
        for value in leaves(given)
        if len(value) >= 4 and (_TOKEN.fullmatch(value) or _OWN.search(name)) and value in case.scenario and value not in used
    ]
    return [value for value in dict.fromkeys([*needed, *identity]) if value not in said]


def _changed_mind(case: FailedCase) -> Shown | None:
    """The user takes back what its scenario wants, and the agent obeys."""
    if not case.missing or case.extra or not case.scenario or _FORESEEN.search(case.scenario) or case.ended_by is None:
        return None
    for message in case.messages:
        if (
            message.role == "user"
            and _OTHER_MIND.search(message.text)
            and not any(
                call["turn"] > message.index and call["tool"] in {action["tool"] for action in case.missing} for call in case.evidence.calls
            )
        ):
            return Shown(message.index, f"the user takes back its request, which its scenario does not say: {_names(case)} was not made")
    return None


def _wants_other(case: FailedCase) -> Shown | None:
    """The user has something booked or cancelled that its scenario does not speak of."""
    if not case.scenario or not case.extra or case.unconfirmed or not case.lost_state or _is_repeated(case):
        return None
    for act, words in _BIG_ACTS.items():
        calls = [call for call in case.extra if call["tool"].startswith(act)]
        others = {name for action in case.missing for name in named_things(action["wanted"])}
        if case.missing and (act != "cancel" or any(named_things(call["arguments"] or {}) & others for call in case.extra)):
            continue  # it may have taken the place of what is missing by the agent's fault
        said = list(case.said_before(calls[0]["turn"], "user")) if calls else []
        asked = bool(said) and _brings_up(case, words, calls[0]["turn"], act in ("book", "cancel", "modify_user_address"))
        forbidden = any(forbidden_reference(case, {"tool": call["tool"], "wanted": call["arguments"] or {}}) for call in calls)
        meant = not case.missing or all(_is_own(case, call) for call in calls)
        if asked and meant and not forbidden and not re.search(words, case.scenario) and not _is_detour(case):
            return Shown(said[-1].index, f"the user agrees to {calls[0]['tool']}, of which its scenario does not speak")
    return None


def _is_own(case: FailedCase, call: Row) -> bool:
    """Return whether the user itself, or its scenario, named what a call is done to, before the agent did."""
    for name in named_things(call["arguments"] or {}):
        first = next((message for message in case.messages if message.role != "tool" and name in message.text.casefold()), None)
        if name not in case.scenario and (first is None or first.role != "user"):
            return False
    return True


def _is_repeated(case: FailedCase) -> bool:
    """Return whether the agent made an extra write more than once: that costs the reward on its own."""
    return any(call["tool"] == other["tool"] and call["arguments"] == other["arguments"] for call, other in combinations(case.extra, 2))


def _brings_up(case: FailedCase, words: str, before: int, also_second: bool) -> bool:
    """Return whether the user speaks of something before the agent does (or at all, if `also_second`)."""
    spoken = [one for one in case.said_before(before, "user", "assistant") if re.search(words, one.text, re.IGNORECASE)]
    return any(one.role == "user" for one in (spoken if also_second else spoken[:1]))


def _is_detour(case: FailedCase) -> bool:
    """Return whether one thing is changed and then cancelled: a way round the policy, which is the agent's idea."""
    changed = [named_things(call["arguments"] or {}) for call in case.extra if call["tool"].startswith("update")]
    gone = [named_things(call["arguments"] or {}) for call in case.extra if call["tool"].startswith("cancel")]
    return any(one & other for one in changed for other in gone)


def _plays_agent(case: FailedCase) -> Shown | None:
    for message in case.messages:
        if message.role == "user" and _AGENT_WORDS.search(_words(message.text)) and case.missing and not case.extra:
            return Shown(message.index, "the user speaks as if it were the agent")
    return None


RULES = (
    FaultRule("hung up before the agent could act", USER, "the last two messages, missing reference writes", _hung_up),
    FaultRule("left while the agent was asking", USER, "the last two messages, missing reference writes", _left_while_asked),
    FaultRule("fact that is nowhere", USER, "the user's words, scenario, results, calls in place of reference writes", _wrong_fact),
    FaultRule("withheld what the scenario says", USER, "questions of the agent, answers, scenario", _withheld),
    FaultRule("took back the request", USER, "the user's words, scenario, calls after them", _changed_mind),
    FaultRule("had something else done", USER, "extra writes, scenario", _wants_other),
    FaultRule("played the agent", USER, "the user's words", _plays_agent),
)
