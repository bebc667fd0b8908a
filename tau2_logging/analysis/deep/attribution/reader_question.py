"""What a model that reads failed simulations (`--reader`) is asked, and what of its answer is kept.

The transcript goes to it with the task and what was lost; it answers with fault, turn and a quote. An answer whose quote is not in the
transcript is thrown away: what is not there cannot show anything.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from tau2_logging.analysis.deep.attribution.accusation import FAULT_NAMES
from tau2_logging.analysis.deep.attribution.failed_case import FailedCase
from tau2_logging.analysis.deep.reading.recorded_conversation import SaidMessage

LONGEST_RESULT = 1_500
"""Characters of a tool's result that the reader is sent."""
SHORTEST_QUOTE = 8

_INSTRUCTIONS = """\
You read a failed test of a customer-service agent. A simulated user, who follows a scenario, talked with the agent, which has a policy and
tools; the test compares what was done with a reference. Say whose mistake cost the test:

agent: it broke the policy, misread a request or a result, or left out what was asked.
user: the simulated user left early, said what neither its scenario nor the conversation holds, withheld what it was asked for, or asked
for other things than its scenario does.
task: the agent did what policy and user asked, and the reference demands what the policy forbids, or what nobody could know.
judge: a verdict has no reason, or its reason says the opposite. tools: a tool broke. unknown: reading does not decide.

Assume that everybody else had done right, and ask whose mistake alone would still have cost the test. If the agent's alone would have, it
is the agent's.

Answer with one JSON object and nothing else:
{"fault": "...", "turn": <number of the message that shows it>, "quote": "<words copied from that message>", "why": "<one sentence>"}"""
_QUOTATION = {0x2018: "'", 0x2019: "'", 0x201C: '"', 0x201D: '"'}
_WHY = 300
_QUOTE = 300


@dataclass(frozen=True)
class Reading:
    """What a reader said of a simulation. `problem` says why nothing of it is kept; `fault` is None then."""

    fault: str | None = None
    turn: int | None = None
    quote: str = ""
    why: str = ""
    problem: str = ""


def question(case: FailedCase) -> list[dict[str, str]]:
    """Return the messages that a reader is sent; empty if the record does not hold what was said."""
    if not case.messages:
        return []
    return [{"role": "system", "content": _INSTRUCTIONS}, {"role": "user", "content": _record(case)}]


def question_hash(messages: list[dict[str, str]]) -> str:
    """Return what tells one question from another: an answer to the same one need not be asked for again."""
    return hashlib.sha256(json.dumps(messages, ensure_ascii=False).encode()).hexdigest()[:16]


def _record(case: FailedCase) -> str:
    said = case.said
    parts = {
        "policy of the agent": case.policy,
        "scenario of the user": said.scenario if said is not None else "",
        "reference actions": "\n".join(_action(action) for action in case.evidence.actions) or "none",
        "lost": ", ".join(sorted(case.lost)) or str(case.simulation["termination"]),
        "what had to be said and was not": "\n".join(map(str, case.evidence.unmet("communicate"))),
        "verdicts of the judge": "\n".join(map(_verdict, said.verdicts if said is not None else ())),
        "conversation": "\n".join(map(_line, case.messages)),
    }
    return "\n\n".join(f"<{name}>\n{text}\n</{name}>" for name, text in parts.items() if text)


def _action(action: Mapping[str, Any]) -> str:
    return f"{action['tool']} {json.dumps(action['wanted'], ensure_ascii=False, default=str)}"


def _verdict(verdict: Mapping[str, Any]) -> str:
    return json.dumps(dict(verdict), ensure_ascii=False, default=str)


def _line(message: SaidMessage) -> str:
    calls = "; ".join(f"{tool} {json.dumps(arguments, ensure_ascii=False, default=str)}" for tool, arguments in message.calls)
    text = message.text if message.role != "tool" else message.text[:LONGEST_RESULT]
    return f"[{message.index}] {message.role}: {text}" + (f" [calls {calls}]" if calls else "")


def reading_of(answer: str, case: FailedCase) -> Reading:
    """Return what a reader's answer says of a simulation, with the turn in which its quote is."""
    found = _object(answer)
    if found is None:
        return Reading(problem="the answer is no JSON object")
    fault, quote = str(found.get("fault") or "").strip().casefold(), str(found.get("quote") or "")[:_QUOTE]
    if fault not in FAULT_NAMES:
        return Reading(problem=f"no fault {fault[:30]!r}")
    turn = _where(quote, found.get("turn"), case)
    if turn is None and fault not in ("unknown", "judge", "infrastructure"):
        return Reading(problem="the quote is not in the transcript" if quote.strip() else "no quote")
    return Reading(fault, turn, quote if turn is not None else "", str(found.get("why") or "")[:_WHY])


def _object(answer: str) -> Mapping[str, Any] | None:
    start, end = answer.find("{"), answer.rfind("}")
    try:
        found = json.loads(answer[start : end + 1]) if start >= 0 else None
    except ValueError:
        return None
    return found if isinstance(found, Mapping) else None


def _where(quote: str, turn: object, case: FailedCase) -> int | None:
    """Return the message that holds a quote: the one that was named, else the nearest to it."""
    wanted = _plain(quote)
    if len(wanted) < SHORTEST_QUOTE:
        return None
    named = turn if isinstance(turn, int) else 0
    places = [message.index for message in case.messages if wanted in _plain(_line(message))]
    return min(places, key=lambda index: abs(index - named)) if places else None


def _plain(text: str) -> str:
    """Return a text for comparison: case, spaces and kinds of quotation marks do not matter."""
    return re.sub(r"\s+", " ", text.translate(_QUOTATION)).strip().casefold()
