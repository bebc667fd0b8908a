"""The scripted agent: plays the task's reference actions, asks the user for the user's own, says what has to be said, and closes.

It keeps no state: if it is in its script is read from the conversation, so that the same conversation always gets the same reply, in
any thread, process or resumed run. A step counts as done when the conversation holds exactly it; calls spoiled by a fault do not match
and the step is tried again.

If it is offered experts it consults them before it goes on with its script: the first alone, then all of them in one reply. If it is
offered tools that search documents, it asks each once, for what the user wants.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from tau2_logging.events.retrieval_tools import is_retrieval, query_argument
from tau2_logging.models.experts.tool import CALL_EXPERT
from tau2_logging.models.scripted.careful_agent import asked_or_stopped, believed
from tau2_logging.models.scripted.scripted_reply import ScriptedReply, calls_in, parsed_arguments, question_reply, tool_reply
from tau2_logging.models.scripted.task_script import CLOSING, TRANSFER_NOTICE, TRANSFER_TOOL, Action, TaskScript

Message = Mapping[str, Any]


def agent_turn(
    script: TaskScript,
    messages: Sequence[Message],
    tools: Sequence[Mapping[str, Any]] | None,
    writes: frozenset[str] = frozenset(),
    domain: str | None = None,
) -> ScriptedReply:
    """Return the agent's next turn in a conversation (OpenAI messages, the agent's view), with the tools it was offered. `writes`: those of
    them that change the database."""
    question = consultation(messages, tools or ()) or _search(domain, messages, tools or ())
    if question is not None:
        return question
    names = {tool["function"]["name"] for tool in tools or ()}
    actions = believed(script.actions or goal_actions(script, tools or ()), messages)
    action = next_action(actions, messages)
    if action is not None and (words := asked_or_stopped(action, messages, writes)) is not None:
        return ScriptedReply(text=words)
    if action is not None:
        return ScriptedReply(text=action.request()) if asks_user(action, names) else tool_reply(action.name, action.arguments)
    if "done" in names and not any(message["role"] == "user" for message in messages):
        return tool_reply("done", {})  # solo mode: there is no user to talk to
    if any(action.name == TRANSFER_TOOL for action in actions):
        return ScriptedReply(text=_closing(script, TRANSFER_NOTICE))
    return ScriptedReply(text=_closing(script, CLOSING))


def consultation(messages: Sequence[Message], tools: Sequence[Mapping[str, Any]]) -> ScriptedReply | None:
    """Return what the agent asks its experts now: the first one, then all at once if there are several; None when it has asked enough."""
    aliases = expert_aliases(tools)
    asked = [count for message in messages if message["role"] == "assistant" and (count := _questions(message, aliases))]
    if not aliases or len(asked) >= min(len(aliases), 2):
        return None
    return (
        question_reply(aliases[:1], "What should I do next?")
        if not asked
        else question_reply(aliases, "Is there anything that I have overlooked?")
    )


def _search(domain: str | None, messages: Sequence[Message], tools: Sequence[Mapping[str, Any]]) -> ScriptedReply | None:
    """Return the search that the agent makes now: one with each tool, for the user's first words, or the longest of them as a pattern."""
    wanted = next((str(message.get("content") or "") for message in messages if message["role"] == "user"), "")
    made = {name for message in messages if message["role"] == "assistant" for name, _ in calls_in(message)}
    for name in (tool["function"]["name"] for tool in tools):
        argument = query_argument(name)
        if wanted and name not in made and argument != "command" and is_retrieval(domain, name, "assistant"):
            return tool_reply(name, {argument: max(_WORD.findall(wanted), key=len, default="fee") if argument == "pattern" else wanted})
    return None


_WORD = re.compile(r"[A-Za-z]+")


def expert_aliases(tools: Sequence[Mapping[str, Any]]) -> list[str]:
    """Return the experts that are offered."""
    for tool in tools:
        if tool["function"]["name"] == CALL_EXPERT:
            return list(tool["function"]["parameters"]["properties"]["expert"]["enum"])
    return []


def _questions(message: Message, aliases: Sequence[str]) -> int:
    """Return how many questions of a message were put rightly; those that a fault spoiled are put again."""
    calls = [arguments for name, arguments in calls_in(message) if name == CALL_EXPERT and isinstance(arguments, Mapping)]
    return sum(arguments.get("expert") in aliases and bool(arguments.get("question")) for arguments in calls)


def asks_user(action: Action, names: set[str]) -> bool:
    """Return whether the user has to act: in solo mode the agent holds the user's tools too."""
    return action.requestor == "user" and action.name not in names


def next_action(actions: Sequence[Action], messages: Sequence[Message]) -> Action | None:
    """Return the first action that the conversation does not hold yet, in order."""
    done = 0
    for message in messages:
        if message["role"] not in ("assistant", "system"):
            continue
        said = message.get("content") or ""
        for name, arguments in calls_in(message) if message["role"] == "assistant" else summarized_calls(said):
            if done < len(actions) and name == actions[done].name and arguments == dict(actions[done].arguments):
                done += 1
        for text in [said] if message["role"] == "assistant" else _SAID.findall(said):
            if done < len(actions) and text and text == actions[done].request():
                done += 1
    return actions[done] if done < len(actions) else None


_SUMMARIZED = re.compile(r"^- you called (\w+) with (\{.*?\}): ", re.MULTILINE)

_SAID = re.compile(r"^- you: (.*)$", re.MULTILINE)


def summarized_calls(text: str) -> list[tuple[str, Any]]:
    """Return (tool, arguments) of the calls that a summary of earlier turns tells of; the agent reads it as any model would."""
    return [(found[1], parsed_arguments(found[2])) for found in _SUMMARIZED.finditer(text)]


def goal_actions(script: TaskScript, tools: Sequence[Mapping[str, Any]]) -> tuple[Action, ...]:
    """For a task without reference actions: the write tool that makes each environment assertion true.

    `assert_X(..., expected_Y=v)` is answered by the tool `update_X(..., Y=v)` if one is offered with exactly these parameters.
    """
    parameters = {tool["function"]["name"]: set(tool["function"]["parameters"].get("properties", {})) for tool in tools}
    found = []
    for assertion in script.assertions:
        name = assertion.name.replace("assert_", "update_", 1)
        arguments = {key.removeprefix("expected_"): value for key, value in assertion.arguments.items()}
        if parameters.get(name) == set(arguments):
            found.append(Action("assistant", name, arguments))
    return tuple(found)


def _closing(script: TaskScript, text: str) -> str:
    facts = "".join(f" {fact}." for fact in script.communicate)
    return f"That is done.{' For your information:' if facts else ''}{facts} {text}"
