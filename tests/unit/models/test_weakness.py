"""The weaknesses of the scripted agent: as often as it says, seeded, and less often once it is told."""

from __future__ import annotations

import json
import random
from typing import Any

import pytest

from tau2_logging.errors import UserError
from tau2_logging.models.scripted import ScriptedSettings
from tau2_logging.models.scripted.agent import summarized_calls
from tau2_logging.models.scripted.scripted_reply import ScriptedReply, tool_reply
from tau2_logging.models.scripted.task_script import CLOSING
from tau2_logging.models.scripted.weakness import weakened

CALL = tool_reply("cancel_order", {"order_id": "#W1", "reason": "no longer needed"})
WRITES = frozenset(("cancel_order",))
TOLD = {"role": "tool", "content": "Error: ... Make the call again with all arguments put right."}
BARE = {"role": "tool", "content": "Error: something is missing"}


def wrong_share(settings: ScriptedSettings, last: dict[str, Any], call: ScriptedReply = CALL) -> float:
    """Share of 2,000 calls that come out otherwise than meant."""
    draw = random.Random(7)
    return sum(weakened(call, settings, WRITES, [last], 100, draw) != call for _ in range(2000)) / 2000


def test_calls_are_wrong_as_often_as_it_says() -> None:
    """87 % of write calls, whatever a tool's bare error says; a fifth once it is told; calls of other tools never."""
    settings = ScriptedSettings.of({"bad_writes": 0.87, "bad_when_told": 0.2})
    assert wrong_share(settings, BARE) == pytest.approx(0.87, abs=0.03)
    assert wrong_share(settings, TOLD) == pytest.approx(0.2, abs=0.03)
    assert wrong_share(settings, BARE, tool_reply("get_order", {"order_id": "#W1"})) == 0
    assert wrong_share(ScriptedSettings(), BARE) == 0


def test_mistakes_are_of_four_sorts() -> None:
    """One missing, one made up, one of the wrong type, one value that does not exist; each about as often."""
    draw = random.Random(7)
    found = [
        json.loads(weakened(CALL, ScriptedSettings(bad_writes=1.0), WRITES, [BARE], 100, draw).calls[0].arguments) for _ in range(2000)
    ]
    sorts = ["missing" if "order_id" not in one else "made_up" if "priority" in one else type(one["order_id"]).__name__ for one in found]
    assert set(sorts) == {"missing", "made_up", "list", "str"}
    assert all(0.2 < sorts.count(sort) / 2000 < 0.3 for sort in set(sorts))


def test_a_long_prompt_makes_it_forget() -> None:
    """Past the limit it closes the talk; up to the limit it does what it meant to."""
    settings = ScriptedSettings.of({"context_limit": 100})
    draw = random.Random(7)
    assert weakened(CALL, settings, WRITES, [BARE], 100, draw) == CALL
    assert weakened(CALL, settings, WRITES, [BARE], 101, draw) == ScriptedReply(text=CLOSING)


def test_it_reads_a_summary() -> None:
    """Calls that a summary tells of count as made, failed ones too; other lines are no calls."""
    text = 'Summary:\n- you called get_order with {"a": {"b": 1}}: ok, mentions #W1\n- you: hello\n- you called x with {}: Error: no'
    assert summarized_calls(text) == [("get_order", {"a": {"b": 1}}), ("x", {})]


@pytest.mark.parametrize("arguments", [{"bad_writes": 2}, {"bad_when_told": "often"}, {"lapse": True}, {"context_limit": -1}])
def test_a_wrong_setting_is_named(arguments: dict[str, Any]) -> None:
    """With its name and its value."""
    (name,) = arguments
    with pytest.raises(UserError, match=name):
        ScriptedSettings.of(arguments)
