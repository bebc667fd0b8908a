"""MASEval keeps two histories of a conversation; tau2 one."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tau2_logging.runner.harness.maseval.trajectory import NoConversation, termination, trajectory

TURNS = st.lists(st.tuples(st.integers(0, 3), st.integers(0, 3)), min_size=1, max_size=6)
"""Of each turn: how many tool calls the user makes before speaking, and the agent."""


def conversation(turns: list[tuple[int, int]]) -> tuple[dict[str, Any], list[str]]:
    """(MASEval's traces of a conversation, as its user and its default agent keep them; everything said, in order)."""
    user: list[dict[str, Any]] = [{"role": "assistant", "content": "greeting"}]
    agent: list[dict[str, Any]] = []
    said = ["assistant greeting"]
    for number, calls in enumerate(turns):
        for history, role, count in ((user, "user", calls[0]), (agent, "assistant", calls[1])):
            for call in range(count):
                name = f"{role}_{number}_{call}"
                function = {"name": name, "arguments": json.dumps({"n": call})}
                history.append({"role": role, "content": "", "tool_calls": [{"id": "same", "type": "function", "function": function}]})
                history.append({"role": "tool", "tool_call_id": "same", "content": f"did {name}"})
                said += [name, f"did {name}"]
            text = f"{role} {number}"
            said.append(text)
            user.append({"role": role, "content": text})
            agent.append({"role": role, "content": text})
    return {"agents": {"a": {"messages": agent}}, "user": {"messages": user}}, [said[0].removeprefix("assistant "), *said[1:]]


@given(TURNS, st.booleans())
def test_two_histories_become_the_one_conversation(turns: list[tuple[int, int]], ends_with_user: bool) -> None:
    """Every message once and in the order in which it was said, however many calls anybody makes in a turn; every call has its own id and
    its answer next to it."""
    traces, said = conversation(turns)
    if ends_with_user:
        traces["user"]["messages"].append({"role": "user", "content": "bye ###STOP###"})
        said.append("bye ###STOP###")
    found = trajectory(traces)
    assert [message["tool_calls"][0]["name"] if message.get("tool_calls") else message["content"] for message in found] == said
    calls = [(at, call) for at, message in enumerate(found) for call in message.get("tool_calls") or ()]
    assert len({call["id"] for _, call in calls}) == len(calls)
    assert all(found[at + 1]["id"] == call["id"] and found[at + 1]["requestor"] == found[at]["role"] for at, call in calls)
    assert termination(found) == ("user_stop" if ends_with_user else "max_steps")


def test_an_answer_that_the_agent_kept_out_of_its_history_is_heard_all_the_same() -> None:
    """MASEval's agent gives up after too many tool calls with a sentence that only the user's history holds."""
    traces, _ = conversation([(0, 1), (0, 0)])
    agent = traces["agents"]["a"]["messages"]
    del agent[[message["content"] for message in agent].index("assistant 0")]
    assert "assistant 0" in [message.get("content") for message in trajectory(traces)]


@pytest.mark.parametrize("traces", [{}, {"user": {"messages": []}}, {"user": {"messages": [{"role": "user", "content": "hi"}]}}])
def test_traces_without_a_conversation_are_refused(traces: dict[str, Any]) -> None:
    """With the reason, never with an empty trajectory that would be scored."""
    with pytest.raises(NoConversation):
        trajectory(traces)
