"""What the policies of airline and retail forbid a reference action to do, as far as the conversation shows the facts.

Only the rules that the policy states in so many words, and only if the details of what is acted on were read in the conversation. The
policy's own text must hold the rule: with another policy nothing is said.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, Protocol

_NOW = re.compile(r"current time is (\d{4}-\d\d-\d\d \d\d:\d\d:\d\d)")
_COVERED = re.compile(r"\b(health|weather|sick|ill|unwell|illness|medical|doctor|hospital|surgery|injur\w*|storm)\b")
_FREE_BAGS = {
    "regular": {"basic_economy": 0, "economy": 1, "business": 2},
    "silver": {"basic_economy": 1, "economy": 2, "business": 3},
    "gold": {"basic_economy": 2, "economy": 3, "business": 4},
}
_CHANGES = ("update_reservation_flights", "cancel_reservation")


class PolicyCase(Protocol):
    """What the rules look at: the policy, what the user was told (in lower case), the reference actions, and results of tools."""

    @property
    def policy(self) -> str:
        """Return the text of the domain's policy, with the line that gives the current time; empty if the log has none."""

    @property
    def scenario(self) -> str:
        """Return what the user was told, in lower case."""

    @property
    def reference(self) -> Sequence[Mapping[str, Any]]:
        """The reference actions, each with `tool` and its arguments, `wanted`."""

    def results_of(self, *tools: str) -> Iterator[tuple[Any, Any, str]]:
        """Yield (turn, arguments, text of the result) of each call of these tools that succeeded."""


def forbidden_reference(case: PolicyCase, action: Mapping[str, Any]) -> str | None:
    """Return why policy, scenario or data forbid a reference action; None if they do not, or the record does not show it."""
    check = _CHECKS.get(action["tool"])
    if check is None or not case.policy:
        return None
    return check(case, action["wanted"]) or _other_card(case, action["wanted"])


def _other_card(case: PolicyCase, wanted: Mapping[str, Any]) -> str | None:
    """Return which gift card the scenario means, if it wants that with the smallest balance and the reference has another."""
    if not re.search(r"gift card with the (smallest|lowest) balance", case.scenario):
        return None
    for data in _objects(case, "get_user_details"):
        cards = {
            name: card.get("amount") for name, card in (data.get("payment_methods") or {}).items() if card.get("source") == "gift_card"
        }
        amounts = {name: amount for name, amount in cards.items() if isinstance(amount, int | float)}
        smallest = min(amounts, key=lambda name: amounts[name], default=None)
        if smallest is not None and (paid := str(wanted.get("payment_id"))) in amounts and amounts[paid] > amounts[smallest]:
            return f"the reference pays with {paid}; {smallest} has the smallest balance, which the scenario wants"
    return None


def _cancel(case: PolicyCase, wanted: Mapping[str, Any]) -> str | None:
    name, now = str(wanted.get("reservation_id")), _now(case.policy)
    found = _details(case, "get_reservation_details", "reservation_id", name)
    if found is None or now is None or "Otherwise, flight can be cancelled if any of the following is true" not in case.policy:
        return None
    flown = [leg for leg in found.get("flights") or () if str(leg.get("date", "9")) < now.date().isoformat()]
    if flown:
        return f"the reference cancels {name}, of which a flight was flown on {flown[0]['date']}: the policy forbids it"
    if _may_be_cancelled(case, name, found, now):
        return None
    return (
        f"the reference cancels {name} ({found.get('cabin')}, booked {found.get('created_at')}, insurance {found.get('insurance')}): "
        "the policy forbids it"
    )


def _may_be_cancelled(case: PolicyCase, name: str, found: Mapping[str, Any], now: datetime) -> bool:
    becomes_business = any(
        action["tool"] == "update_reservation_flights" and action["wanted"].get("reservation_id") == name
        and action["wanted"].get("cabin") == "business"
        for action in case.reference
    )  # fmt: skip
    insured = str(found.get("insurance")) == "yes" and (bool(_COVERED.search(case.scenario)) or not case.scenario)
    cancelled = any(text.strip('"').lower() in ("cancelled", "canceled") for _, _, text in case.results_of("get_flight_status"))
    return found.get("cabin") == "business" or becomes_business or insured or cancelled or _is_recent(found, now)


def _is_recent(found: Mapping[str, Any], now: datetime) -> bool:
    try:
        return now - datetime.fromisoformat(str(found.get("created_at"))) <= timedelta(hours=24)
    except (TypeError, ValueError):
        return True  # not known


def _certificate(case: PolicyCase, wanted: Mapping[str, Any]) -> str | None:
    if "wants to change or cancel the reservation" not in case.policy or "delay" not in case.scenario:
        return None
    if re.search(r"cancell?ed flight|flight (was|is|has been|got) cancell?ed", case.scenario):
        return None
    if any(action["tool"] in _CHANGES for action in case.reference):
        return None
    return (
        f"the reference sends a certificate of {wanted.get('amount')} for a delay without a change or cancellation of the reservation, "
        "which the policy requires"
    )


def _baggage(case: PolicyCase, wanted: Mapping[str, Any]) -> str | None:
    found = _details(case, "get_reservation_details", "reservation_id", str(wanted.get("reservation_id")))
    member = next((data.get("membership") for data in _objects(case, "get_user_details")), None)
    if found is None or member not in _FREE_BAGS or "free checked bag" not in case.policy:
        return None
    free = _FREE_BAGS[str(member)].get(str(found.get("cabin")), 99) * len(found.get("passengers") or ())
    total, paid = wanted.get("total_baggages"), wanted.get("nonfree_baggages")
    if isinstance(total, int) and isinstance(paid, int) and paid > max(0, total - free):
        return f"the reference charges for {paid} of {total} bags, of which {free} are free for a {member} member in {found.get('cabin')}"
    return None


