"""The scripted expert: knows the reference actions, so it advises the next one in words, or makes the turn if it is offered tools."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from tau2_logging.models.experts.briefing import read_transcript
from tau2_logging.models.scripted.agent import agent_turn, asks_user, goal_actions, next_action
from tau2_logging.models.scripted.scripted_reply import ScriptedReply
from tau2_logging.models.scripted.task_script import TaskScript

Message = Mapping[str, Any]


def expert_turn(script: TaskScript, messages: Sequence[Message], tools: Sequence[Message] | None) -> ScriptedReply:
    """Return advice about the conversation in the last message, or, with tools, the agent's next turn in this conversation."""
    if tools:
        return agent_turn(script, messages, tools)
    asked = str(messages[-1].get("content") or "") if messages else ""
    return ScriptedReply(text=advice(script, read_transcript(asked), _offered(messages)))


def advice(script: TaskScript, conversation: Sequence[Message], tools: Sequence[Message]) -> str:
    """Return what to do next, in words."""
    action = next_action(script.actions or goal_actions(script, tools), conversation)
    if action is None:
        return "Everything that was asked for is done. Tell the customer so, and close the conversation."
    names = {tool["function"]["name"] for tool in tools}
    arguments = json.dumps(dict(action.arguments), ensure_ascii=False)
    if asks_user(action, names):
        return f"Ask the customer to use {action.name} with {arguments} on their side."
    return f"Call {action.name} with {arguments} next; the policy allows it."


def _offered(messages: Sequence[Message]) -> list[dict[str, Any]]:
    """Return the tools as the system text lists them, one JSON object a line."""
    system = next((str(message.get("content") or "") for message in messages if message["role"] == "system"), "")
    _, _, rest = system.partition("<tools>\n")
    listed, _, _ = rest.partition("\n</tools>")
    return [{"function": json.loads(line)} for line in listed.split("\n") if line.startswith("{")]
