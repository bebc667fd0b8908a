"""Weaknesses a model may have, played on purpose: wrong arguments in calls that write, losing the thread in a long prompt, and doing
nothing for some customers.

Wrong arguments are of four sorts, in equal shares: one is missing, one is made up, one has the wrong type, one names something that does
not exist. The first three can be seen before the call is made, the last cannot. A model that was told what the tool takes (its schema is
in the last result) makes the mistake less often; the bare error of a tool tells it nothing. That is an assumption about models, and the
settings say how strong it is.
"""

from __future__ import annotations

import json
import random
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from tau2_logging.models.scripted.llm_args import ScriptedSettings
from tau2_logging.models.scripted.scripted_reply import ScriptedCall, ScriptedReply
from tau2_logging.models.scripted.task_script import CLOSING

_TOLD = ("Make the call again", "Make it again", "Look it up")


def weakened(
    reply: ScriptedReply,
    settings: ScriptedSettings,
    writes: frozenset[str],
    messages: Sequence[Mapping[str, Any]],
    tokens: int,
    draw: random.Random,
) -> ScriptedReply:
    """Return the reply of a model with these weaknesses to a prompt of `tokens` tokens."""
    if settings.context_limit is not None and tokens > settings.context_limit and draw.random() < settings.lapse:
        return ScriptedReply(text=CLOSING)  # what was asked for is forgotten
    if not reply.calls or reply.calls[0].name not in writes:
        return reply
    share = settings.bad_when_told if was_told(messages) else settings.bad_writes
    if settings.bad_writes == 0.0 or draw.random() >= share:
        return reply
    first, *rest = reply.calls
    return replace(reply, calls=(_wrong(first, draw), *rest))


def drops_task(settings: ScriptedSettings, task: str, messages: Sequence[Mapping[str, Any]]) -> bool:
    """Return whether the agent does nothing of what it is asked for in this simulation; the same trial of a task draws alike in every
    arm."""
    if not settings.gives_up and not settings.gives_up_when:
        return False
    heard = " ".join(str(message.get("content") or "") for message in messages if message["role"] == "user")
    return settings.drops_the_task(heard, random.Random(f"{settings.seed}|{task}|drops"))


def was_told(messages: Sequence[Mapping[str, Any]]) -> bool:
    """Return whether the last message says what was wrong with a call, beyond a tool's own error."""
    last = messages[-1] if messages else {}
    return last.get("role") in ("tool", "system") and any(words in str(last.get("content") or "") for words in _TOLD)


def _wrong(call: ScriptedCall, draw: random.Random) -> ScriptedCall:
    arguments = json.loads(call.arguments)
    names = [name for name, value in arguments.items() if isinstance(value, str)]
    sort = draw.choice(("missing", "made_up", "type", "value")) if names else "made_up"
    if sort == "made_up":
        arguments["priority"] = "high"
    else:
        name = names[0]
        wrong = {"missing": None, "type": [arguments[name]], "value": f"{arguments[name]}X"}[sort]
        arguments = {**arguments, name: wrong} if wrong is not None else {key: value for key, value in arguments.items() if key != name}
    return ScriptedCall(call.name, json.dumps(arguments, ensure_ascii=False))
