"""Writes of a reference that the policy forbids, by the rules that also say whose fault a failure is (airline and retail)."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from tau2_logging.analysis.deep.attribution.rules.reservation_policy import forbidden_reference
from tau2_logging.audit.finding_kinds import AuditFinding
from tau2_logging.runner.harness.conversation_replay import ReplayCall

Look = Callable[[str, Mapping[str, Any]], str | None]
"""Return what a tool that reads answers at the start of a task, None if it errs."""


@dataclass(frozen=True)
class ReferenceCase:
    """A reference as the rules read a conversation. `results`: (tool, text) of what was looked up."""

    policy: str
    scenario: str
    reference: Sequence[Mapping[str, Any]]
    results: Sequence[tuple[str, str]]

    def results_of(self, *tools: str) -> Iterator[tuple[int, Mapping[str, Any], str]]:
        """Yield (turn, arguments, text) of what these tools answered."""
        return ((0, {}, text) for tool, text in self.results if tool in tools)


def flights_of(databases: Sequence[Any]) -> str:
    """Return number, origin and destination of every flight in a database, as a search for flights answers."""
    flights = [flight for database in databases for flight in dict(database.get("flights") or {}).values()]
    return json.dumps([{name: flight.get(name) for name in ("flight_number", "origin", "destination")} for flight in flights])


def against_policy(
    policy: str, text: str, calls: Sequence[ReplayCall], answers: Sequence[str], look: Look, flights: str = "[]"
) -> Iterator[AuditFinding]:  # fmt: skip
    """Yield each call that a rule forbids. `text`: all that the customer is told; `answers`: what the calls answered; `flights`: those of
    `flights_of`."""
    reference = [{"tool": call.name, "wanted": call.arguments} for call in calls]
    results = [
        ("search_direct_flight", flights),
        *_looked_up(calls, look),
        *((call.name, answer) for call, answer in zip(calls, answers, strict=True)),
    ]
    case = ReferenceCase(policy, text.casefold(), reference, results)
    for action in reference:
        if (reason := forbidden_reference(case, action)) is not None:
            yield AuditFinding("reference_against_policy", reason)


def _looked_up(calls: Sequence[ReplayCall], look: Look) -> Iterator[tuple[str, str]]:
    """Yield the details of what is named in the calls: reservations, the state of their flights, and the customers."""
    users = [str(call.arguments["user_id"]) for call in calls if "user_id" in call.arguments]
    for name in dict.fromkeys(str(call.arguments["reservation_id"]) for call in calls if "reservation_id" in call.arguments):
        text = look("get_reservation_details", {"reservation_id": name})
        if text is None:
            continue
        yield "get_reservation_details", text
        found = json.loads(text)
        users.append(str(found.get("user_id")))
        for leg in found.get("flights") or ():
            status = look("get_flight_status", {"flight_number": leg["flight_number"], "date": leg["date"]})
            yield from [("get_flight_status", status)] if status is not None else []
    for user in dict.fromkeys(users):
        text = look("get_user_details", {"user_id": user})
        yield from [("get_user_details", text)] if text is not None else []
