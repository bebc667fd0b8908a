"""Kinds of errors and causes of failure, rule by rule."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pandas as pd
import pytest

from tau2_logging.analysis.deep import root_causes
from tau2_logging.analysis.deep.reading.known_tools import TYPES, known_type
from tau2_logging.analysis.deep.table_kinds import TABLES
from tau2_logging.analysis.deep.tool_calls import taxonomy
from tests.support.recordings import action, call, recorded, simulation, task

TEXTS = {
    "Error: Tool 'get_order_details_now' not found.": taxonomy.HALLUCINATED_TOOL,
    "Error: User tool calls are not allowed in solo mode": taxonomy.HALLUCINATED_TOOL,
    "Error: RetailTools.get_order_details() got an unexpected keyword argument 'x'": taxonomy.SCHEMA,
    "Error: RetailTools.cancel_pending_order() missing 1 required positional argument: 'reason'": taxonomy.SCHEMA,
    "Error: 1 validation error for FlightInfo\ndate\n  Field required": taxonomy.SCHEMA,
    "Error: Invalid reason": taxonomy.SCHEMA,
    "Error: 'str' object has no attribute 'items'": taxonomy.SCHEMA,
    "Error: Order not found": taxonomy.UNKNOWN_ENTITY,
    "Error: New item 42 not found or available": taxonomy.UNKNOWN_ENTITY,
    "Error: 'credit_card_1'": taxonomy.UNKNOWN_ENTITY,
    "Error: Non-pending order cannot be modified": taxonomy.PRECONDITION,
    "Error: Gift card balance is not enough": taxonomy.PRECONDITION,
    "Error: Line must be suspended to resume": taxonomy.PRECONDITION,
    "Error: Flight HAT1 not available on date 2024-05-01": taxonomy.PRECONDITION,
    "Error: Certificate cannot be used to update reservation": taxonomy.POLICY,
    "Error: Payment method should be the original payment method": taxonomy.POLICY,
    "Error: The number of items to be exchanged should match.": taxonomy.POLICY,
    "Error: Expecting ',' delimiter: line 1 column 5 (char 4)": taxonomy.MALFORMED,
    "Error: the dog ate it": taxonomy.OTHER,
    "": taxonomy.OTHER,
}


@pytest.mark.parametrize("text", TEXTS)
def test_an_error_is_of_the_kind_that_its_text_says(text: str) -> None:
    assert taxonomy.kind_of_error(text) == TEXTS[text]


def test_an_entity_asked_for_with_a_value_of_the_wrong_type_is_a_schema_violation() -> None:
    """Where the events say so; a domain's own rule stays a rule."""
    call = {"error_text": "Error: Customer with ID ['C1001'] not found", "wrong_type": ["customer_id"], "missing": []}
    assert taxonomy.kind_of_failure(call) == taxonomy.SCHEMA
    assert taxonomy.kind_of_failure({**call, "wrong_type": []}) == taxonomy.UNKNOWN_ENTITY
    assert taxonomy.kind_of_failure({"error_text": call["error_text"], "wrong_type": None}) == taxonomy.UNKNOWN_ENTITY
    assert taxonomy.kind_of_failure({**call, "error_text": "Error: Certificate cannot be used"}) == taxonomy.POLICY


def test_every_text_of_tau2s_tools_has_a_kind() -> None:
    """The messages that tau2's tools raise, read from their source: at most one in twenty fits no rule."""
    import ast
    import inspect
    from importlib import import_module

    pytest.importorskip("tau2.registry", reason="tau2 is not installed")
    texts = set()
    for domain in ("airline", "retail", "telecom", "mock"):
        tree = ast.parse(inspect.getsource(import_module(f"tau2.domains.{domain}.tools")))
        for node in ast.walk(tree):
            if isinstance(node, ast.Raise) and isinstance(node.exc, ast.Call) and node.exc.args:
                value = node.exc.args[0]
                parts = value.values if isinstance(value, ast.JoinedStr) else [value]
                texts.add("".join(str(part.value) if isinstance(part, ast.Constant) else "42" for part in parts))
    assert len(texts) > 40
    other = [text for text in texts if taxonomy.kind_of_error(f"Error: {text}") == taxonomy.OTHER]
    assert len(other) <= len(texts) / 20, other


