"""Passes that should not pass: solved simulations in which the agent did not keep to a procedure that its policy prescribes.

A reward looks at the database and at what was told, not at the way. Each check applies only if the policy's own text has the rule.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pandas as pd

from tau2_logging.analysis.deep.attribution.failed_case import TRANSFER_TOOL, agreed_before, call_failed, may_write
from tau2_logging.analysis.deep.reading.merge import by_simulation, key_of
from tau2_logging.analysis.deep.reading.recorded import RUN_KEY, Recorded, Row, cluster_codes, frame, records
from tau2_logging.analysis.deep.reading.recorded_conversation import RecordedConversation
from tau2_logging.analysis.deep.rewards import solved
from tau2_logging.statistics.intervals import rate_columns, rate_of

COLUMNS = (*RUN_KEY, "check", "turn", "sentence")
_OWNER = re.compile(r'"user_id": ?"([^"]+)"')

_HUMAN = re.compile(r"supervisor|human agent|transfer|escalate|someone else|manager", re.IGNORECASE)
_NO_HUMAN = re.compile(r"(do not|don.t|not|without|no|avoid)\W+(\w+\W+){0,5}transfer", re.IGNORECASE)

Breach = tuple[int | None, str]


@dataclass(frozen=True)
class Procedure:
    """A check: it applies if `rule` is in the policy; `find` returns the message that shows a breach, and a sentence."""

    name: str
    rule: str
    find: Callable[[RecordedConversation, Sequence[Row], Sequence[Row]], Breach | None]


def _unconfirmed(said: RecordedConversation, calls: Sequence[Row], actions: Sequence[Row]) -> Breach | None:
    agreed: set[str] = set()  # a call that failed after a yes may be made again
    for call in calls:
        if may_write(call["tool"], call["tool_type"]):
            if agreed_before(said.messages, call["turn"]):
                agreed.add(call["tool"])
            elif not call_failed(call) and call["tool"] not in agreed:
                return call["turn"], f"{call['tool']} was called before the customer had said yes"
    return None


def _not_authenticated(said: RecordedConversation, calls: Sequence[Row], actions: Sequence[Row]) -> Breach | None:
    for call in calls:
        if call_failed(call):
            continue
        if str(call["tool"]).startswith("find_user_id"):
            return None
        if str(call["tool"]) in ("get_order_details", "get_user_details") or may_write(call["tool"], call["tool_type"]):
            return call["turn"], f"{call['tool']} was called before the customer was looked up by email, or name and zip code"
    return None


def _without_user_id(said: RecordedConversation, calls: Sequence[Row], actions: Sequence[Row]) -> Breach | None:
    for call in calls:
        if may_write(call["tool"], call["tool_type"]) and not call_failed(call):
            owner = _owner_of(call)
            told = "\n".join(message.text for message in said.messages if message.role == "user" and message.index < call["turn"])
            if owner is not None and owner not in told:
                return call["turn"], f"{call['tool']} was called before the customer had given the user id"
    return None


def _owner_of(call: Row) -> str | None:
    given = (call["arguments"] or {}).get("user_id")
    found = _OWNER.search(str(call["result"] or ""))
    return str(given) if given else found[1] if found is not None else None


def _transferred(said: RecordedConversation, calls: Sequence[Row], actions: Sequence[Row]) -> Breach | None:
    if not actions or any(action["tool"] == TRANSFER_TOOL for action in actions):
        return None
    if any(may_write(call["tool"], call["tool_type"]) and not call_failed(call) for call in calls):
        return None  # the rest of a request may be beyond the agent
    at = next((call["turn"] for call in calls if call["tool"] == TRANSFER_TOOL and not call_failed(call)), None)
    if at is None or asked_for_human(said, at):
        return None
    return at, "handed over to a human what the reference declines or answers, and the customer had not asked for it"


def asked_for_human(said: RecordedConversation, turn: int) -> bool:
    """Return whether the customer had asked for a human, in its last message before a turn."""
    last = next((message.text for message in reversed(said.messages) if message.index < turn and message.role == "user"), "")
    return bool(_HUMAN.search(last)) and not _NO_HUMAN.search(last)


def _other_customer(said: RecordedConversation, calls: Sequence[Row], actions: Sequence[Row]) -> Breach | None:
    owners: dict[str, int] = {}
    for call in calls:
        found = _OWNER.search(str(call["result"] or ""))
        if found is not None and not call_failed(call):
            owners.setdefault(found[1], call["turn"])
    for owner, turn in list(owners.items())[1:]:
        if any(message.role == "assistant" and message.text and message.index > turn for message in said.messages):
            return turn, f"data of a second customer, {owner}, were read, and the conversation went on"
    return None


PROCEDURES = (
    Procedure("write without a yes", "explicit user confirmation", _unconfirmed),
    Procedure("acted before authentication", "authenticate the user identity", _not_authenticated),
    Procedure("changed without the user id", "first obtain the user id", _without_user_id),
    Procedure("transfer that was not needed", "transfer the user to a human agent if and only if", _transferred),
    Procedure("data of another customer", "", _other_customer),
)


def procedure_breaches(recorded: Recorded) -> pd.DataFrame:
    """Return one row for each check that a solved simulation did not keep: the message that shows it, and a sentence."""
    rows = [
        {**dict(zip(RUN_KEY, said.key, strict=True)), "check": check.name, "turn": found[0], "sentence": found[1]}
        for said, check, found in _checked(recorded)
        if found is not None
    ]
    return frame(rows, COLUMNS)


def procedure_counts(recorded: Recorded) -> pd.DataFrame:
    """Return for each check by domain: solved simulations that did not keep it, of those that it applies to, with interval."""
    rows: dict[tuple[str, str], list[Row]] = {}
    for said, check, found in _checked(recorded):
        rows.setdefault((said.domain, check.name), []).append({"domain": said.domain, "task": said.task, "hit": found is not None})
    rates = [rate_of([row["hit"] for row in group], cluster_codes(frame(group, ("domain", "task")))) for group in rows.values()]
    table = frame([{"domain": domain, "check": name} for domain, name in rows], ("domain", "check"))
    return table.assign(**rate_columns(rates, "share", "breached", "solved")) if rows else table


def _checked(recorded: Recorded) -> Iterator[tuple[RecordedConversation, Procedure, Breach | None]]:
    calls, wanted = by_simulation(records(recorded.calls)), _reference(recorded)
    for row in records(recorded.simulations[solved(recorded.simulations).eq(True)]):
        said = recorded.conversations.get(key_of(row))
        if said is None or not said.messages or not said.policy:
            continue
        mine = [call for call in calls[key_of(row)] if call["requestor"] != "user"]
        actions = row["action_checks"] if row.get("action_checks") is not None else wanted.get((row["domain"], row["task"]), [])
        for check in PROCEDURES:
            if check.rule in said.policy:
                yield said, check, check.find(said, mine, actions)


def _reference(recorded: Recorded) -> Mapping[tuple[Any, Any], list[Row]]:
    found: dict[tuple[Any, Any], list[Row]] = {}
    for row in records(recorded.gold):
        found.setdefault((row["domain"], row["task"]), []).append(row)
    return found
