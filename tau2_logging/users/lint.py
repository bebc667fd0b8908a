"""Does a variant change manner only? What can be seen without a model; the user reads the rest (`experiments variants diff`)."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from statistics import median

from tau2_logging.users.variant import Variant

LENGTH_TOLERANCE = 0.15
"""How much longer or shorter than the median of a set a variant may be: length alone changes what a model does."""

ERROR, WARNING = "error", "warning"

_SUSPECT = {
    "a goal or a demand": r"refunds?|compensat\w*|discounts?|vouchers?|credits?|cancel\w*|exchang\w*|supervisors?|managers?|escalat\w*|"
    r"complaints?|demand\w*|insist\w*|lawyers?|sue|threat\w*|review|free of charge",
    "ending the conversation": r"hang up|hanging up|give up|giving up|(?:end|leave) the (?:call|chat|conversation)|"
    r"stop (?:answering|talking)|transfer\w*|human agent",
    "a fact of a task": r"orders?|reservations?|bookings?|flights?|tickets?|phone number|user id|e-?mail address|\$\s?\d+|\d+",
}
_MARKS = re.compile(r"###|</?(?:scenario|manner|instructions)>", re.IGNORECASE)


@dataclass(frozen=True)
class LintFinding:
    """Something about a variant that the user should look at; an `error` makes it unusable in a comparison."""

    variant: str
    severity: str
    problem: str


def lint(variants: Iterable[Variant]) -> list[LintFinding]:
    """Return what is wrong with these variants, each by itself and as a set whose lengths should match."""
    chosen = [variant for variant in variants if variant.text]
    found = [finding for variant in chosen for finding in _alone(variant)]
    lengths = {variant.name: len(variant.manner.split()) for variant in chosen}
    middle = median(lengths.values()) if lengths else 0
    for name, words in lengths.items():
        if abs(words - middle) > LENGTH_TOLERANCE * middle:
            problem = f"{words} words, where the median of the set is {middle:g}; keep within {LENGTH_TOLERANCE:.0%}, or length is compared"
            found.append(LintFinding(name, WARNING, problem))
    return found


def _alone(variant: Variant) -> Iterable[LintFinding]:
    text = variant.manner
    if _MARKS.search(text):
        yield LintFinding(variant.name, ERROR, f"holds {_MARKS.findall(text)[0]!r}, which tau2 or the prompt gives a meaning")
    for what, pattern in _SUSPECT.items():
        words = sorted({word.lower() for word in re.findall(rf"\b(?:{pattern})\b", text, re.IGNORECASE)})
        if words:
            yield LintFinding(variant.name, ERROR, f"speaks of {', '.join(words)}: {what} is no manner")
    if not variant.cues:
        yield LintFinding(variant.name, WARNING, "has no cues; without cue phrases its delivery can be checked by the other markers only")
    for cue in variant.cues:
        if cue.lower() not in text.lower():
            yield LintFinding(variant.name, ERROR, f"its cue {cue!r} is not in its text")
