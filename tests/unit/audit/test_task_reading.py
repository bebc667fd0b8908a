"""What reading a task beside its databases finds, and what it does not accuse."""

from __future__ import annotations

from typing import Any

import pytest

from tau2_logging.audit.policy_reading import against_policy
from tau2_logging.audit.task_reading import TaskReader, looks_like
from tau2_logging.runner.harness.conversation_replay import ReplayAnswer, ReplayCall

USERS = {f"mia_li_{number}": {"zip": f"1000{number}", "saved": []} for number in range(4)}
PASSENGER = {"first_name": "Mia", "last_name": "Li", "dob": "1990-04-05"}
DATABASE = {"users": USERS, "orders": {"#W123": {"items": [{"price": 10.5}, {"price": 2.25}]}}, "people": [PASSENGER]}
STATE = ("", "")


def found(
    text: str = "", says: tuple[str, ...] = (), answer: str = "{}", tool: str = "book", start: str = "", **arguments: Any
) -> dict[str, str]:  # fmt: skip
    """What is found of a task with one write."""
    call = ReplayCall("assistant", tool, arguments)
    reader = TaskReader([DATABASE], "Reasons: no longer needed.")
    hints = reader.findings(text, [call], [True], [ReplayAnswer(answer, False, STATE, STATE)], says, start)
    return {hint.kind: hint.evidence for hint in hints}


def test_identifiers_that_look_alike_have_one_shape() -> None:
    assert looks_like("noah_muller_9847") == looks_like("mia_li_3668") != looks_like("mia_li_36")
    assert looks_like("HAT001") == looks_like("4WQ150") != looks_like("HAT0012")


@pytest.mark.parametrize(
    "text", ["I am mia_li_2.", "My zip is 10003.", "It was in 2024 for 12345 dollars", "mia_li_later", "at 10:30 on 2024-05-16"]
)
def test_a_text_is_not_accused_for_what_a_database_has_or_what_is_no_identifier(text: str) -> None:
    known = found(text)
    assert known == ({"text_id_unknown": "12345 is in no database"} if "12345" in text else {})


def test_an_identifier_of_the_text_that_no_database_has_is_found() -> None:
    assert found("I am mia_li_9, call me.") == {"text_id_unknown": "mia_li_9 is in no database"}
    assert found("I am mia_li_9, call me.", start='{"users": {"mia_li_9": {}}}') == {}


@pytest.mark.parametrize(
    ("arguments", "kind"),
    [
        ({"user": "mia_li_9"}, "reference_id_unknown"),
        ({"order_id": "#9502126"}, "reference_id_unknown"),
        ({"born": "1985-04-04"}, "argument_untold"),
        ({"name": "Evelyn"}, "argument_untold"),
        ({"passengers": [{**PASSENGER, "last_name": "Wu"}]}, "record_mismatch"),
    ],
)
def test_an_argument_that_nobody_tells_is_found(arguments: dict[str, Any], kind: str) -> None:
    assert kind in found("Wu wants to fly", **arguments)


@pytest.mark.parametrize(
    "arguments",
    [
        {"user": "mia_li_1"}, {"reason": "no longer needed"}, {"name": "Evelyn Told"}, {"amount": 17}, {"passengers": [PASSENGER]},
        {"summary": "My own words"}, {"passengers": [{**PASSENGER, "last_name": "Told"}]},
    ],
)  # fmt: skip
def test_an_argument_that_is_known_or_told_is_not_accused(arguments: dict[str, Any]) -> None:
    """A name that is changed is told with the old one."""
    assert found("I am Evelyn Told, and Li is to be Told", **arguments) == {}


@pytest.mark.parametrize("said", ["10.50", "12.75", "8.25", "99.99", "polyester", "7"])
def test_an_amount_that_is_an_answer_a_sum_or_a_difference_is_not_accused(said: str) -> None:
    answer = '{"items": [{"price": 10.5}, {"price": 2.25}]}'
    assert ("amount_unexplained" in found(says=(said,), answer=answer)) == (said == "99.99")


def test_a_result_of_a_calculation_that_is_not_said_is_found() -> None:
    assert "calculated_not_said" in found(says=("10.50",), answer="41.92", tool="calculate", expression="52.42 - 10.50")
    assert found(says=("10.50",), answer="-10.5", tool="calculate", expression="0 - 10.50") == {}


POLICY = (
    "Basic economy flights cannot be modified. Other reservations can be modified without changing the origin, destination, and trip type."
)
RESERVATION = (
    '{"reservation_id": "R1", "user_id": "u", "origin": "DTW", "destination": "LGA", "flight_type": "round_trip", "cabin": "economy", '
    '"flights": [{"flight_number": "F1", "date": "d", "origin": "DTW", "destination": "LGA"},'
    ' {"flight_number": "F2", "date": "d", "origin": "LGA", "destination": "DTW"}]}'
)
FLIGHTS = '[{"flight_number": "F3", "origin": "DTW", "destination": "JFK"}, {"flight_number": "F4", "origin": "JFK", "destination": "DTW"}]'


def changes(*numbers: str, cabin: str = "economy", reservation: str = RESERVATION) -> list[str]:
    """What the policy says of these flights for a reservation."""
    flights = [{"flight_number": number, "date": "d"} for number in numbers]
    call = ReplayCall("assistant", "update_reservation_flights", {"reservation_id": "R1", "cabin": cabin, "flights": flights})

    def look(tool: str, _: Any) -> str | None:
        return reservation if tool == "get_reservation_details" else None

    return [one.evidence for one in against_policy(POLICY, "", [call], ["{}"], look, FLIGHTS)]


def test_a_reference_that_flies_elsewhere_is_against_the_policy() -> None:
    assert changes("F1", "F2", cabin="business") == []
    assert changes("F3", "F4") == ["the reference no longer flies R1 from DTW to LGA: the policy forbids it"]
    assert changes("F1", "F9") == []  # where F9 flies is not known


def test_flights_of_basic_economy_are_not_changed() -> None:
    basic = RESERVATION.replace('"economy"', '"basic_economy"')
    assert changes("F1", "F4", cabin="basic_economy", reservation=basic)[0].endswith("stays basic economy: the policy forbids it")
    assert changes("F1", "F2", cabin="basic_economy", reservation=basic) == []
