"""The findings of a run, the most important one first."""

from __future__ import annotations

import weakref
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from tau2_logging.analysis.findings.finding import RECORD, Finding, Proof
from tau2_logging.analysis.findings.rules import RULES
from tau2_logging.analysis.findings.run_facts import RunFacts

if TYPE_CHECKING:
    from tau2_logging.analysis.deep import LogAnalyzer
    from tau2_logging.analysis.measures.costs.prices import PriceTable
    from tau2_logging.analysis.run_log import RunLog

MOST_SHOWN = 7
"""Findings that the user is shown; stats.json has all."""


def findings_of(log: RunLog, deep: LogAnalyzer | None = None, prices: PriceTable | None = None) -> Sequence[Finding]:
    """Return the findings of a run by what is at stake (see `finding.WEIGHTS`), the largest first. Of several runs there are none: look at
    each of `log.by_run`. They are made once for all reports.
    """
    if len(log.by_run) > 1:
        return ()
    made = _MADE.get(log)
    if made is None or made.deep() is not deep or made.prices is not prices:
        facts = RunFacts(log, deep, prices)
        found = [finding for key in RULES for finding in _made_by(key, facts)]
        made = _Made(
            _no_analysis if deep is None else weakref.ref(deep), prices, tuple(sorted(found, key=lambda one: (not one.leads, -one.stake)))
        )
        _MADE[log] = made
    return made.findings


def _made_by(key: str, facts: RunFacts) -> list[Finding]:
    """Return what a rule gives; a rule that fails says so, and does not take the others with it."""
    try:
        return list(RULES[key](facts))
    except Exception as error:
        sentence = f"The finding {key} could not be made ({type(error).__name__}: {error})."
        return [Finding(key, sentence, "The other findings are not affected; please report this.", 0.0, RECORD, Proof("run"))]


def _no_analysis() -> None:
    return None


@dataclass(frozen=True)
class _Made:
    """Findings, and what they were made of beside the log."""

    deep: Callable[[], LogAnalyzer | None]
    prices: PriceTable | None
    findings: tuple[Finding, ...]


_MADE: weakref.WeakKeyDictionary[RunLog, _Made] = weakref.WeakKeyDictionary()
