"""How the scripted user takes on a manner: it reads the system prompt, as any model would, and uses the phrases that are there in quotes.

With every message it says one of them (at the opening always, later most times). A manner whose phrases ask or exclaim is also not
content with the agent's first closing: half of the time it asks once more before it ends the conversation. All seeded.
"""

from __future__ import annotations

import random
import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from tau2_logging.models.scripted.scripted_reply import ScriptedReply
from tau2_logging.models.scripted.task_script import CLOSING

LATER, AGAIN = 0.8, 0.5
_BLOCK = re.compile(r"<manner>\n(.*?)\n</manner>", re.DOTALL)
_QUOTED = re.compile(r'"([^"]+)"')


def phrases(messages: Sequence[Mapping[str, Any]]) -> list[str]:
    """Return the phrases in quotes of the manner that the system message asks for; none if it asks for none."""
    system = next((str(message.get("content") or "") for message in messages if message["role"] == "system"), "")
    found = _BLOCK.search(system)
    return _QUOTED.findall(found[1]) if found is not None else []


def asks_again(messages: Sequence[Mapping[str, Any]], random_: random.Random) -> bool:
    """Return whether the user, who hears a closing, is not yet content: only at the first one."""
    chosen = phrases(messages)
    heard = sum(CLOSING in str(message.get("content") or "") for message in messages if message["role"] == "user")
    return any(phrase.endswith(("?", "!")) for phrase in chosen) and heard == 1 and random_.random() < AGAIN


def in_persona(reply: ScriptedReply, messages: Sequence[Mapping[str, Any]], random_: random.Random) -> ScriptedReply:
    """Return the reply as a customer of this manner says it. Tool calls stay as they are."""
    chosen = phrases(messages)
    if reply.text is None or not chosen:
        return reply
    opening = not any(message["role"] == "assistant" for message in messages)
    if not opening and random_.random() >= LATER:
        return reply
    phrase = random_.choice(chosen)
    ended = phrase if phrase.endswith(("?", "!", ".")) else f"{phrase}."
    return replace(reply, text=f"{ended[0].upper()}{ended[1:]} {reply.text}")
