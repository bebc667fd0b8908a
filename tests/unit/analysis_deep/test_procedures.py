"""Passes that should not pass: each check in a solved simulation that breaks the procedure, and in one that keeps to it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tau2_logging.analysis import LogAnalyzer
from tau2_logging.analysis.deep.attribution.procedures import PROCEDURES, procedure_breaches, procedure_counts
from tau2_logging.analysis.deep.reading.recorded import records
from tests.support.recordings import write
from tests.support.spoken import spoken

POLICY = "\n".join(check.rule for check in PROCEDURES)
FOUND = ("find_user_id_by_email", {"email": "a@b.c"}, "u_1")
ORDER = ("get_order_details", {"order_id": "#W1"}, '{"order_id": "#W1", "user_id": "u_1"}')
OTHER = ("get_order_details", {"order_id": "#W2"}, '{"order_id": "#W2", "user_id": "u_2"}')
CANCEL = ("cancel_pending_order", {"order_id": "#W1"}, '{"order_id": "#W1", "user_id": "u_1"}')
HAND_OVER = ("transfer_to_human_agents", {"summary": "x"}, "Transfer successful")
ACTIONS = ({"name": "get_order_details", "arguments": {"order_id": "#W1"}},)
SAYS = "U: I am u_1, cancel #W1."
ASKS = "A: I would cancel #W1, do you agree?"


def breaches(folder: Path, *lines: Any, policy: str = POLICY) -> set[str]:
    data = spoken(lines, ACTIONS, policy=policy, reward=1.0)
    return {row["check"] for row in records(procedure_breaches(LogAnalyzer(write(folder / "solved.json", data)).recorded))}


def test_one_that_keeps_to_the_procedure_breaks_none(tmp_path: Path) -> None:
    assert breaches(tmp_path, SAYS, FOUND, ORDER, ASKS, "U: Yes.", CANCEL, "A: Done.") == set()


@pytest.mark.parametrize(
    ("check", "lines"),
    [
        ("write without a yes", (SAYS, FOUND, ORDER, CANCEL, "A: Done.")),
        ("acted before authentication", (SAYS, ORDER, FOUND, ASKS, "U: Yes.", CANCEL, "A: Done.")),
        ("changed without the user id", ("U: Cancel #W1.", FOUND, ORDER, ASKS, "U: Yes.", CANCEL, "A: Done.")),
        ("transfer that was not needed", (SAYS, FOUND, ORDER, HAND_OVER, "A: I hand you over.")),
        ("data of another customer", (SAYS, FOUND, ORDER, OTHER, "A: Here they are.")),
    ],
)
def test_a_breach_is_found_and_nothing_else(check: str, lines: tuple[Any, ...], tmp_path: Path) -> None:
    assert breaches(tmp_path, *lines) == {check}


def test_a_customer_that_asks_for_a_human_may_have_one(tmp_path: Path) -> None:
    assert breaches(tmp_path, SAYS, FOUND, ORDER, "A: No.", "U: Then transfer me to a supervisor.", HAND_OVER) == set()
    assert breaches(tmp_path, SAYS, FOUND, ORDER, "A: No.", "U: Please don't let me be transferred.", HAND_OVER) != set()


def test_a_policy_without_the_rule_is_not_checked(tmp_path: Path) -> None:
    assert breaches(tmp_path, SAYS, ORDER, CANCEL, HAND_OVER, policy="Be kind.") == set()


def test_a_share_has_its_denominator(tmp_path: Path) -> None:
    data = spoken((SAYS, FOUND, ORDER, CANCEL, "A: Done."), ACTIONS, policy=POLICY, reward=1.0)
    rows = records(procedure_counts(LogAnalyzer(write(tmp_path / "solved.json", data)).recorded))
    assert {(row["check"], row["breached"], row["solved"]) for row in rows} >= {
        ("write without a yes", 1, 1),
        ("data of another customer", 0, 1),
    }
