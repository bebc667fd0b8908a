"""The simulated user's fault: it asks for other things than its scenario, for more or less of them, or not at all.

Each rule looks for words that the user said itself: what it only agreed to may be the agent's idea.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from tau2_logging.analysis.deep.attribution.accusation import USER, FaultRule, Shown
from tau2_logging.analysis.deep.attribution.failed_case import DECLINES, TRANSFER_TOOL, FailedCase, named_things, says_yes
from tau2_logging.analysis.deep.attribution.procedures import asked_for_human
from tau2_logging.analysis.deep.attribution.rules.item_options import Options, names_of_items, options_of_items, says, swapped
from tau2_logging.analysis.deep.reading.recorded import Row
from tau2_logging.analysis.deep.reading.recorded_conversation import SaidMessage

_ALL = re.compile(r"\b(all|every|everything|entire|whole|both|anything)\b")
_CONFIRMS = re.compile(r"\b(confirm|yes)\b|\bproceed\b[^.]*\?", re.IGNORECASE)
_AT_CONFIRMATION = re.compile(r"\b(asks?|asking) (you )?(for|to) (a |final |the |your )*confirm", re.IGNORECASE)
_ACTS = {
    "cancel": r"cancel",
    "return": r"\breturn|send (it|them|this|that) back|refund",
    "exchange": r"exchang|swap|replac|switch|chang",
}
"""How people ask for what a tool does whose name begins so."""
_IN_CASE = r"(\bif\b|otherwise|\belse\b|unless)[^.]*"
_PUTS_OFF = re.compile(r"\bnot\b|n't\b|\binstead of\b|\brather than\b|\bif\b|\bonce\b|\bwhether\b", re.IGNORECASE)
"""How a sentence names an act without asking for it now."""
_GONE = re.compile(r"\b(un|not |n't |no longer )(currently )?available|out of stock|sold out|could(n't| not) find", re.IGNORECASE)


def _near(case: FailedCase) -> Iterator[tuple[Row, Row]]:
    """Yield missing reference writes with the nearest call of the same tool that succeeded, is none of the reference, and is done to the
    same thing."""
    for action in case.missing:
        call = next((call for call in case.extra if call["position"] == action.get("nearest_position")), None)
        if call is not None and action.get("same_tool") and named_things(action["wanted"]) == named_things(call["arguments"] or {}):
            yield action, call


def _other_options(case: FailedCase) -> Shown | None:
    """The user names an option that its scenario does not have, in place of one that it has."""
    if not case.lost_by_writes or not case.scenario or case.unconfirmed:
        return None
    options = options_of_items(case)
    for action, call in _near(case):
        for wanted, given in swapped(action, call):
            if (found := _named_options(case, options.get(wanted, {}), options.get(given, {}), call["turn"])) is not None:
                return found
    return None


def _named_options(case: FailedCase, wanted: Options, given: Options, before: int) -> Shown | None:
    """Return the message in which the user names what the scenario does not hold, if the agent had not proposed it alone."""
    differing = [name for name in wanted if name in given and wanted[name] != given[name]]
    for name in differing:
        if not says(case.scenario, wanted[name]) or says(case.scenario, given[name]):
            continue
        mentions = [message for message in case.said_before(before, "user", "assistant") if says(message.text.casefold(), given[name])]
        named = next((message for message in mentions if message.role == "user"), None)
        if named is None or (mentions[0].role == "assistant" and not says(mentions[0].text.casefold(), wanted[name])):
            return None
        return Shown(named.index, f"the user names {given[name]!r}, where its scenario has {wanted[name]!r}")
    return None


def _part_of_all(case: FailedCase) -> Shown | None:
    """The scenario says all, and the user names some of the things that the agent had listed."""
    if not case.lost_by_writes or case.unconfirmed or not re.search(r"\b(all|everything|every)\b", case.scenario):
        return None
    for action, call in _near(case):
        wanted, given = set(action["wanted"].get("item_ids") or ()), set((call["arguments"] or {}).get("item_ids") or ())
        names = names_of_items(case, str(action["wanted"].get("order_id")))
        if not given or not given < wanted or not wanted <= names.keys():
            continue
        for message in case.said_before(call["turn"], "user"):
            said = message.text.casefold()
            listed = "\n".join(one.text for one in case.said_before(message.index, "assistant")).casefold()
            left = [names[item] for item in wanted - given]
            if (
                all(says(said, names[item]) or item in said for item in given)
                and not any(says(said, name) for name in left)
                and all(says(listed, name) for name in left)
            ):
                return Shown(message.index, f"the user names part of what its scenario wants: not {left[0]}")
    return None


def _all_of_part(case: FailedCase) -> Shown | None:
    """The user asks for all things of an order, of which its scenario wants some."""
    if not case.lost_by_writes or case.unconfirmed or _ALL.search(case.scenario):
        return None
    for action, call in _near(case):
        wanted, given = set(action["wanted"].get("item_ids") or ()), set((call["arguments"] or {}).get("item_ids") or ())
        if not wanted or not wanted < given:
            continue
        for message in case.said_before(call["turn"], "user"):
            if re.search(r"\b(all|every|everything|both)\b[^.?!]*\b(items?|things?|of (them|it)|from|in)\b", message.text, re.IGNORECASE):
                return Shown(message.index, "the user asks for all items of an order, of which its scenario wants some")
    return None


def _not_at_confirmation(case: FailedCase) -> Shown | None:
    """The scenario has the user say something else when it is asked for confirmation; the user says yes to what the agent proposes."""
    if not case.scenario or case.unconfirmed or not _AT_CONFIRMATION.search(case.scenario) or not case.lost_by_writes:
        return None
    for action, call in _near(case):
        wanted, given = _changes(action["wanted"]), _changes(call["arguments"] or {})
        spoken = [message for message in case.said_before(call["turn"], "user", "assistant") if message.text]
        if wanted < given and [message.role for message in spoken[-2:]] == ["assistant", "user"]:
            asked, answer = spoken[-2:]
            told = "\n".join(message.text for message in case.said_before(call["turn"], "user"))
            added = any(str(item) in told for pair in wanted - given for item in pair)
            if not added and _CONFIRMS.search(asked.text) and says_yes(answer.text) and _names_all(asked.text, call):
                return Shown(answer.index, "asked for confirmation, the user does not say what its scenario has it say then")
    return None


def _changes(arguments: Mapping[str, Any]) -> set[tuple[Any, Any]]:
    """Return the items that a call changes, each with what it becomes."""
    return set(zip(arguments.get("item_ids") or (), arguments.get("new_item_ids") or (), strict=False))


def _names_all(text: str, call: Row) -> bool:
    """Return whether a question names every item of a call."""
    return all(str(item) in text for item in (call["arguments"] or {}).get("item_ids") or ())


def _other_remedy(case: FailedCase) -> Shown | None:
    """Told that something is not to be had, the user picks another where its scenario wants it returned or cancelled."""
    if not case.lost_by_writes or case.unconfirmed:
        return None
    for action in case.missing:
        act = next((act for act in ("return", "cancel") if action["tool"].startswith(act)), None)
        call = next((call for call in case.extra if _takes_place(action, call)), None)
        if act is None or call is None or not re.search(_IN_CASE + _ACTS[act], case.scenario) or _is_overlooked(case, action):
            continue
        told = [one for one in case.said_before(call["turn"], "assistant") if _GONE.search(one.text)]
        answers = [one for one in case.said_before(call["turn"], "user") if told and one.index > told[-1].index]
        if answers and not any(re.search(_ACTS[act], one.text, re.IGNORECASE) for one in answers):
            return Shown(answers[0].index, f"told that it is not available, the user picks another; its scenario wants to {act} then")
    return None


def _is_overlooked(case: FailedCase, but: Row) -> bool:
    """Return whether another missing reference write is on something that the agent never speaks of: that costs the reward on its own."""
    spoken = "\n".join(message.text for message in case.messages if message.role == "assistant").casefold()
    names = {name for action in case.missing if action is not but for name in named_things(action["wanted"])}
    return any(name not in spoken for name in names)


def _other_number(case: FailedCase) -> Shown | None:
    """The user agrees to a change of another thing than the one whose number its scenario has, and never says that number."""
    if not case.lost_by_writes or case.unconfirmed:
        return None
    said = "\n".join(message.text for message in case.messages if message.role == "user").casefold()
    for action in case.missing:
        kept = [
            name
            for name in named_things(action["wanted"])
            if re.search(r"\d", name) and name in case.scenario and name.lstrip("#") not in said
        ]
        call = next((call for call in case.extra if call["position"] == action.get("nearest_position")), None)
        if kept and call is not None and not set(kept) & named_things(call["arguments"] or {}):
            answer = list(case.said_before(call["turn"], "user"))[-1]
            return Shown(answer.index, f"the user agrees to a change of another thing than {kept[0]}, which its scenario names")
    return None


def _takes_place(action: Row, call: Row) -> bool:
    """Return whether a call of another tool changes what a reference action is done to."""
    given = call["arguments"] or {}
    return call["tool"] != action["tool"] and "new_item_ids" in given and given.get("order_id") == action["wanted"].get("order_id")


def _turned_down(case: FailedCase) -> Shown | None:
    """Told that its wish cannot be had, the user never asks for the return or cancellation that its scenario wants then."""
    if not case.lost_by_writes or case.extra or not case.missing or case.ended_by is None or _handed_over_unasked(case):
        return None
    acts = {next((act for act in ("return", "cancel") if action["tool"].startswith(act)), None) for action in case.missing}
    act = next(iter(acts)) if len(acts) == 1 else None
    if act is None or not re.search(_IN_CASE + _ACTS[act], case.scenario) or any(_was_made(case, action) for action in case.missing):
        return None
    names = {name for action in case.missing for name in named_things(action["wanted"])}
    seen = next((message.index for message in case.messages if any(name in message.text.casefold() for name in names)), None)
    told = next((one for one in case.messages if seen is not None and one.index >= seen and _cannot(one)), None)
    answers = [one for one in case.messages if told is not None and one.role == "user" and one.index > told.index]
    if not answers or any(_wants(one.text, act) for one in answers):
        return None
    return Shown(answers[0].index, f"told what cannot be had, the user does not ask to {act}, which its scenario wants then")


def _handed_over_unasked(case: FailedCase) -> bool:
    at = next((call["turn"] for call in case.evidence.calls if call["tool"] == TRANSFER_TOOL), None)
    return at is not None and (case.said is None or not asked_for_human(case.said, at))


def _cannot(message: SaidMessage) -> bool:
    """Return whether the agent says that something is not to be had."""
    return message.role == "assistant" and bool(_GONE.search(message.text) or DECLINES.search(message.text))


def _wants(text: str, act: str) -> bool:
    """Return whether a sentence asks for an act, and neither refuses it nor puts it off."""
    sentences = re.split(r"(?<=[.!?])\s", text)
    return any(re.search(_ACTS[act], one, re.IGNORECASE) and not _PUTS_OFF.search(one) for one in sentences)


def _was_made(case: FailedCase, action: Row) -> bool:
    return any(call["tool"] == action["tool"] for call in case.evidence.calls if call["requestor"] != "user")


RULES = (
    FaultRule("named other options than its scenario", USER, "options of items, scenario, the user's words", _other_options),
    FaultRule("asked for part of what its scenario wants", USER, "items of orders, scenario, the user's words", _part_of_all),
    FaultRule("asked for all where its scenario wants some", USER, "the nearest call, scenario, the user's words", _all_of_part),
    FaultRule(
        "did not do what its scenario has for the confirmation", USER, "scenario, the last question and answer", _not_at_confirmation
    ),
    FaultRule("took another remedy than its scenario", USER, "extra writes, scenario, the user's words", _other_remedy),
    FaultRule("did not name what its scenario names", USER, "extra writes, scenario, the user's words", _other_number),
    FaultRule("turned down what its scenario wants", USER, "offers of the agent, answers, scenario", _turned_down),
)
