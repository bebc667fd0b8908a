"""What is a difference between two implementations, of what kind it is, and what is said of it."""

from __future__ import annotations

from itertools import groupby
from typing import Any

import pytest

from tau2_logging.errors import UserError
from tau2_logging.parity.case import STOP, Call, Case, gold_conversation
from tau2_logging.parity.comparison import ERROR_PREFIX, ORDER_ID_PREFIX, compare
from tau2_logging.parity.findings import ParityFinding, findings
from tau2_logging.parity.fuzz import LENGTH, Arguments, sequences
from tau2_logging.parity.side_process import Implementation, SideResults

CALLS = (Call("assistant", "look", {"order_id": "W1"}), Call("user", "press", {"n": 2}), Call("user", "press", {"n": 3}))
CASE = Case("retail", "7", None, CALLS)


def answer(**changed: Any) -> dict[str, Any]:
    """One side's answer to CASE; every call succeeds."""
    calls = [{"output": f"{number}", "error": False} for number in range(len(CALLS))]
    same: dict[str, Any] = {"start": ["a", "u"], "calls": calls, "end": ["b", "v"], "assertions": [], "scored": {"reward": 1.0}}
    return {**same, **changed}


def kinds(other: dict[str, Any], deliberate: frozenset[str] = frozenset()) -> list[str]:
    """Kinds of the differences between `answer()` and `other`."""
    return [item.kind for item in compare([CASE], {CASE.key: answer()}, {CASE.key: other}, deliberate).differences]


def test_equal_answers_have_no_difference() -> None:
    """And every single thing that was compared is counted as equal."""
    compared = compare([CASE], {CASE.key: answer()}, {CASE.key: answer()}, frozenset())
    assert compared.differences == []
    (tally,) = compared.tallies.values()
    assert tally.n == tally.equal
    assert tally.n["outputs"] == len(CALLS)
    assert tally.perfect == [1, 1]


@pytest.mark.parametrize(
    ("changed", "kind"),
    [
        ({"start": ["x", "u"]}, "start"),
        ({"end": ["b", "x"]}, "database"),
        ({"assertions": []}, None),
        ({"scored": {"reward": 0.0}}, "reward"),
        ({"scored": {"error": "ValueError: no"}}, "reward"),
        ({"failed": "KeyError"}, "not_played"),
    ],
)
def test_each_part_of_an_answer_is_compared(changed: dict[str, Any], kind: str | None) -> None:
    """A database of either side, the initial state, the reward or its failure: each is found and named."""
    assert kinds(answer(**changed)) == ([kind] if kind else [])


def test_an_error_worded_otherwise_is_told_from_another_error() -> None:
    """Only the beginning may differ; the same rest after it is the same error."""
    calls = answer()["calls"]
    left = answer(calls=[calls[0], {"output": "Error: no", "error": True}, calls[2]])
    worded = answer(calls=[calls[0], {"output": "Error executing tool 'press': no", "error": True}, calls[2]])
    another = answer(calls=[calls[0], {"output": "Error executing tool 'press': yes", "error": True}, calls[2]])
    assert [item.kind for item in compare([CASE], {CASE.key: left}, {CASE.key: worded}, frozenset()).differences] == [ERROR_PREFIX]
    assert [item.kind for item in compare([CASE], {CASE.key: left}, {CASE.key: another}, frozenset()).differences] == ["output"]


def test_what_follows_an_order_id_that_was_mended_is_compared_only_where_that_is_no_intention() -> None:
    """One side carried the call out: the states part, which is no second finding, but only between sides that mean it."""
    mended = answer(calls=[{"output": "an order", "error": False}, *answer()["calls"][1:]], end=["x", "v"])
    assert kinds(mended, frozenset({ORDER_ID_PREFIX})) == [ORDER_ID_PREFIX]
    assert kinds(mended) == [ORDER_ID_PREFIX, "database"]


def side(implementation: str, **tasks: Any) -> SideResults:
    """What a side says of itself."""
    about = {"policy": "be kind", "tools": [["assistant", "look", {}]], "tasks": tasks}
    return SideResults({"implementation": implementation, "version": f"{implementation} 1", "domains": {"retail": about}}, {}, [])


def found_between(other: dict[str, Any], right: SideResults) -> list[ParityFinding]:
    """Findings where the left says `answer()`."""
    left = side("tau2", **{"7": {"text": "a", "notes": None}})
    comparison = compare([CASE], {CASE.key: answer()}, {CASE.key: other}, frozenset())
    return findings(comparison, left, right)


def test_releases_with_other_tasks_say_which_parts_differ() -> None:
    """An empty field that one release adds is no difference; another text is one."""
    assert found_between(answer(), side("tau2", **{"7": {"text": "a", "more": []}})) == []
    (finding,) = found_between(answer(), side("tau2", **{"7": {"text": "b"}}))
    assert (finding.name, finding.count, finding.deliberate) == ("tasks", 1, False)
    assert "text 1" in finding.sentence


def test_the_same_difference_is_deliberate_only_between_those_who_mean_it() -> None:
    """An error worded otherwise is MASEval's intention, and a finding between two releases of tau2."""
    calls = answer()["calls"]
    left = answer(calls=[{"output": "Error: no", "error": True}, *calls[1:]])
    right = answer(calls=[{"output": "Error executing tool 'look': no", "error": True}, *calls[1:]])
    case = Case("retail", "7", None, (Call("assistant", "look", {}), *CALLS[1:]))
    comparison = compare([case], {case.key: left}, {case.key: right}, frozenset())
    for name, deliberate in (("maseval", True), ("tau2", False)):
        (finding,) = findings(comparison, side("tau2"), side(name))
        assert (finding.name, finding.deliberate) == (ERROR_PREFIX, deliberate)


def test_a_gold_conversation_takes_turns_and_holds_every_call_in_order() -> None:
    """Each stretch of one party ends in words, all texts differ, and the user has the last one."""
    acts = gold_conversation(CALLS, ("42",))
    assert [act.call for act in acts if act.call is not None] == list(CALLS)
    turns = [list(turn) for _, turn in groupby(acts, key=lambda act: act.role)]
    assert all(turn[-1].call is None and all(act.call is not None for act in turn[:-1]) for turn in turns)
    texts = [act.text for act in acts if act.call is None]
    assert len(set(texts)) == len(texts)
    assert acts[-1].role == "user"
    assert STOP in acts[-1].text
    assert any("42" in act.text for act in acts if act.role == "assistant")


def test_random_sequences_are_the_same_for_a_seed_and_call_every_tool() -> None:
    """Two draws with one seed are equal, another seed draws others; no tool is left out."""
    tools = {("assistant", f"tool_{n}"): {"order_id": True, "n": False} for n in range(9)} | {("user", "press"): {"n": True}}
    arguments = Arguments(CALLS, [{"orders": {"#W1": {"order_id": "#W1", "item_ids": ["1", "2"]}}}])

    def draw(seed: int) -> list[Case]:
        return list(sequences("retail", tools, {"7": CALLS}, arguments, 5, seed))

    assert draw(1) == draw(1) != draw(2)
    assert all(len(case.calls) == LENGTH for case in draw(1))
    assert tools.keys() <= {(call.requestor, call.name) for case in draw(1) for call in case.calls}
    assert [Case.of(case.as_json()) for case in draw(3)] == draw(3)


@pytest.mark.parametrize("text", ["tau3", "tau2@/no/such/python", ""])
def test_a_side_that_is_none_is_refused_with_what_to_write(text: str) -> None:
    """One line, naming the value."""
    with pytest.raises(UserError, match="tau2"):
        Implementation.of(text)
