"""The scripted judge: answers tau2's natural-language assertions, and its question whether the agent is stuck in a loop.

It is no judge of quality: it finds every expected outcome met, unless the agent said nothing at all. A loop it does see: the same
agent line again and again.
"""

from __future__ import annotations

import ast
import json
import re
from collections.abc import Mapping, Sequence
from typing import Any

from tau2_logging.models.scripted.scripted_reply import ScriptedReply

_OUTCOMES = re.compile(r"expectedOutcomes:\s*(\[.*\])", re.DOTALL)
_LOOP_SHARE = 0.5


def judge_turn(messages: Sequence[Mapping[str, Any]]) -> ScriptedReply:
    """Return the judge's answer to tau2's prompt: JSON for assertions, `yes` or `no` for the loop question."""
    prompt = str(messages[-1].get("content") or "")
    outcomes = _outcomes(prompt)
    if outcomes is None:
        return ScriptedReply(text="yes" if is_loop(prompt) else "no")
    met = "assistant:" in prompt
    reasoning = "The scripted judge takes a conversation in which the agent spoke as meeting every outcome."
    results = [{"expectedOutcome": outcome, "reasoning": reasoning, "metExpectation": met} for outcome in outcomes]
    return ScriptedReply(text=json.dumps({"results": results}))


def _outcomes(prompt: str) -> list[str] | None:
    found = _OUTCOMES.search(prompt)
    if found is None:
        return None
    try:
        return [str(outcome) for outcome in ast.literal_eval(found[1])]
    except (SyntaxError, ValueError):
        return [found[1]]


def is_loop(prompt: str) -> bool:
    """Return whether most lines of a conversation are one and the same."""
    lines = [line.strip() for line in prompt.splitlines() if line.strip().startswith(("assistant:", "tool:"))]
    return len(lines) > 4 and max(map(lines.count, lines)) >= _LOOP_SHARE * len(lines)
