"""The scripted user's faults: drawn by seed and task at their rate, and committed where the agent asks."""

from __future__ import annotations

from typing import Any

import pytest

from tau2_logging.errors import UserError
from tau2_logging.models.scripted import ScriptedSettings, TaskScript
from tau2_logging.models.scripted.agent import agent_turn
from tau2_logging.models.scripted.task_script import Action
from tau2_logging.models.scripted.user import user_turn
from tau2_logging.models.scripted.user_faults import drawn_user_fault, falsified

SCRIPT = TaskScript("1", (Action("assistant", "cancel_order", {"order_id": "#W1234567"}),))
SYSTEM = {"role": "system", "content": "<scenario>\nReason for call:\nCancel order #W1234567.\n</scenario>"}
WRITES = frozenset({"cancel_order"})


def played(fault: str | None) -> list[str]:
    """The conversation of the scripted user, with a fault, and the scripted agent: words, or the call."""
    said: list[tuple[str, str]] = [("assistant", "Hi! How can I help you today?")]
    while len(said) < 9 and "###STOP###" not in said[-1][1]:
        theirs = [{"role": "user" if role == "assistant" else "assistant", "content": text} for role, text in said[1:]]
        user = user_turn([SYSTEM, *theirs] if len(said) > 1 else [SYSTEM, {"role": "user", "content": said[0][1]}], None, True, fault)
        said.append(("user", str(user.text)))
        if "###STOP###" in said[-1][1]:
            break
        reply = agent_turn(SCRIPT, [{"role": role, "content": text} for role, text in said], [], WRITES)
        said.append(("assistant", reply.text or f"CALL {reply.calls[0].arguments}"))
        if reply.calls:
            break
    return [text for _, text in said]


def test_without_a_fault_the_customer_agrees_and_the_call_is_made() -> None:
    assert played(None)[-2:] == ["Yes, please do that.", 'CALL {"order_id": "#W1234567"}']


def test_one_that_hangs_up_agrees_and_ends_in_one_message() -> None:
    assert played("hangs_up")[-1] == "Yes, please do that. ###STOP###"


def test_one_that_changes_its_mind_has_nothing_done() -> None:
    said = played("changes_mind")
    assert said[-1].endswith("###STOP###")
    assert not any(text.startswith("CALL") for text in said)


def test_one_that_withholds_answers_no_question() -> None:
    assert "I would rather not say that." in played("withholds")


def test_a_wrong_fact_goes_into_the_call() -> None:
    assert falsified("#W1234567") == "#W8765432"
    assert played("wrong_fact")[-1] == 'CALL {"order_id": "#W8765432"}'


def test_faults_are_drawn_by_seed_and_task_at_their_rates() -> None:
    settings = ScriptedSettings.of({"hangs_up": 0.2, "withholds": 0.3, "seed": 7})
    drawn = [drawn_user_fault(settings, f"retail/{task}") for task in range(2000)]
    assert drawn == [drawn_user_fault(settings, f"retail/{task}") for task in range(2000)]
    assert drawn.count("hangs_up") == pytest.approx(400, abs=60)  # 3.4 standard deviations
    assert drawn.count("withholds") == pytest.approx(600, abs=70)
    assert drawn_user_fault(ScriptedSettings(), "retail/1") is None


@pytest.mark.parametrize("bad", [{"hangs_up": 2}, {"wrong_fact": "often"}, {"withholds": 0.7, "changes_mind": 0.7}])
def test_shares_that_cannot_be_are_refused(bad: dict[str, Any]) -> None:
    with pytest.raises(UserError, match="scripted model"):
        ScriptedSettings.of(bad)
