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
LOOKED_UP = ("get_order_details", {"order_id": "#W1"}, "{}")
LAMPS = ("get_product_details", {"product_id": "9"}, json.dumps({"variants": [
    {"item_id": "1111111", "options": {"color": "red"}}, {"item_id": "2222222", "options": {"color": "blue"}}]}))  # fmt: skip
ORDER = ("get_order_details", {"order_id": "#W1"}, json.dumps({"order_id": "#W1", "items": [
    {"item_id": "1111111", "name": "Floor Lamp"}, {"item_id": "2222222", "name": "Tea Kettle"}]}))  # fmt: skip
RETURN_BOTH = {"name": "return_delivered_order_items", "arguments": {"order_id": "#W1", "item_ids": ["1111111", "2222222"]}}
RETURN_LAMP = {"name": "return_delivered_order_items", "arguments": {"order_id": "#W1", "item_ids": ["1111111"]}}
BLUE_LAMP = ("modify_pending_order_items", {"order_id": "#W1", "item_ids": ["5555555"], "new_item_ids": ["2222222"]}, "{}")
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
            BLUE_LAMP,
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
            ("cancel_pending_order", {"order_id": "#W1", "reason": "no longer needed"}, "{}"),
            "A: Done.",
            "U: ###STOP###",
            actions=(RED_LAMP,),
            scenario="You want to pay less.",
        ),
    ),
    "named other options than its scenario": (
        "user",
        said(
            "U: Another lamp for the one in #W1, please.",
            LAMPS,
            "A: It comes in red and in blue. Which colour?",
            "U: I would like the blue one.",
            "A: That is 2222222. Do you confirm?",
            "U: Yes.",
            BLUE_LAMP,
            "A: Done.",
            actions=(RED_LAMP,),
            scenario="You want a red lamp for a green one.",
        ),
    ),
    "asked for part of what its scenario wants": (
        "user",
        said(
            "U: I want to return something from #W1.",
            ORDER,
            "A: It holds a floor lamp and a tea kettle. Which of them?",
            "U: The floor lamp.",
            "A: I would return the floor lamp. Do you confirm?",
            "U: Yes.",
            ("return_delivered_order_items", {"order_id": "#W1", "item_ids": ["1111111"]}, "{}"),
            "A: Done.",
            actions=(RETURN_BOTH,),
            scenario="You want to return everything.",
        ),
    ),
    "asked for all where its scenario wants some": (
        "user",
        said(
            "U: I want to return all the items in #W1.",
            ORDER,
            "A: I would return the floor lamp and the tea kettle. Do you confirm?",
            "U: Yes.",
            ("return_delivered_order_items", RETURN_BOTH["arguments"], "{}"),
            "A: Done.",
            actions=(RETURN_LAMP,),
            scenario="You want to return the lamp.",
        ),
    ),
    "did not do what its scenario has for the confirmation": (
        "user",
        said(
            "U: Please exchange the lamp and the kettle.",
            "A: I would exchange 5555555 and 6666666 in #W1. Do you confirm?",
            "U: Yes.",
            ("modify_pending_order_items", {"order_id": "#W1", "item_ids": ["5555555", "6666666"], "new_item_ids": ["1111111", "8"]}, "{}"),
            "A: Done.",
            actions=(RED_LAMP,),
            scenario="You want both exchanged. When the agent asks for confirmation, change your mind and have only the lamp exchanged.",
        ),
    ),
    "took another remedy than its scenario": (
        "user",
        said(
            "U: A red lamp for the one in #W1, please.",
            "A: Red is not available. There is a blue one.",
            "U: Then the blue one.",
            "A: That is 2222222. Do you confirm?",
            "U: Yes.",
            BLUE_LAMP,
            "A: Done.",
            actions=({"name": "cancel_pending_order", "arguments": {"order_id": "#W1", "reason": "no longer needed"}},),
            scenario="You want a red lamp. If there is none, cancel the order.",
        ),
    ),
    "did not name what its scenario names": (
        "user",
        said(
            "U: Please cancel my order.",
            "A: You have one: #W7654321. Shall I cancel it as no longer needed?",
            "U: Yes.",
            ("cancel_pending_order", {"order_id": "#W7654321", "reason": "no longer needed"}, "{}"),
            "A: Done.",
        ),
    ),
    "turned down what its scenario wants": (
        "user",
        said(
            "U: Please change the lamp in #W1234567.",
            LOOKED_UP,
            "A: That is not possible. Would you like to cancel #W1234567 instead?",
            "U: No, I will keep it.",
            "A: All right.",
            "U: Bye. ###STOP###",
            scenario="You want another lamp. If that is not possible, cancel the order.",
        ),
    ),
    "named one more than the reference has": (
        "user",
        said(
            "U: Please cancel what I ordered.",
            "A: There are #W1234567 and #W7654321. Which of them?",
            "U: Both of the orders, no longer needed. Yes.",
            DONE,
            ("cancel_pending_order", {"order_id": "#W7654321", "reason": "no longer needed"}, "{}"),
            "A: Done.",
            scenario="You want to cancel order #W1234567.",
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
            "U: Yes, book it.",
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
    "which of two orders is no open choice": (
        "task",
        said(
            "U: Cancel my orders.",
            "A: There are #W1234567 and #W7654321. Which of them?",
            "U: #W7654321, no longer needed. Yes.",
            ("cancel_pending_order", {"order_id": "#W7654321", "reason": "no longer needed"}, "{}"),
            "A: Done.",
            scenario="You want to cancel what you ordered.",
        ),
    ),
    "a booking that could not be made as it was proposed": (
        "user",
        said(
            "U: Book it.",
            ("book_reservation", {"user_id": "u", "flights": []}, "Error: not found"),
            "A: Shall I book it again?",
            "U: Yes. ###STOP###",
            actions=({"name": "book_reservation", "arguments": {"user_id": "u"}},),
            scenario="You want to book a flight.",
        ),
    ),
    "how to pay, of which the scenario says nothing": (
        "user",
        said(
            "U: A red lamp, please.",
            "A: Which do you prefer, paypal_1234567 or gift_card_7654321?",
            "U: gift_card_7654321. Yes.",
            ("modify_pending_order_items", {**RED_LAMP["arguments"], "payment_method_id": "gift_card_7654321"}, "{}"),
            "A: Done.",
            actions=({"name": RED_LAMP["name"], "arguments": {**RED_LAMP["arguments"], "payment_method_id": "paypal_1234567"}},),
            scenario="You want a red lamp for a green one.",
        ),
    ),
    "who had named what the reference has": (
        "user",
        said(
            "U: Another lamp, please.",
            "A: There are 1111111 (red) and 2222222 (blue). Which one?",
            "U: I take 1111111.",
            "A: It costs too much for your card. There are 1111111 (red) and 2222222 (blue). Which one?",
            "U: Then 2222222. Yes.",
            BLUE_LAMP,
            "A: Done.",
            actions=(RED_LAMP,),
            scenario="You want a red lamp for a green one.",
        ),
    ),
    "a remedy beside something that the agent overlooked": (
        "user",
        said(
            "U: A red lamp for the one in #W1, please.",
            "A: Red is not available. There is a blue one.",
            "U: Then the blue one.",
            "A: That is 2222222. Do you confirm?",
            "U: Yes.",
            BLUE_LAMP,
            "A: Done.",
            actions=({"name": "cancel_pending_order", "arguments": {"order_id": "#W1", "reason": "no longer needed"}}, CANCEL),
            scenario="You want a red lamp. If there is none, cancel the order.",
        ),
    ),
    "who answers has not left without an answer": (
        "user",
        said("U: Hello.", ASKED, "U: I see, that is more than I had paid for it in the first place. ###STOP###"),
    ),
    "how the customer pays the agent can look up": (
        "user",
        said(
            "U: Another lamp, with credit_card_99.",
            ("modify_pending_order_items", {**RED_LAMP["arguments"], "payment_method_id": "credit_card_99"}, "Error: not found"),
            "A: No.",
            actions=({"name": RED_LAMP["name"], "arguments": {**RED_LAMP["arguments"], "payment_method_id": "paypal_1"}},),
        ),
    ),
    "who does not have it and was found": (
        "user",
        said(
            "U: Hello.",
            ("find_user_id_by_email", {"email": "x"}, "u"),
            "A: What is the order id?",
            "U: I don't have it.",
            "A: Then I cannot.",
            "U: ###STOP###",
        ),
    ),
    "who has an order cancelled that the agent had thought of": (
        "user",
        said(
            "U: Return the lamp, please.",
            "A: I could cancel #W7654321.",
            "U: Cancel it. Yes.",
            ("cancel_pending_order", {"order_id": "#W7654321", "reason": "no longer needed"}, "{}"),
            "A: Done.",
            actions=(RETURN_LAMP,),
            scenario="You want to return the lamp.",
        ),
    ),
    "an option that the agent proposed alone is not the user's": (
        "user",
        said(
            "U: Another lamp for the one in #W1, please.",
            LAMPS,
            "A: I would take the blue one, 2222222. Do you confirm?",
            "U: Yes, the blue one.",
            BLUE_LAMP,
            "A: Done.",
            actions=(RED_LAMP,),
            scenario="You want a red lamp for a green one.",
        ),
    ),
    "who asks for all as its scenario says": (
        "user",
        said(
            "U: I want to return all the items in #W1.",
            ORDER,
            "A: I would return the floor lamp and the tea kettle. Do you confirm?",
            "U: Yes.",
            ("return_delivered_order_items", RETURN_BOTH["arguments"], "{}"),
            "A: Done.",
            actions=(RETURN_LAMP,),
            scenario="You want to return all that can be returned.",
        ),
    ),
    "who was not told of the rest did not leave it out": (
        "user",
        said(
            "U: I want to return something from #W1.",
            ORDER,
            "A: It holds a floor lamp. Shall I return it?",
            "U: Yes, the floor lamp.",
            ("return_delivered_order_items", {"order_id": "#W1", "item_ids": ["1111111"]}, "{}"),
            "A: Done.",
            actions=(RETURN_BOTH,),
            scenario="You want to return everything.",
        ),
    ),
    "what was told is not left out at the confirmation": (
        "user",
        said(
            "U: Please exchange the lamp and the kettle.",
            "A: I would exchange 5555555 and 6666666 in #W1. Do you confirm?",
            "U: Only the lamp, please. Yes.",
            "A: All right, only 5555555.",
            "U: Yes.",
            ("modify_pending_order_items", {"order_id": "#W1", "item_ids": ["5555555", "6666666"], "new_item_ids": ["1111111", "8"]}, "{}"),
            "A: Done.",
            actions=(RED_LAMP,),
            scenario="You want both exchanged. When the agent asks for confirmation, change your mind and have only the lamp exchanged.",
        ),
    ),
    "who asks for the return that its scenario then wants": (
        "user",
        said(
            "U: A red lamp for the one in #W1, please.",
            "A: Red is not available. There is a blue one.",
            "U: Then cancel the order.",
            "A: I would rather take 2222222. Do you confirm?",
            "U: Yes.",
            BLUE_LAMP,
            "A: Done.",
            actions=({"name": "cancel_pending_order", "arguments": {"order_id": "#W1", "reason": "no longer needed"}},),
            scenario="You want a red lamp. If there is none, cancel the order.",
        ),
    ),
    "who said which number it means": (
        "user",
        said(
            "U: Please cancel my order #W1234567.",
            "A: You have #W7654321. Shall I cancel it as no longer needed?",
            "U: Yes.",
            ("cancel_pending_order", {"order_id": "#W7654321", "reason": "no longer needed"}, "{}"),
            "A: Done.",
        ),
    ),
    "who takes the offer that its scenario wants": (
        "user",
        said(
            "U: Please change the lamp in #W1234567.",
            LOOKED_UP,
            "A: That is not possible. Would you like to cancel #W1234567 instead?",
            "U: Yes, cancel it.",
            "A: All right.",
            "U: Bye. ###STOP###",
            scenario="You want another lamp. If that is not possible, cancel the order.",
        ),
    ),
    "who agrees to what the agent thought of": (
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
    "who is proposed both does not name one more": (
        "user",
        said(
            "U: Please cancel what I ordered.",
            "A: I would cancel #W1234567 and #W7654321, as no longer needed. Do you confirm?",
            "U: Yes.",
            DONE,
            ("cancel_pending_order", {"order_id": "#W7654321", "reason": "no longer needed"}, "{}"),
            "A: Done.",
            scenario="You want to cancel order #W1234567.",
        ),
    ),
    "no fact is nowhere if the scenario is not known": (
        "user",
        said(
            "U: It is order #W7654321.",
            ("cancel_pending_order", {"order_id": "#W7654321", "reason": "no longer needed"}, "Error: Order not found"),
            "A: No.",
            scenario="",
        ),
    ),
    "what the agent turned down it did not offer": (
        "user",
        said("U: Hello.", "A: Unfortunately I cannot cancel #W1234567. Would you like to know why?", "U: No. ###STOP###"),
    ),
    "an apostrophe of a word processor": (
        "user",
        said("U: Hello.", ASKED, "U: I don\u2019t want to proceed. Yes, I am sure. ###STOP###"),
    ),
    "an agent that offers the certificate does not decline it": (
        "task",
        said(
            "U: My flight was delayed.",
            DETAILS,
            "A: I can offer a certificate of $50. Would you like that?",
            "U: ###STOP###",
            actions=({"name": "send_certificate", "arguments": {"user_id": "u", "amount": 50}},),
            policy=AIRLINE,
            scenario="Your flight is delayed.",
        ),
    ),
    "a scenario that wants the original payment leaves nothing open": (
        "task",
        said(
            "U: Return the lamp in #W1, to my PayPal.",
            "A: I would return 1111111 to paypal_1234567. Do you confirm?",
            "U: Yes, to paypal_1234567.",
            ("return_delivered_order_items", {**RETURN_LAMP["arguments"], "payment_method_id": "paypal_1234567"}, "{}"),
            "A: Done.",
            actions=(
                {
                    "name": "return_delivered_order_items",
                    "arguments": {**RETURN_LAMP["arguments"], "payment_method_id": "credit_card_1234567"},
                },
            ),
            scenario="You want to return the lamp, and be paid back in the original way.",
        ),
    ),
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
            BLUE_LAMP,
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
            BLUE_LAMP,
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
        said("U: A lamp.", "A: I would take 2222222.", "U: Yes.", BLUE_LAMP, "A: Done.", actions=(RED_LAMP,)),
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


FLIGHT = {"reservation_id": "NQNU5R", "cabin": "economy", "flights": [{"flight_number": "HAT214", "date": "2024-05-20"}]}


def test_what_the_tool_does_not_look_at_is_no_difference(tmp_path: Path) -> None:
    priced = {**FLIGHT, "flights": [{"flight_number": "HAT214", "date": "2024-05-20", "price": 120}]}
    data = said(
        "U: Change it.",
        "A: To HAT214 in NQNU5R?",
        "U: Yes.",
        ("update_reservation_flights", priced, "{}"),
        "A: Done.",
        "U: ###STOP###",
        actions=({"name": "update_reservation_flights", "arguments": FLIGHT},),
    )
    assert fault_of(tmp_path, data)["fault"] == "unknown"


PROFILE = ("get_user_details", {"user_id": "u"}, json.dumps({"name": {"first_name": "Ann", "last_name": "Lee"}, "payment_methods": {
    "gift_card_1": {"source": "gift_card", "amount": 20}, "gift_card_2": {"source": "gift_card", "amount": 90}}}))  # fmt: skip
REFERENCES: dict[str, tuple[dict[str, Any], str, bool]] = {
    "a passenger whom nobody names": (
        {"name": "book_reservation", "arguments": {"user_id": "u", "passengers": [{"first_name": "Bo", "last_name": "Ray"}]}},
        "Book a flight.",
        True,
    ),
    "a passenger whom the scenario names": (
        {"name": "book_reservation", "arguments": {"user_id": "u", "passengers": [{"first_name": "Bo", "last_name": "Ray"}]}},
        "Book a flight for Bo Ray.",
        False,
    ),
    "another card than the scenario wants": (
        {"name": "update_reservation_flights", "arguments": {**FLIGHT, "payment_id": "gift_card_2"}},
        "Pay with the gift card with the smallest balance.",
        True,
    ),
    "the card that the scenario wants": (
        {"name": "update_reservation_flights", "arguments": {**FLIGHT, "payment_id": "gift_card_1"}},
        "Pay with the gift card with the smallest balance.",
        False,
    ),
}


@pytest.mark.parametrize("what", REFERENCES)
def test_a_reference_that_scenario_or_data_forbid(what: str, tmp_path: Path) -> None:
    action, scenario, wrong = REFERENCES[what]
    data = said("U: Hello.", PROFILE, "A: I cannot do that.", "U: ###STOP###", actions=(action,), policy=AIRLINE, scenario=scenario)
    assert (fault_of(tmp_path, data)["rule"] == "reference against the policy") is wrong
