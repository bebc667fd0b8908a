"""The scripted judge: answers tau2's natural-language assertions, and its question whether the agent is stuck in a loop.

It is no judge of quality: it finds every expected outcome met, unless the agent said nothing at all, or, with `met_if`, unless the
conversation holds these words. A loop it does see: the same agent line again and again.

It commits faults on command, each in a share of the conversations that it judges: verdicts without a word (`empty_verdict`), verdicts
against their own words (`contradicts`), a verdict on something that it was not asked (`miscounts`), an answer that is no JSON (`fails`).

With `reading_faults` in its arguments it reads: an outcome is met if one message of the agent holds all its words and numbers. They give
the share of outcomes on which it errs: `false_pass`, `false_fail`, `against_own_words` (the verdict contradicts its reason), `no_verdict`
(the outcome is left out), and of answers: `not_json`.
"""

from __future__ import annotations

import ast
import json
import random
import re
from collections.abc import Mapping, Sequence
from typing import Any

from tau2_logging.models.scripted.llm_args import JUDGE_FAULTS, READING_FAULTS, ScriptedSettings
from tau2_logging.models.scripted.scripted_reply import ScriptedReply

_OUTCOMES = re.compile(r"expectedOutcomes:\s*(\[.*\])", re.DOTALL)
_LOOP_SHARE = 0.5
_PLAIN = ScriptedSettings()


EMPTY, CONTRADICTS, MISCOUNTS, FAILS = JUDGE_FAULTS
FALSE_PASS, FALSE_FAIL, AGAINST_OWN_WORDS, NO_VERDICT, NOT_JSON = READING_FAULTS
_WORD = re.compile(r"[a-z]{3,}|\d[\d,]*(?:\.\d+)?")
_NOT_READ = frozenset((
    "agent", "and", "are", "check", "communicate", "communicated", "communicates", "customer", "for", "inform", "informs", "must", "should",
    "tell", "tells", "that", "the", "told", "user",
))  # fmt: skip
"""Words of an outcome that are not what is to be said."""
_REASONS = {True: "The agent says so: the expected outcome is met.", False: "The agent never says so: the expected outcome is not met."}
_UNASKED = "The agent greets the customer by name."


def judge_turn(
    messages: Sequence[Mapping[str, Any]], fault: str | None = None, settings: ScriptedSettings = _PLAIN, which: str = ""
) -> ScriptedReply:
    """Return the judge's answer to tau2's prompt: JSON for assertions, `yes` or `no` for the loop question. `fault`: what it does wrong.

    Of a conversation that it gets wrong (`wrong_verdicts`) it says the opposite of every outcome; `which` tells it from others that read
    alike.
    """
    prompt = str(messages[-1].get("content") or "")
    outcomes = _outcomes(prompt)
    if outcomes is None:
        return ScriptedReply(text="yes" if is_loop(prompt) else "no")
    if settings.reading_faults is not None:
        return _read(prompt.partition("expectedOutcomes:")[0], outcomes, settings.reading_faults, settings.seed)
    met = (settings.met_if or "assistant:") in prompt
    reasoning = f"The scripted judge looks for {settings.met_if or 'words of the agent'!r} in the conversation, and nothing else."
    if settings.misjudges(f"{which}|{prompt}"):
        met, reasoning = not met, "The scripted judge errs on purpose."
    results = [{"expectedOutcome": outcome, "reasoning": reasoning, "metExpectation": met} for outcome in outcomes]
    if fault == FAILS:
        return ScriptedReply(text="I am sorry, I cannot judge this conversation.")
    return ScriptedReply(text=json.dumps({"results": _spoiled(results, fault)}))


def drawn_judge_fault(settings: ScriptedSettings, task: str) -> str | None:
    """Return the fault that the judge of a simulation commits, if any. `task`: what the dice are thrown for."""
    at = random.Random(f"{settings.seed}|{task}|judge fault").random()
    for name, share in settings.judge_faults.items():
        at -= share
        if at < 0:
            return name
    return None


def _spoiled(results: list[dict[str, Any]], fault: str | None) -> list[dict[str, Any]]:
    if fault == EMPTY:
        return [{**result, "reasoning": "", "metExpectation": False} for result in results]
    if fault == CONTRADICTS:
        reasoning = "The agent did this in the conversation. The expectation is met."
        return [{**result, "reasoning": reasoning, "metExpectation": False} for result in results]
    if fault == MISCOUNTS:
        unasked = {"expectedOutcome": _UNASKED, "reasoning": "No name is said in the greeting.", "metExpectation": False}
        return [*results, unasked]
    return results


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


def _read(prompt: str, outcomes: Sequence[str], faults: Mapping[str, float], seed: int) -> ScriptedReply:
    """Return verdicts on the outcomes, with the faults that are drawn by seed, conversation and outcome."""
    if random.Random(f"{seed}|{prompt}").random() < faults.get(NOT_JSON, 0.0):
        return ScriptedReply(text="All outcomes look fine to me.")
    said = [_words(line.partition(":")[2]) for line in prompt.splitlines() if line.strip().startswith("assistant:")]
    drawn = [(outcome, _drawn_error(random.Random(f"{seed}|{prompt}|{outcome}"), faults)) for outcome in outcomes]
    results = [_verdict(outcome, any(_words(outcome) <= words for words in said), fault) for outcome, fault in drawn if fault != NO_VERDICT]
    return ScriptedReply(text=json.dumps({"results": results}))


def _words(text: str) -> set[str]:
    return {word.replace(",", "").rstrip(".") for word in _WORD.findall(text.lower())} - _NOT_READ


def _drawn_error(dice: random.Random, faults: Mapping[str, float]) -> str | None:
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
