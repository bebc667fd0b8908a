"""Whose fault a failed simulation is: each rule in a conversation in which it applies, and in ones that differ in one thing.

The conversations are those of tests/golden/attribution/conversations.txt, made by hand.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from tau2_logging.analysis.deep.attribution.attribute import FAULT_RULES
from tests.support.spoken import conversations, fault_of, spoken

TABLE = Path(__file__).resolve().parents[2] / "golden" / "attribution" / "conversations.txt"
APPLY, NOT, TURNS = ({title: (expected, data) for expected, title, data in conversations(TABLE, kind)} for kind in ("is", "not", "turn"))

CANCEL = {"name": "cancel_pending_order", "arguments": {"order_id": "#W1234567", "reason": "no longer needed"}}


@pytest.mark.parametrize("title", APPLY)
def test_a_rule_decides_the_conversation_that_it_is_made_for(title: str, tmp_path: Path) -> None:
    fault, data = APPLY[title]
    row = fault_of(tmp_path, data)
    assert (row["fault"], row["rule"]) == (fault, title.partition(" (")[0]), row["sentence"]


def test_there_is_a_conversation_for_every_rule() -> None:
    """But of faults that are injected (tests/integration/test_tool_faults.py) and of what an audit found (test_known_culprits.py): a
    conversation made by hand does not hold them."""
    elsewhere = {"fault on purpose", "task cannot be solved"}
    assert {rule.name for rule in FAULT_RULES} - elsewhere == {title.partition(" (")[0] for title in APPLY}


@pytest.mark.parametrize("why", NOT)
def test_nobody_is_accused_if_the_one_thing_is_different(why: str, tmp_path: Path) -> None:
    fault, data = NOT[why]
    assert fault_of(tmp_path, data)["fault"] != fault


@pytest.mark.parametrize("what", TURNS)
def test_the_turn_is_where_it_shows_first(what: str, tmp_path: Path) -> None:
    turn, data = TURNS[what]
    assert fault_of(tmp_path, data)["turn"] == int(turn)


def test_a_missing_write_alone_accuses_nobody(tmp_path: Path) -> None:
    looked_up = ("get_order_details", {"order_id": "#W1"}, "{}")
    row = fault_of(tmp_path, spoken(("U: Hello.", looked_up, "A: Bye.", "U: Thank you. ###STOP###"), [CANCEL]))
    assert (row["fault"], row["rule"], row["turn"], row["precision"]) == ("unknown", None, None, None)


def test_the_turn_is_the_message_and_a_second_candidate_is_of_another_fault(tmp_path: Path) -> None:
    row = fault_of(tmp_path, APPLY["hung up before the agent could act"][1])
    assert (row["turn"], row["second"]) == (2, None)
    row = fault_of(tmp_path, APPLY["withheld what the scenario says (before the agent declines what the policy forbids)"][1])
    assert (row["turn"], row["second"]) == (2, "task")


def test_a_sentence_holds_no_credential(tmp_path: Path) -> None:
    key = "sk-proj-" + "a1B2c3D4e5F6g7H8" * 2
    broken = {"reward": None, "termination_reason": "infrastructure_error", "info": {"note": f"Authorization: Bearer {key}"}}
    assert key not in str(fault_of(tmp_path, spoken(("U: Hi.",), [CANCEL], **broken))["sentence"])
    failed = spoken(("U: Hi.", "A: Hi."), [], info={"note": f"the judge failed with {key}"})
    assert key not in str(fault_of(tmp_path, failed)["sentence"])