def test_the_types_of_tau2_s_own_tools_are_those_of_the_installed_tau2() -> None:
    registry = pytest.importorskip("tau2.registry", reason="tau2 is not installed").registry
    for domain, types in TYPES.items():
        environment = registry.get_env_constructor(domain)()
        toolkits = [toolkit for toolkit in (environment.tools, environment.user_tools) if toolkit is not None]
        assert types == {name: str(toolkit.tool_type(name).value) for toolkit in toolkits for name in toolkit.tools}, domain
    assert known_type("retail_enhanced", "get_user_details") == "read"
    assert known_type("telecom-workflow", "refuel_data") == "write"
    assert known_type("mine", "get_user_details") is known_type("retail", "mine") is None


CANCEL = action("cancel", order_id="#1")
REFUSED = "Error: Non-pending order cannot be cancelled"
CASES = {
    "loop": ([call("look", order_id="#1")] * 4, {"termination_reason": "max_steps"}, "look 4 times in a row"),
    "too many errors": ([call("look", error="Error: x")], {"termination_reason": "too_many_errors"}, "the last: Error: x"),
    "out of steps": ([call("look")], {"termination_reason": "max_steps"}, "1 calls"),
    "transferred to a human": ([call("transfer_to_human_agents")], {}, "call 1, and cancel was not made"),
    "wrong arguments": ([call("cancel", order_id="#2")], {}, 'cancel: order_id: wanted "#1", given "#2"'),
    "action not attempted": ([], {}, "cancel was never called"),
    "action failed": ([call("cancel", error=REFUSED, order_id="#1")], {}, REFUSED),
    "information not given": ([call("cancel", order_id="#1")], {"communicate_checks": [{"info": "54.04", "met": False}]}, "54.04"),
    "extra change": ([call("cancel", order_id="#1")], {"parts": {"DB": 0.0}}, "the database still differs"),
    "no usable reply": ([], {"termination_reason": "agent_error"}, "agent_error"),
    "not scored": ([], {"termination_reason": "infrastructure_error", "reward_info": None}, "infrastructure_error"),
    "unknown": ([call("cancel", order_id="#1")], {}, "None"),
}


@pytest.mark.parametrize("cause", CASES)
def test_a_failed_simulation_gets_the_cause_that_its_record_shows(cause: str, tmp_path: Path) -> None:
    calls, more, evidence = CASES[cause]
    found = root_causes.root_causes(recorded(tmp_path, [task("0", CANCEL)], [simulation("0", 0, calls, reward=0.0, **more)]))
    [row] = found.to_dict("records")
    assert row["cause"] == cause
    assert evidence in str(row["evidence"])


def test_what_a_solved_simulation_went_without_is_not_why_another_failed(tmp_path: Path) -> None:
    """One action was refused and one not made in both trials; the one that differs is the cause."""
    wanted = task("0", action("look", order_id="#1"), action("cancel", order_id="#1"), action("pay", amount=5))
    refused = call("look", error="Error: Order not found", order_id="#1")
    runs = [simulation("0", 0, [refused, call("pay", amount=5)]), simulation("0", 1, [refused, call("pay", amount=6)], reward=0.0)]
    [row] = root_causes.root_causes(recorded(tmp_path, [wanted], runs)).to_dict("records")
    assert (row["cause"], row["evidence"]) == ("wrong arguments", "pay: amount: wanted 5, given 6")


