"""Whose fault a failed simulation is: each rule in a conversation in which it applies, and in one that differs in one thing."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tau2_logging.analysis.deep.attribution.attribute import FAULT_RULES
from tests.support.spoken import AIRLINE, RETAIL, fault_of, spoken

CANCEL = {"name": "cancel_pending_order", "arguments": {"order_id": "#W1234567", "reason": "no longer needed"}}
ASKED = "A: I would cancel order #W1234567, reason: no longer needed. Do you confirm?"
DONE = ("cancel_pending_order", CANCEL["arguments"], "{}")
FLOWN = {"reservation_id": "NQNU5R", "cabin": "business", "insurance": "no", "created_at": "2024-05-13T05:37:57",
         "flights": [{"flight_number": "HAT214", "date": "2024-05-13"}], "passengers": [{}, {}]}  # fmt: skip
DETAILS = ("get_reservation_details", {"reservation_id": "NQNU5R"}, json.dumps(FLOWN))
TO_CANCEL = {"name": "cancel_reservation", "arguments": {"reservation_id": "NQNU5R"}}
SAME = {"name": "exchange_delivered_order_items",
        "arguments": {"order_id": "#W1", "item_ids": ["11"], "new_item_ids": ["11"], "payment_method_id": "paypal_1"}}  # fmt: skip
RED_LAMP = {"name": "modify_pending_order_items", "arguments": {"order_id": "#W1", "item_ids": ["5555555"], "new_item_ids": ["1111111"]}}
WANTS = "You want to cancel order #W1234567. Your email is a.b77@example.com."


def said(*lines: Any, actions: Any = (CANCEL,), **more: Any) -> dict[str, Any]:
    return spoken(lines, list(actions), **{"scenario": WANTS, **more})


APPLY: dict[str, tuple[str, dict[str, Any]]] = {
    "hung up before the agent could act": ("user", said("U: Hello.", ASKED, "U: Yes, please do that. ###STOP###")),
    "left while the agent was asking": ("user", said("U: Hello.", ASKED, "U: What about the weather? ###TRANSFER###")),
    "fact that is nowhere": (
        "user",
        said(
            "U: It is order #W7654321.",
            ("cancel_pending_order", {"order_id": "#W7654321", "reason": "no longer needed"}, "Error: Order not found"),
            "A: No.",
        ),
    ),
    "named another of several": (
        "user",
        said(
            "U: Another lamp, please.",
            "A: There are 1111111 (red) and 2222222 (blue). Which one?",
            "U: I take 2222222. Yes.",
            ("modify_pending_order_items", {"order_id": "#W1", "item_ids": ["5555555"], "new_item_ids": ["2222222"]}, "{}"),
            "A: Done.",
            actions=(RED_LAMP,),
            scenario="You want a red lamp for a green one.",
        ),
    ),
    "named another value than its scenario": (
        "user",
        said(
            "U: Cancel it, I no longer need it.",
            "A: Shall I cancel #W1234567, as no longer needed?",
            "U: Yes.",
            ("cancel_pending_order", {"order_id": "#W1234567", "reason": "no longer needed"}, "{}"),
            "A: Done.",
            actions=({"name": "cancel_pending_order", "arguments": {"order_id": "#W1234567", "reason": "ordered by mistake"}},),
            scenario="You ordered it by mistake and want to cancel.",
        ),
    ),
    "has to be said word by word": (
        "task",
        said(
            "U: Cancel my order.",
            DONE,
            "A: It is cancelled.",
            "U: ###STOP###",
            actions=(),
            reward_breakdown={"COMMUNICATE": 0.0},
            communicate_checks=[{"info": "The agent said that all went well", "met": False}],
        ),
    ),
    "sum that nobody wanted": (
        "task",
        said(
            "U: Can some items be cancelled?",
            "A: Unfortunately not.",
            "U: Then leave it. ###STOP###",
            actions=(),
            scenario="If cancelling items is possible, do it. You want to know the total.",
            reward_breakdown={"COMMUNICATE": 0.0},
            communicate_checks=[{"info": "42.00", "met": False}],
        ),
    ),
    "had the whole order cancelled": (
        "user",
        said(
            "U: I cannot pay for all of it.",
            "A: I cannot remove one item. I could cancel the whole order, or change items.",
            "U: Yes, cancel the whole order.",
            ("cancel_pending_order", {"order_id": "#W7", "reason": "no longer needed"}, "{}"),
            "A: Done.",
            "U: ###STOP###",
            actions=(RED_LAMP,),
            scenario="You want to pay less.",
        ),
    ),
    "handed over": (
        "agent",
        said(
            "U: Cancel it.",
            ("get_order_details", {"order_id": "#W1"}, "{}"),
            ("transfer_to_human_agents", {"summary": "x"}, "ok"),
            "A: Bye.",
        ),
    ),
    "withheld what the scenario says": (
        "user",
        said("U: Hello.", "A: What is the order id?", "U: I would rather not say.", "A: Then I cannot.", "U: ###STOP###"),
    ),
    "took back the request": ("user", said("U: Hello.", ASKED, "U: I changed my mind, leave it.", "A: All right.", "U: Bye. ###STOP###")),
    "had something else done": (
        "user",
        said(
            "U: Look it up.",
            "A: I can book it. Do you agree?",
            "U: Yes.",
            ("book_reservation", {"user_id": "u"}, "{}"),
            "A: Done.",
            actions=(),
            scenario="You want a seat.",
        ),
    ),
    "played the agent": ("user", said("U: How can I help you today?", "A: I am the agent.", "U: Fine. ###STOP###")),
    "reference against the policy": (
        "task",
        said(
            "U: Cancel NQNU5R.",
            DETAILS,
            "A: It was flown, I cannot.",
            "U: ###STOP###",
            actions=(TO_CANCEL,),
            policy=AIRLINE,
            scenario="Cancel NQNU5R.",
        ),
    ),
    "reference pays without the change": (
        "task",
        said(
            "U: My flight was delayed.",
            "A: Change it first?",
            "U: Yes.",
            ("update_reservation_flights", {"reservation_id": "AAAAA1"}, "{}"),
            ("send_certificate", {"user_id": "u", "amount": 50}, "ok"),
            "A: Done.",
            "U: ###STOP###",
            actions=({"name": "send_certificate", "arguments": {"user_id": "u", "amount": 50}},),
            policy=AIRLINE,
            scenario="Your flight is delayed.",
        ),
    ),
    "choice left open": (
        "task",
        said(
            "U: Cancel #W1234567, ordered by mistake.",
            ASKED,
            "U: Yes.",
            ("cancel_pending_order", {"order_id": "#W1234567", "reason": "ordered by mistake"}, "{}"),
            "A: Done.",
        ),
    ),
    "tool broke": ("tools", said("U: Hi.", ("cancel_pending_order", CANCEL["arguments"], "Error: connection timed out"), "A: Sorry.")),
    "results contradict each other": (
        "tools",
        said(
            "U: Hi.",
            ("get_order_details", {"order_id": "#W1"}, "{}"),
            ("get_order_details", {"order_id": "#W1"}, '{"a": 1}'),
            "A: Sorry.",
            scenario="",
        ),
    ),
    "judge failed": ("judge", said("U: Hi.", "A: Hi.", actions=(), info={"note": "the judge failed to answer"})),
    "other number of verdicts": (
        "judge",
        said(
            "U: Hi.",
            "A: Hi.",
            actions=(),
            reward_breakdown={"NL_ASSERTION": 0.0},
            nl_expected=["a", "b"],
            nl_assertions=[{"nl_assertion": "a", "met": True}],
        ),
    ),
    "verdict without a reason": (
        "judge",
        said(
            "U: Hi.",
            "A: Hi.",
            actions=(),
            reward_breakdown={"NL_ASSERTION": 0.0},
            nl_assertions=[{"nl_assertion": "a", "met": False, "justification": ""}],
        ),
    ),
    "verdict against its own words": (
        "judge",
        said(
            "U: Hi.",
            "A: Hi.",
            actions=(),
            reward_breakdown={"NL_ASSERTION": 0.0},
            nl_assertions=[{"nl_assertion": "a", "met": False, "justification": "The agent did it; the expectation is met."}],
        ),
    ),
    "ended by an error or a timeout": ("infrastructure", said("U: Hi.", reward=None, termination_reason="infrastructure_error")),
    "wrote before the customer agreed": (
        "agent",
        said("U: Hello.", ("cancel_pending_order", {"order_id": "#W9", "reason": "x"}, "{}"), "A: Done."),
    ),
    "information not given": (
        "agent",
        said("U: Hi.", "A: Bye.", actions=(), reward_breakdown={"COMMUNICATE": 0.0}, communicate_checks=[{"info": "42", "met": False}]),
    ),
    "other arguments": (
        "agent",
        said(
            "U: Cancel #W1234567.",
            ASKED,
            "U: Yes.",
            ("cancel_pending_order", {"order_id": "#W1234568", "reason": "no longer needed"}, "{}"),
            "A: Done.",
        ),
    ),
    "made no call": ("agent", said("U: Cancel my order.", "A: That is done.", "U: Thank you. ###STOP###", scenario="Cancel it.")),
    "gave up after its own error": (
        "agent",
        said("U: Hi.", ("cancel_pending_order", {"order": "1"}, "Error: unexpected keyword argument"), "A: Sorry.", scenario=""),
    ),
    "model broke off or went round in circles": (
        "agent",
        said("U: Hi.", DONE, actions=(), reward_breakdown={}, termination_reason="too_many_errors"),
    ),
    "extra change": (
        "agent",
        said(
            "U: Hi.", ASKED, "U: Yes.", DONE, "A: More?", "U: Yes.", ("modify_pending_order_address", {"order_id": "#W2"}, "{}"), "A: Done."
        ),
    ),
}


@pytest.mark.parametrize("rule", APPLY)
def test_a_rule_decides_the_conversation_that_it_is_made_for(rule: str, tmp_path: Path) -> None:
    fault, data = APPLY[rule]
    row = fault_of(tmp_path, data)
    assert (row["fault"], row["rule"]) == (fault, rule), row["sentence"]


def test_there_is_a_conversation_for_every_rule() -> None:
    """But of faults that are injected (tests/integration/test_tool_faults.py) and of what an audit found (test_known_culprits.py): a
    conversation made by hand does not hold them."""
    elsewhere = {"fault on purpose", "task cannot be solved"}
    assert {rule.name for rule in FAULT_RULES} - elsewhere == set(APPLY)


NOT: dict[str, tuple[str, dict[str, Any]]] = {
    "who declines what was proposed has not hung up": (
        "user",
        said("U: Hello.", ASKED, "U: I won't go ahead with that, thanks. ###STOP###"),
    ),
    "who takes the only thing that was proposed has not chosen": (
        "user",
        said(
            "U: Another lamp, please.",
            "A: There are 1111111 (red) and 2222222 (blue). Would you like to proceed with 2222222, which is in stock? Tell me which one.",
            "U: I take 2222222. Yes.",
            ("modify_pending_order_items", {"order_id": "#W1", "item_ids": ["5555555"], "new_item_ids": ["2222222"]}, "{}"),
            "A: Done.",
            actions=(RED_LAMP,),
            scenario="You want a red lamp for a green one.",
        ),
    ),
    "who chooses does not answer for what was not told": (
        "user",
        said(
            "U: Another lamp, please.",
            "A: There are 1111111 (red) and 2222222 (blue). Which one?",
            "U: I take 2222222. Yes.",
            ("modify_pending_order_items", {"order_id": "#W1", "item_ids": ["5555555"], "new_item_ids": ["2222222"]}, "{}"),
            "A: Done.",
            actions=(RED_LAMP,),
            scenario="You want a red lamp for a green one.",
            reward_breakdown={"DB": 0.0, "COMMUNICATE": 0.0},
            communicate_checks=[{"info": "42", "met": False}],
        ),
    ),
    "the agent had acted before the user left": (
        "user",
        said("U: Hello.", "A: Do you confirm #W1234567?", "U: Yes.", DONE, "A: Done.", "U: Yes. ###STOP###"),
    ),
    "a fact of the scenario is not invented": (
        "user",
        said(
            "U: It is order #W7654321.",
            ("cancel_pending_order", {"order_id": "#W7654321", "reason": "x"}, "Error: Order not found"),
            "A: No.",
            scenario="Your order is #W7654321.",
        ),
    ),
    "a change of mind that the scenario asks for": (
        "user",
        said(
            "U: Hello.",
            ASKED,
            "U: I changed my mind.",
            "A: All right.",
            "U: ###STOP###",
            scenario="You want to cancel, then change your mind.",
        ),
    ),
    "a reason that the agent proposes is not the user's": (
        "user",
        said(
            "U: Cancel it.",
            "A: Shall I cancel #W1234567 as no longer needed?",
            "U: Yes, I no longer need it.",
            ("cancel_pending_order", {"order_id": "#W1234567", "reason": "no longer needed"}, "{}"),
            "A: Done.",
            actions=({"name": "cancel_pending_order", "arguments": {"order_id": "#W1234567", "reason": "ordered by mistake"}},),
            scenario="You ordered it by mistake and want to cancel.",
        ),
    ),
    "an agent that asks whether there is anything else asks for nothing": (
        "user",
        said("U: Hello.", "A: #W1234567 cannot be cancelled. Is there anything else I can assist you with?", "U: No. Thanks. ###STOP###"),
    ),
    "a scenario that wants the order cancelled": (
        "user",
        said(
            "U: I cannot pay for all of it.",
            "A: I cannot remove one item. I could cancel the whole order.",
            "U: Yes, cancel the whole order.",
            ("cancel_pending_order", {"order_id": "#W7", "reason": "no longer needed"}, "{}"),
            "A: Done.",
            "U: ###STOP###",
            actions=(RED_LAMP,),
            scenario="If it cannot be paid, cancel the order.",
        ),
    ),
    "a wrong zip code that was put right": (
        "user",
        said(
            "U: My zip code is 90210.",
            ("find_user_id_by_name_zip", {"zip": "90210"}, "Error: User not found"),
            "A: And your email?",
            "U: a.b77@example.com",
            ("find_user_id_by_email", {"email": "a.b77@example.com"}, "u_1"),
            "A: I cannot cancel it.",
            "U: Bye. ###STOP###",
        ),
    ),
    "what the customer chose was refused": (
        "task",
        said(
            "U: Cancel #W1234567, ordered by mistake.",
            ASKED,
            "U: Yes.",
            ("cancel_pending_order", {"order_id": "#W1234567", "reason": "ordered by mistake"}, "Error: Non-pending order"),
            "A: No.",
        ),
    ),
    "a sum that the customer asks for": (
        "task",
        said(
            "U: Can some items be cancelled, and how much do I get back?",
            "A: Unfortunately not.",
            "U: Then leave it. ###STOP###",
            actions=(),
            scenario="If cancelling items is possible, do it. You want to know the total.",
            reward_breakdown={"COMMUNICATE": 0.0},
            communicate_checks=[{"info": "42.00", "met": False}],
        ),
    ),
    "a few words that have to be told": (
        "task",
        said(
            "U: Cancel my order.",
            DONE,
            "A: It is cancelled.",
            "U: ###STOP###",
            actions=(),
            reward_breakdown={"COMMUNICATE": 0.0},
            communicate_checks=[{"info": "20 hours", "met": False}],
        ),
    ),
    "a wrong order number that was put right": (
        "user",
        said(
            "U: It is order #W7654321.",
            ("get_order_details", {"order_id": "#W7654321"}, "Error: Order not found"),
            "A: There is #W1234567.",
            "U: That one.",
            ("get_order_details", {"order_id": "#W1234567"}, "{}"),
            "A: I will wait.",
            "U: Bye. ###STOP###",
        ),
    ),
    "who has one item cancelled does not have the order cancelled": (
        "user",
        said(
            "U: Cancel just the lamp, please.",
            "A: Shall I cancel #W7?",
            "U: Yes, the lamp.",
            ("cancel_pending_order", {"order_id": "#W7", "reason": "no longer needed"}, "{}"),
            "A: Done.",
            "U: ###STOP###",
            actions=(RED_LAMP,),
        ),
    ),
    "a policy without the rule forbids nothing": (
        "task",
        said(
            "U: Cancel NQNU5R.",
            DETAILS,
            "A: I cannot.",
            "U: ###STOP###",
            actions=(TO_CANCEL,),
            policy="Be kind.",
            scenario="Cancel NQNU5R.",
        ),
    ),
    "an agent that also wrote something else is not innocent": (
        "task",
        said(
            "U: Cancel NQNU5R.",
            DETAILS,
            "A: Or AAAAA1?",
            "U: Yes.",
            ("cancel_reservation", {"reservation_id": "AAAAA1"}, "{}"),
            "A: Done.",
            "U: ###STOP###",
            actions=(TO_CANCEL,),
            policy=AIRLINE,
            scenario="Cancel NQNU5R.",
        ),
    ),
    "a refusal is no broken tool": (
        "tools",
        said("U: Hi.", ("cancel_pending_order", CANCEL["arguments"], "Error: Non-pending order cannot be cancelled"), "A: No."),
    ),
    "a read after a write may differ": (
        "tools",
        said(
            "U: Hi.",
            "A: Sure?",
            "U: Yes.",
            ("get_order_details", {"order_id": "#W1"}, "{}"),
            ("cancel_pending_order", {"order_id": "#W1234567", "reason": "y"}, "{}"),
            ("get_order_details", {"order_id": "#W1"}, '{"a": 1}'),
            "A: Done.",
        ),
    ),
    "a reasoned verdict is believed": (
        "judge",
        said(
            "U: Hi.",
            "A: Hi.",
            actions=(),
            reward_breakdown={"NL_ASSERTION": 0.0},
            nl_assertions=[{"nl_assertion": "a", "met": False, "justification": "The expectation is not met: the agent never said it."}],
        ),
    ),
    "an agent's malformed reply is no outage": ("infrastructure", said("U: Hi.", termination_reason="agent_error")),
}


@pytest.mark.parametrize("why", NOT)
def test_nobody_is_accused_if_the_one_thing_is_different(why: str, tmp_path: Path) -> None:
    fault, data = NOT[why]
    assert fault_of(tmp_path, data)["fault"] != fault


def test_a_missing_write_alone_accuses_nobody(tmp_path: Path) -> None:
    looked_up = ("get_order_details", {"order_id": "#W1"}, "{}")
    row = fault_of(tmp_path, said("U: Hello.", looked_up, "A: Bye.", "U: Thank you. ###STOP###"))
    assert (row["fault"], row["rule"], row["turn"], row["precision"]) == ("unknown", None, None, None)


def test_the_turn_is_the_message_and_a_second_candidate_is_of_another_fault(tmp_path: Path) -> None:
    row = fault_of(tmp_path, APPLY["hung up before the agent could act"][1])
    assert (row["turn"], row["second"]) == (2, None)
    both = said("U: Hi.", ("cancel_pending_order", {"order_id": "#W1234567", "reason": "ordered by mistake"}, "{}"), "A: Done.",
                "U: by mistake", actions=(SAME,), policy=RETAIL)  # fmt: skip
    assert fault_of(tmp_path, both)["fault"] == "agent"


def test_a_sentence_holds_no_credential(tmp_path: Path) -> None:
    key = "sk-proj-" + "a1B2c3D4e5F6g7H8" * 2
    row = fault_of(
        tmp_path, said("U: Hi.", reward=None, termination_reason="infrastructure_error", info={"note": f"Authorization: Bearer {key}"})
    )
    assert key not in str(row["sentence"])
    failed = said("U: Hi.", "A: Hi.", actions=(), info={"note": f"the judge failed with {key}"})
    assert key not in str(fault_of(tmp_path, failed)["sentence"])


TOLD = {"reward_breakdown": {"COMMUNICATE": 0.0}, "actions": ()}
LOOKED_UP = ("get_order_details", {"order_id": "#W1"}, "{}")
OTHER_LAMP = ("modify_pending_order_items", {"order_id": "#W1", "item_ids": ["5555555"], "new_item_ids": ["2222222"]}, "{}")
TURNS: dict[str, tuple[int, dict[str, Any]]] = {
    "the sum that is wrong, not the farewell": (
        3,
        said(
            "U: How much?",
            LOOKED_UP,
            "A: $1938.05.",
            "U: Thanks.",
            LOOKED_UP,
            "A: Bye.",
            communicate_checks=[{"info": "1939.05", "met": False}],
            **TOLD,
        ),
    ),
    "the answer after the last call of the agent, if no number is near": (
        3,
        said(
            "U: How much?",
            LOOKED_UP,
            "A: It is done.",
            "U: Thanks.",
            "A: Bye.",
            communicate_checks=[{"info": "19.05", "met": False}],
            **TOLD,
        ),
    ),
    "the proposal that first names the wrong item, not the call": (
        1,
        said("U: A lamp.", "A: I would take 2222222.", "U: Yes.", OTHER_LAMP, "A: Done.", actions=(RED_LAMP,)),
    ),
    "the first of several invented numbers, with or without its sign": (
        0,
        said(
            "U: It is W7654321.",
            ("cancel_pending_order", {"order_id": "#W7654321", "reason": "x"}, "Error: Order not found"),
            "A: No.",
            "U: Then #W7654322.",
            ("cancel_pending_order", {"order_id": "#W7654322", "reason": "x"}, "Error: Order not found"),
            "A: No.",
        ),
    ),
}


@pytest.mark.parametrize("what", TURNS)
def test_the_turn_is_where_it_shows_first(what: str, tmp_path: Path) -> None:
    turn, data = TURNS[what]
    assert fault_of(tmp_path, data)["turn"] == turn


def test_an_invented_address_is_a_fact_that_is_nowhere(tmp_path: Path) -> None:
    moved = {"user_id": "u", "address1": "12 Elm Street", "city": "Reno"}
    data = said(
        "U: My new address is 99 Oak Road.",
        ("modify_user_address", {**moved, "address1": "99 Oak Road"}, "{}"),
        "A: Done.",
        actions=({"name": "modify_user_address", "arguments": moved},),
        scenario="Your new address is in your orders.",
    )
    assert fault_of(tmp_path, data)["rule"] == "fact that is nowhere"


def test_a_tool_of_the_user_is_no_act_of_the_agent(tmp_path: Path) -> None:
    data = said("U: Hello.", ASKED, ("may_i_stop", {}, "yes"), "U: Yes, please do that. ###STOP###")
    data["simulations"][0]["messages"][2] |= {"role": "user"}
    assert fault_of(tmp_path, data)["rule"] == "hung up before the agent could act"


def test_an_agent_that_offers_a_human_and_is_left_has_handed_over(tmp_path: Path) -> None:
    data = said("U: Cancel it.", LOOKED_UP, "A: Shall I transfer you to a human agent?", "U: Yes. ###TRANSFER###")
    assert fault_of(tmp_path, data)["rule"] == "handed over"


def test_items_that_were_proposed_without_their_order_were_proposed(tmp_path: Path) -> None:
    proposed = ("U: A lamp.", "A: I would exchange it for 1111111 (red). Do you confirm?", "U: Yes. ###STOP###")
    assert fault_of(tmp_path, said(*proposed, actions=(RED_LAMP,)))["rule"] == "hung up before the agent could act"
