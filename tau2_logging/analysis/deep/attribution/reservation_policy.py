"""What the policies of airline and retail forbid a reference action to do, as far as the conversation shows the facts.

Only the rules that the policy states in so many words, and only if the details of what is acted on were read in the conversation. The
policy's own text must hold the rule: with another policy nothing is said.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from typing import Any

from tau2_logging.analysis.deep.attribution.failed_case import FailedCase
from tau2_logging.analysis.deep.reading.recorded import Row

_NOW = re.compile(r"current time is (\d{4}-\d\d-\d\d \d\d:\d\d:\d\d)")
_COVERED = re.compile(r"\b(health|weather|sick|ill|illness|medical|doctor|hospital|surgery|injur\w*|storm)\b")
_FREE_BAGS = {
    "regular": {"basic_economy": 0, "economy": 1, "business": 2},
    "silver": {"basic_economy": 1, "economy": 2, "business": 3},
    "gold": {"basic_economy": 2, "economy": 3, "business": 4},
}
_CHANGES = ("update_reservation_flights", "cancel_reservation")


def forbidden_reference(case: FailedCase, action: Row) -> str | None:
    """Return why the policy forbids a reference action; None if it does not, or the record does not show it."""
    check = _CHECKS.get(action["tool"])
    return check(case, action["wanted"]) if check is not None and case.policy else None


def _cancel(case: FailedCase, wanted: Mapping[str, Any]) -> str | None:
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


def _may_be_cancelled(case: FailedCase, name: str, found: Mapping[str, Any], now: datetime) -> bool:
    becomes_business = any(
        action["tool"] == "update_reservation_flights" and action["wanted"].get("reservation_id") == name
        and action["wanted"].get("cabin") == "business"
        for action in case.evidence.actions
    )  # fmt: skip
    insured = str(found.get("insurance")) == "yes" and (bool(_COVERED.search(case.scenario)) or not case.scenario)
    cancelled = any(text.strip('"').lower() in ("cancelled", "canceled") for _, _, text in case.results_of("get_flight_status"))
    return found.get("cabin") == "business" or becomes_business or insured or cancelled or _is_recent(found, now)


def _is_recent(found: Mapping[str, Any], now: datetime) -> bool:
    try:
        return now - datetime.fromisoformat(str(found.get("created_at"))) <= timedelta(hours=24)
    except (TypeError, ValueError):
        return True  # not known


def _certificate(case: FailedCase, wanted: Mapping[str, Any]) -> str | None:
    if "wants to change or cancel the reservation" not in case.policy or "delay" not in case.scenario:
        return None
    if re.search(r"cancell?ed flight|flight (was|is|has been|got) cancell?ed", case.scenario):
        return None
    if any(action["tool"] in _CHANGES for action in case.evidence.actions):
        return None
    return (
        f"the reference sends a certificate of {wanted.get('amount')} for a delay without a change or cancellation of the reservation, "
        "which the policy requires"
    )


def _baggage(case: FailedCase, wanted: Mapping[str, Any]) -> str | None:
    found = _details(case, "get_reservation_details", "reservation_id", str(wanted.get("reservation_id")))
    member = next((data.get("membership") for data in _objects(case, "get_user_details")), None)
    if found is None or member not in _FREE_BAGS or "free checked bag" not in case.policy:
        return None
    free = _FREE_BAGS[str(member)].get(str(found.get("cabin")), 99) * len(found.get("passengers") or ())
    total, paid = wanted.get("total_baggages"), wanted.get("nonfree_baggages")
    if isinstance(total, int) and isinstance(paid, int) and paid > max(0, total - free):
        return f"the reference charges for {paid} of {total} bags, of which {free} are free for a {member} member in {found.get('cabin')}"
    return None


def _booking(case: FailedCase, wanted: Mapping[str, Any]) -> str | None:
    for data in _objects(case, "get_user_details"):
        name = data.get("name") or {}
        for passenger in wanted.get("passengers") or ():
            same = all(passenger.get(part) == name.get(part) for part in ("first_name", "last_name"))
            if same and data.get("dob") and passenger.get("dob") != data["dob"] and str(passenger.get("dob")) not in case.scenario:
                return f"the reference books with the date of birth {passenger.get('dob')}, which is not that of the profile"
    return None


def _exchange(case: FailedCase, wanted: Mapping[str, Any]) -> str | None:
    old, new = wanted.get("item_ids") or (), wanted.get("new_item_ids") or ()
    same = [before for before, after in zip(old, new, strict=False) if before == after]
    if same and "of the same product but of different product option" in case.policy:
        return f"the reference exchanges item {same[0]} for itself; the policy asks for a different option"
    return None


_CHECKS: Mapping[str, Callable[[FailedCase, Mapping[str, Any]], str | None]] = {
    "cancel_reservation": _cancel,
    "send_certificate": _certificate,
    "update_reservation_baggages": _baggage,
    "book_reservation": _booking,
    "exchange_delivered_order_items": _exchange,
    "modify_pending_order_items": _exchange,
}


def _now(policy: str) -> datetime | None:
    found = _NOW.search(policy)
    return datetime.fromisoformat(found[1]) if found is not None else None


def _details(case: FailedCase, tool: str, argument: str, value: str) -> Mapping[str, Any] | None:
    """Return the first result of a tool for one thing, before anything was changed."""
    return next((data for data in _objects(case, tool) if str(data.get(argument)) == value), None)


def _objects(case: FailedCase, tool: str) -> list[Mapping[str, Any]]:
    found: list[Mapping[str, Any]] = []
    for _, _, text in case.results_of(tool):
        try:
            data = json.loads(text)
        except (ValueError, RecursionError):
            continue
        if isinstance(data, dict):
            found.append(data)
    return found
