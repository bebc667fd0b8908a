"""The judge's fault: nothing but its verdicts cost the reward, and each of those that did cannot be believed."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any

from tau2_logging.analysis.deep.attribution.accusation import JUDGE, FaultRule, Shown
from tau2_logging.analysis.deep.attribution.failed_case import FailedCase

_PART = "NL_ASSERTION"
_MET = re.compile(
    r"\b((is|was|has been|are|were) (clearly |fully )?(met|satisfied|fulfilled)|meets? the expect\w+|expectation is met"
    r"|(therefore|so|thus),? (it is )?true)\b",
    re.IGNORECASE,
)
_NOT_MET = re.compile(r"\b(not|n't|never|fails?|failed|without|unmet|missing|however|but)\b", re.IGNORECASE)


_SAYS_UNMET = re.compile(
    r"\b(is|was|were|are|has|have) (therefore |thus |clearly )?(not|n't) (been )?(met|satisfied|fulfilled)|\bunmet\b"
    r"|\b(fails|failed) to (meet|satisfy|fulfil)|\b(therefore|so|thus),? (it is )?false\b",
    re.IGNORECASE,
)


def contradicts(met: bool, reason: str) -> bool:
    """Return whether a verdict is the opposite of what its reason says; a reason that says neither contradicts nothing."""
    if met:
        return bool(_SAYS_UNMET.search(reason)) and not _MET.search(_SAYS_UNMET.sub("", reason))
    return bool(_MET.search(reason)) and not _NOT_MET.search(reason)


def _unmet(case: FailedCase) -> list[Mapping[str, Any]]:
    verdicts = case.said.verdicts if case.said is not None and case.lost_only(_PART) else ()
    return [verdict for verdict in verdicts if verdict.get("met") is False]


def _reason(verdict: Mapping[str, Any]) -> str:
    return str(verdict.get("justification") or verdict.get("reasoning") or "").strip()


def _all(is_bad: Callable[[Mapping[str, Any]], bool], sentence: str) -> Callable[[FailedCase], Shown | None]:
    def find(case: FailedCase) -> Shown | None:
        unmet = _unmet(case)
        return Shown(None, sentence.format(len(unmet))) if unmet and all(is_bad(verdict) for verdict in unmet) else None

    return find


def _contradicts(verdict: Mapping[str, Any]) -> bool:
    return contradicts(False, _reason(verdict))


def _miscounted(case: FailedCase) -> Shown | None:
    if case.said is None or case.said.expected is None or not case.lost_only(_PART):
        return None
    given, expected, unmet = len(case.said.verdicts), case.said.expected, _unmet(case)
    asked = {statement.strip() for statement in case.said.statements}
    if given == expected or any(not asked or str(verdict.get("nl_assertion")).strip() in asked for verdict in unmet):
        return None
    what = "none of them a failure" if not unmet else "and found unmet only what it was not asked"
    return Shown(None, f"the judge gave {given} verdicts on {expected} statements, {what}")


def _failed(case: FailedCase) -> Shown | None:
    if str(case.simulation["termination"]) == "judge_error":
        return Shown(None, f"the judge failed: {str(case.simulation['ended_in'] or 'its answer could not be used')[:120]}")
    note = case.said.note if case.said is not None else ""
    if re.search(r"judge|nl.?assertion", note, re.IGNORECASE) and re.search(r"fail|error|exception|parse", note, re.IGNORECASE):
        return Shown(None, f"the judge failed: {note[:120]}")
    return None


FAILED = FaultRule("judge failed", JUDGE, "tau2's note on the reward, how the simulation ended", _failed)
"""Asked before the infrastructure's rules: such a simulation has no reward."""

RULES = (
    FaultRule("other number of verdicts", JUDGE, "verdicts, statements of the task", _miscounted),
    FaultRule(
        "verdict without a reason",
        JUDGE,
        "verdicts",
        _all(lambda verdict: not _reason(verdict), "{} statement(s) found unmet without a word why"),
    ),
    FaultRule(
        "verdict against its own words",
        JUDGE,
        "verdicts",
        _all(_contradicts, "{} statement(s) found unmet by a reason that says they are met"),
    ),
)