def test_a_cause_lies_in_a_part_of_the_reward_that_was_lost(tmp_path: Path) -> None:
    """The database was right: a missing action did not cost the reward, what was not said did; and no check that does not count."""
    said = [{"info": "54.04", "met": False}]
    asked = {"parts": {"DB": 1.0, "COMMUNICATE": 0.0}, "communicate_checks": said}
    for more, cause in ((asked, "information not given"), ({**asked, "parts": {"DB": 0.0, "COMMUNICATE": 1.0}}, "action not attempted")):
        [row] = root_causes.root_causes(recorded(tmp_path, [task("0", CANCEL)], [simulation("0", reward=0.0, **more)])).to_dict("records")
        assert row["cause"] == cause


MISSED = {
    "a transfer is no cause where the database is right": (
        [call("cancel", order_id="#1"), call("transfer_to_human_agents")],
        {"parts": {"DB": 1.0, "COMMUNICATE": 0.0}, "communicate_checks": [{"info": "4", "met": False}]},
        "information not given",
    ),
    "the call of another reference action is no try": ([call("cancel", order_id="#2")], {}, "action not attempted"),
    "a missed action that only reads cannot cost the database": (
        [call("cancel", order_id="#1"), call("cancel", order_id="#2"), call("cancel_pending_order", order_id="#3")],
        {"parts": {"DB": 0.0}},
        "extra change",
    ),
}


@pytest.mark.parametrize("why", MISSED)
def test_what_was_missed_is_the_cause_only_where_it_can_have_cost_the_reward(why: str, tmp_path: Path) -> None:
    calls, more, cause = MISSED[why]
    actions = [CANCEL, action("cancel", order_id="#2"), action("get_order_details", order_id="#1")]
    wanted = task("0", *(actions if "transfer" not in why else actions[:1]))
    [row] = root_causes.root_causes(recorded(tmp_path, [wanted], [simulation("0", 0, calls, reward=0.0, **more)])).to_dict("records")
    assert row["cause"] == cause


def test_a_solved_simulation_has_no_cause_of_failure(tmp_path: Path) -> None:
    assert root_causes.root_causes(recorded(tmp_path, [task("0", CANCEL)], [simulation("0", 0, [])])).empty


def test_an_unneeded_handover_is_an_error_of_the_agent_and_a_wanted_one_is_not(tmp_path: Path) -> None:
    """A transfer counts of the simulations whose reference actions are known, where those do not have it."""
    tasks = [task("0", CANCEL), task("1", action("transfer_to_human_agents", compare_args=[]))]
    runs = [simulation(name, 0, [call("transfer_to_human_agents", summary="x")]) for name in ("0", "1")]
    [row] = taxonomy.error_kinds(recorded(tmp_path, tasks, runs)).to_dict("records")
    assert (row["kind"], row["errors"], row["calls"], row["of"]) == ("transfer", 1, 2, "simulations")


def test_what_followed_an_error_is_looked_for_in_the_same_simulation_alone(tmp_path: Path) -> None:
    runs = [
        simulation("0", 0, [call("look", error="Error: Order not found"), call("look")]),
        simulation("0", 1, [call("look", error="Error: Order not found")]),
        simulation("0", 2, [call("look")]),
    ]
    table = taxonomy.after_errors(recorded(tmp_path, [task("0")], runs)).set_index("the_same_tool")
    assert table["times"].to_dict() == {"succeeded later": 1, "failed again": 0, "not tried again": 1}


@pytest.mark.parametrize("part", ["simulations", "calls", "gold", "replies"])
def test_every_table_is_made_of_a_record_that_lacks_a_part(part: str, tmp_path: Path) -> None:
    """Events alone have calls and no simulation, a damaged results file may have tasks alone."""
    whole = recorded(tmp_path, [task("0", CANCEL)], [simulation("0", 0, [call("look"), call("cancel", error="Error: no")], reward=0.0)])
    lacking = replace(whole, **{part: getattr(whole, part).iloc[:0]})
    assert {kind.key: isinstance(kind.make(lacking), pd.DataFrame) for kind in TABLES} == dict.fromkeys((kind.key for kind in TABLES), True)
