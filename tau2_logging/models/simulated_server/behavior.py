"""What the server says when nothing is scripted: enough of a user, an agent and a judge that a tau2 simulation runs to its end."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from typing import Any

from tau2_logging.models.scripted.judge import judge_turn
from tau2_logging.models.simulated_server.protocols.completion import PIECE_LENGTH, Reply, ToolUse
from tau2_logging.models.simulated_server.protocols.prompt import Prompt
from tau2_logging.models.simulated_server.settings import ServerSettings

STOP = "###STOP###"
_SOLO_END = "done"
_JUDGES = ('"results"', 'Answer with only "yes" or "no"')
_ANSWERS = (
    "I have looked that up for you. Is there anything else you would like me to do?",
    "Thank you for waiting. I have checked your request; please tell me how you want to go on.",
    "I see. Could you give me a few more details, so that I can take care of it for you?",
)
_REQUESTS = (
    "Hello, I need help with my case {case}, please. Could you look into it for me?",
    "I am not sure what else you need to know. Please go on with what I asked for.",
    "That sounds right to me. Can you check whether it has been done?",
)


def default_reply(prompt: Prompt, settings: ServerSettings) -> Reply:
    """Return a user simulator's words, a judge's verdict, or an agent's turn: a tool call after a user's message, text after its result;
    to a request that says how long the reply has to be, a text of that length."""
    if prompt.reply_tokens is not None:
        return Reply(text=_of_length(_ANSWERS[0], prompt.reply_tokens), finish_reason="length")
    system = "".join(str(message["content"]) for message in prompt.messages if message["role"] == "system")
    if STOP in system:
        return Reply(text=_user_says(prompt, system, settings))
    if prompt.messages and any(sign in system + str(prompt.messages[-1]["content"]) for sign in _JUDGES):
        return Reply(text=judge_turn(prompt.messages).text)
    tool = _wanted_tool(prompt, settings.seed)
    if tool is not None:
        return Reply(tools=(ToolUse(str(tool["name"]), json.dumps(example(tool.get("parameters") or {}))),))
    return Reply(text=_of_length(_ANSWERS[_draw(prompt, settings.seed) % len(_ANSWERS)], settings.reply_tokens))


def _of_length(text: str, tokens: int | None) -> str:
    if tokens is None:
        return text
    length = tokens * PIECE_LENGTH
    return (f"{text} " * (length // len(text) + 1))[:length]


def _user_says(prompt: Prompt, system: str, settings: ServerSettings) -> str:
    """Return the case follows from the scenario, so that the conversations of two tasks differ."""
    said = sum(message["role"] == "assistant" for message in prompt.messages)
    if said >= settings.turns:
        return f"That is all, thank you. {STOP}"
    return _REQUESTS[said % len(_REQUESTS)].format(case=_number(system, settings.seed) % 1_000_000)


def _wanted_tool(prompt: Prompt, seed: int) -> Mapping[str, Any] | None:
    if not prompt.tools or prompt.tool_choice == "none":
        return None
    by_name = {str(tool["name"]): tool for tool in prompt.tools}
    if prompt.tool_choice in by_name:
        return by_name[prompt.tool_choice]
    if prompt.tool_choice == "required" or prompt.messages[-1]["role"] != "tool":
        return prompt.tools[_draw(prompt, seed) % len(prompt.tools)]
    return by_name.get(_SOLO_END)  # an agent without a user has nobody to talk to


def _draw(prompt: Prompt, seed: int) -> int:
    """Return a number that follows from the conversation. Ids of tool calls differ between runs and do not count."""
    return _number(str([(message["role"], message["content"]) for message in prompt.messages]), seed)


def _number(text: str, seed: int) -> int:
    return int.from_bytes(hashlib.blake2b(f"{seed}|{text}".encode(), digest_size=6).digest(), "big")


def example(schema: Mapping[str, Any], top: Mapping[str, Any] | None = None) -> Any:
    """Return a value that a JSON schema allows: the first one named, else a plain one of its type; of an object, what it requires."""
    top = schema if top is None else top
    if "$ref" in schema:
        return example(_defined(top, str(schema["$ref"])), top)
    for name in ("enum", "examples"):
        if schema.get(name):
            return schema[name][0]
    for name in ("const", "default"):
        if schema.get(name) is not None:
            return schema[name]
    for name in ("anyOf", "oneOf", "allOf"):
        if schema.get(name):
            return example(next((way for way in schema[name] if way.get("type") != "null"), {}), top)
    return _of_type(schema, top)


def _defined(top: Mapping[str, Any], reference: str) -> Mapping[str, Any]:
    found: Any = top
    for name in reference.removeprefix("#/").split("/"):
        found = found.get(name, {}) if isinstance(found, Mapping) else {}
    return found if isinstance(found, Mapping) else {}


def _of_type(schema: Mapping[str, Any], top: Mapping[str, Any]) -> Any:
    kind = schema.get("type")
    kind = next((one for one in kind if one != "null"), None) if isinstance(kind, list) else kind
    if kind == "object" or "properties" in schema:
        properties = schema.get("properties") or {}
        return {name: example(properties.get(name) or {}, top) for name in schema.get("required") or ()}
    if kind == "array":
        return [example(schema.get("items") or {}, top)] * int(schema.get("minItems") or 0)
    plain = {"integer": 1, "number": 1.0, "boolean": True, "null": None}
    return plain.get(str(kind), "example")
