"""Which conversations are made from a reference."""

from __future__ import annotations

from typing import Any

import pytest

from tau2_logging.audit.mutants import (
    changed_arguments,
    extra_writes,
    identifiers,
    independent_pairs,
    mutants,
    other_forms,
    reversed_writes,
    rounded_number,
    values_of,
)
from tau2_logging.audit.task_audit import replaced_by_itself
from tau2_logging.runner.harness.conversation_replay import ReplayCall


def call(name: str, requestor: str = "assistant", **arguments: Any) -> ReplayCall:
    """A call of a tool."""
    return ReplayCall(requestor, name, arguments)


@pytest.mark.parametrize(
    ("text", "forms"),
    [("1093.34", ["$1,093.34"]), ("44.00", ["$44.00", "$44"]), ("54.1", ["$54.10"]), ("1628", ["1,628"]), ("7", []), ("Bill", ["BILL"])],
)
def test_the_same_is_said_otherwise(text: str, forms: list[str]) -> None:
    assert other_forms(text) == forms


def test_writes_are_swapped_only_if_they_have_no_identifier_in_common() -> None:
    one, two = call("cancel", order="#W1"), call("cancel", order="#W2")
    also_one, nobody = call("pay", order="#W1", source="card"), call("reset")
    assert list(independent_pairs([one, call("get", order="#W9"), two], [True, False, True])) == [(0, 2)]
    assert list(independent_pairs([one, also_one], [True, True])) == []
    assert list(independent_pairs([one, nobody], [True, True])) == []
    assert list(independent_pairs([one, call("cancel", "user", order="#W2")], [True, True])) == []


def test_identifiers_are_found_wherever_they_are() -> None:
    value = {"items": ["12", {"id": "a1"}], "reason": "ordered by mistake", "count": 3}
    assert identifiers(value) == {"12", "a1"}


def test_each_mutant_differs_from_the_reference_in_one_thing() -> None:
    read, write = call("get", order="#W1"), call("cancel", order="#W1")
    found = [(one.kind, one.calls, one.says) for one in mutants([read, write], ["10.50"], [False, True], [True, False])]
    kept, said = (read, write), ("10.50",)
    assert found == [
        ("extra_read", (read, write, read), said),
        ("write_left_out", (read,), said),
        ("write_doubled", (read, write, write), said),
        ("sentence_left_out", kept, ()),
        ("wrong_number", kept, ("910.50",)),
        ("rounded_number", kept, ("10",)),
        ("sentence_in_other_form", kept, ("$10.50",)),
    ]


def test_an_argument_is_changed_to_what_other_references_give_it() -> None:
    own, other = call("cancel", order="#W1", reason="mistake"), call("cancel", order="#W2", reason="mistake")
    values = values_of([own, other, own, call("return", order="#W3")])
    assert values["cancel", "order"] == ["#W1", "#W2"]
    found = [[one.calls for one in mutants_of] for mutants_of in changed_arguments([own], 0, [], values)]
    assert found == [[(call("cancel", order="#W2", reason="mistake"),)], []]


@pytest.mark.parametrize(
    ("arguments", "same"),
    [
        ({"item_ids": ["1", "2"], "new_item_ids": ["3", "2"]}, True),
        ({"item_ids": ["1"], "new_item_ids": ["3"]}, False),
        ({"item_ids": ["1"], "other_item_ids": ["1"]}, False),
    ],
)
def test_what_is_replaced_by_itself_is_seen(arguments: dict[str, Any], same: bool) -> None:
    assert replaced_by_itself(arguments) is same


@pytest.mark.parametrize(("text", "rounded"), [("1093.34", "1093"), ("54.96", "55"), ("44.00", None), ("7", None), ("Bill", None)])
def test_an_amount_is_rounded_only_if_it_has_cents(text: str, rounded: str | None) -> None:
    assert rounded_number(text) == rounded


def test_a_write_of_another_reference_is_made_at_the_end() -> None:
    own, other = call("cancel", order="#W1"), call("cancel", order="#W2")
    assert [one.calls for one in extra_writes([own], [], [own, other])] == [(own, other)]


def test_writes_are_reversed_only_if_no_two_have_an_identifier_in_common() -> None:
    one, two, three, read = (call("cancel", order=f"#W{number}") for number in range(4))
    assert reversed_writes((one, read, two, three), [True, False, True, True]) == (three, read, two, one)
    assert reversed_writes((one, two, one), [True, True, True]) is None
    assert reversed_writes((one, two), [True, True]) is None
    assert reversed_writes((one, two, call("reset")), [True, True, True]) is None
