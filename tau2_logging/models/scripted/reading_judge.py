"""A scripted judge that reads, and errs on command, for trying out what notices that a judge is wrong.

An outcome is met if one message of the agent holds all its words and numbers. `reading_faults` in the judge's arguments gives the share of
outcomes on which it errs: `false_pass`, `false_fail`, `against_own_words` (the verdict contradicts its reason), `no_verdict` (the outcome
is left out), and of answers: `not_json`.
"""

from __future__ import annotations

import json
import random
import re
from collections.abc import Mapping, Sequence
from typing import Any

from tau2_logging.models.scripted.llm_args import READING_FAULTS
from tau2_logging.models.scripted.scripted_reply import ScriptedReply

FALSE_PASS, FALSE_FAIL, AGAINST_OWN_WORDS, NO_VERDICT, NOT_JSON = READING_FAULTS
_WORD = re.compile(r"[a-z]{3,}|\d[\d,]*(?:\.\d+)?")
_NOT_READ = frozenset((
    "agent", "and", "are", "check", "communicate", "communicated", "communicates", "customer", "for", "inform", "informs", "must", "should",
    "tell", "tells", "that", "the", "told", "user",
))  # fmt: skip
"""Words of an outcome that are not what is to be said."""
_REASONS = {True: "The agent says so: the expected outcome is met.", False: "The agent never says so: the expected outcome is not met."}


def reading_judge(prompt: str, outcomes: Sequence[str], faults: Mapping[str, float], seed: int) -> ScriptedReply:
    """Return verdicts on the outcomes, with the faults that are drawn by seed, conversation and outcome."""
    if random.Random(f"{seed}|{prompt}").random() < faults.get(NOT_JSON, 0.0):
        return ScriptedReply(text="All outcomes look fine to me.")
    said = [_words(line.partition(":")[2]) for line in prompt.splitlines() if line.strip().startswith("assistant:")]
    drawn = [(outcome, _drawn(random.Random(f"{seed}|{prompt}|{outcome}"), faults)) for outcome in outcomes]
    results = [_verdict(outcome, any(_words(outcome) <= words for words in said), fault) for outcome, fault in drawn if fault != NO_VERDICT]
    return ScriptedReply(text=json.dumps({"results": results}))


def _words(text: str) -> set[str]:
    return {word.replace(",", "").rstrip(".") for word in _WORD.findall(text.lower())} - _NOT_READ


def _drawn(dice: random.Random, faults: Mapping[str, float]) -> str | None:
    at = dice.random()
    for name, share in faults.items():
        at -= share if name != NOT_JSON else 0.0
        if at < 0:
            return name
    return None


def _verdict(outcome: str, met: bool, fault: str | None) -> dict[str, Any]:
    found = {FALSE_PASS: True, FALSE_FAIL: False}.get(str(fault), met)
    reason = _REASONS[found]
    return {"expectedOutcome": outcome, "reasoning": reason, "metExpectation": found is not (fault == AGAINST_OWN_WORDS)}