def _flights(case: PolicyCase, wanted: Mapping[str, Any]) -> str | None:
    """The flights of a basic economy reservation cannot be changed, and no reservation gets another origin or destination."""
    name, flights = str(wanted.get("reservation_id")), list(wanted.get("flights") or ())
    found = _details(case, "get_reservation_details", "reservation_id", name)
    if found is None or not flights:
        return None
    changed = [(leg.get("flight_number"), leg.get("date")) for leg in found.get("flights") or ()] != [
        (leg.get("flight_number"), leg.get("date")) for leg in flights
    ]
    stays_basic = found.get("cabin") == wanted.get("cabin") == "basic_economy"
    if changed and stays_basic and "Basic economy flights cannot be modified" in case.policy:
        return f"the reference changes flights of {name}, which is and stays basic economy: the policy forbids it"
    if _goes_elsewhere(_ends(case), found, flights) and "without changing the origin, destination" in case.policy:
        return f"the reference no longer flies {name} from {found.get('origin')} to {found.get('destination')}: the policy forbids it"
    return None


def _goes_elsewhere(ends: Mapping[str, tuple[str, str]], found: Mapping[str, Any], flights: Sequence[Mapping[str, Any]]) -> bool:
    legs = [ends.get(str(leg.get("flight_number"))) for leg in flights]
    known = [leg for leg in legs if leg is not None]
    if len(known) < len(legs):
        return False
    last = found.get("origin") if found.get("flight_type") == "round_trip" else found.get("destination")
    reaches = any(to == found.get("destination") for _, to in known)
    return known[0][0] != found.get("origin") or not reaches or known[-1][1] != last


def _ends(case: PolicyCase) -> dict[str, tuple[str, str]]:
    """Return origin and destination of every flight that was looked up."""
    found: dict[str, tuple[str, str]] = {}
    for _, _, text in case.results_of("search_direct_flight", "search_onestop_flight", "get_reservation_details"):
        for leg in _legs(text):
            found[str(leg["flight_number"])] = (str(leg["origin"]), str(leg["destination"]))
    return found


def _legs(text: str) -> Iterator[Mapping[str, Any]]:
    try:
        left = [json.loads(text)]
    except (ValueError, RecursionError):
        return
    while left:
        value = left.pop()
        if isinstance(value, dict) and {"flight_number", "origin", "destination"} <= value.keys():
            yield value
        left += list(value.values()) if isinstance(value, dict) else value if isinstance(value, list) else []


def _booking(case: PolicyCase, wanted: Mapping[str, Any]) -> str | None:
    if (unknown := _unknown_passenger(case, wanted)) is not None:
        return unknown
    for data in _objects(case, "get_user_details"):
        name = data.get("name") or {}
        for passenger in wanted.get("passengers") or ():
            same = all(passenger.get(part) == name.get(part) for part in ("first_name", "last_name"))
            if same and data.get("dob") and passenger.get("dob") != data["dob"] and str(passenger.get("dob")) not in case.scenario:
                return f"the reference books with the date of birth {passenger.get('dob')}, which is not that of the profile"
    return None


def _unknown_passenger(case: PolicyCase, wanted: Mapping[str, Any]) -> str | None:
    """Return who flies of whom neither the scenario nor the customer's data speak, once the profile was read."""
    profiles = _objects(case, "get_user_details")
    known = [name for data in [*profiles, *_objects(case, "get_reservation_details")] for name in _names_in(data)]
    for passenger in wanted.get("passengers") or ():
        name = f"{passenger.get('first_name')} {passenger.get('last_name')}"
        if profiles and case.scenario and name not in known and name.casefold() not in case.scenario:
            return f"the reference has {name} as a passenger, whom neither the scenario nor the customer's data name"
    return None


def _names_in(data: Mapping[str, Any]) -> list[str]:
    people = [data.get("name") or {}, *(data.get("saved_passengers") or ()), *(data.get("passengers") or ())]
    return [f"{person.get('first_name')} {person.get('last_name')}" for person in people]


def _exchange(case: PolicyCase, wanted: Mapping[str, Any]) -> str | None:
    old, new = wanted.get("item_ids") or (), wanted.get("new_item_ids") or ()
    same = [before for before, after in zip(old, new, strict=False) if before == after]
    if same and "of the same product but of different product option" in case.policy:
        return f"the reference exchanges item {same[0]} for itself; the policy asks for a different option"
    return None


_CHECKS: Mapping[str, Callable[[PolicyCase, Mapping[str, Any]], str | None]] = {
    "cancel_reservation": _cancel,
    "send_certificate": _certificate,
    "update_reservation_flights": _flights,
    "update_reservation_baggages": _baggage,
    "update_reservation_passengers": _unknown_passenger,
    "book_reservation": _booking,
    "exchange_delivered_order_items": _exchange,
    "modify_pending_order_items": _exchange,
}


def _now(policy: str) -> datetime | None:
    found = _NOW.search(policy)
    return datetime.fromisoformat(found[1]) if found is not None else None


def _details(case: PolicyCase, tool: str, argument: str, value: str) -> Mapping[str, Any] | None:
    """Return the first result of a tool for one thing, before anything was changed."""
    return next((data for data in _objects(case, tool) if str(data.get(argument)) == value), None)


def _objects(case: PolicyCase, tool: str) -> list[Mapping[str, Any]]:
    found: list[Mapping[str, Any]] = []
    for _, _, text in case.results_of(tool):
        try:
            data = json.loads(text)
        except (ValueError, RecursionError):
            continue
        if isinstance(data, dict):
            found.append(data)
    return found
