"""The scripted reader: answers `--reader`'s question without a key, for trying it out. It is no judge of anything.

It blames the user if the last message of the user ends the conversation and agrees, else the agent, and quotes the message. `invents` is
the share of simulations in which its quote is in no transcript.
"""

from __future__ import annotations

import json
import random
import re
from collections.abc import Mapping, Sequence
from typing import Any

from tau2_logging.models.scripted.llm_args import ScriptedSettings
from tau2_logging.models.scripted.scripted_reply import ScriptedReply

READER = "reader"
"""Its name as a model: `scripted/reader`."""
_LINE = re.compile(r"^\[(\d+)\] (assistant|user): (.+)", re.MULTILINE)
_AGREES = re.compile(r"\b(yes|please do|go ahead)\b", re.IGNORECASE)
_LONGEST = 80


def reader_turn(messages: Sequence[Mapping[str, Any]], settings: ScriptedSettings) -> ScriptedReply:
    """Return the answer to a question of `reader_question`."""
    asked = str(messages[-1].get("content") or "")
    lines = [(int(turn), role, text) for turn, role, text in _LINE.findall(asked.partition("<conversation>")[2])]
    if not lines:
        return ScriptedReply(text=json.dumps({"fault": "unknown", "turn": None, "quote": "", "why": "nothing was said"}))
    last = next((line for line in reversed(lines) if line[1] == "user"), lines[-1])
    left = "###" in last[2] and _AGREES.search(last[2]) is not None
    turn, _, text = last if left else next((line for line in reversed(lines) if line[1] == "assistant"), lines[-1])
    quote = text.split(" [calls ")[0][:_LONGEST]
    if random.Random(f"{settings.seed}|{asked}").random() < settings.invents:
        quote = "words that nobody has said here"
    why = "the user left in the message that agrees" if left else "the agent did not do what the reference does"
    return ScriptedReply(text=json.dumps({"fault": "user" if left else "agent", "turn": turn, "quote": quote, "why": why}))
