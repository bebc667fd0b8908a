"""Whose fault each failed simulation is: the first rule that applies, a second candidate, and what follows for the agent's success."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pandas as pd

from tau2_logging.analysis.deep.attribution.accusation import TASK, UNKNOWN, Accusation, FaultRule
from tau2_logging.analysis.deep.attribution.failed_case import FailedCase
from tau2_logging.analysis.deep.attribution.precision import measured_on, precision_of
from tau2_logging.analysis.deep.attribution.rules import (
    agent_rules,
    device_rules,
    infrastructure_rules,
    judge_rules,
    request_rules,
    scenario_rules,
    task_rules,
    tool_rules,
    user_rules,
)
from tau2_logging.analysis.deep.reading.merge import key_of, text_key
from tau2_logging.analysis.deep.reading.recorded import RUN_KEY, Recorded, Row, frame
from tau2_logging.analysis.deep.root_causes import evidence
from tau2_logging.analysis.tables.keyed import kept
from tau2_logging.events.secrets.masking import mask_text

FAULT_RULES: tuple[FaultRule, ...] = (
    judge_rules.FAILED,
    *judge_rules.RULES,
    tool_rules.ON_PURPOSE,
    *infrastructure_rules.RULES,
    *tool_rules.RULES,
    *task_rules.RULES,
    *device_rules.RULES,
    *user_rules.RULES,
    *scenario_rules.RULES,
    *request_rules.RULES,
    *agent_rules.RULES,
)
"""In the order in which they are asked."""

_WITHOUT_REFERENCE = ("hung up before the agent could act", "left while the agent was asking", "withheld what the scenario says")
"""Faults of the user that do not depend on which values the reference has: they show also if the reference is wrong."""

COLUMNS = (*RUN_KEY, "fault", "turn", "rule", "precision", "second", "measured_on", "sentence", "measured")


def accusations(case: FailedCase) -> Iterator[Accusation]:
    """Yield every rule that applies to a failed simulation, in order."""
    for rule in FAULT_RULES:
        if (shown := rule.find(case)) is not None:
            yield Accusation(rule, shown)


def cases(recorded: Recorded) -> Iterator[FailedCase]:
    """Yield every simulation that was not solved, or not scored."""
    for found in evidence(recorded):
        yield FailedCase(found, recorded.conversations.get(key_of(found.simulation)))


@kept
def attribution(recorded: Recorded) -> pd.DataFrame:
    """Return one row for each simulation that was not solved: fault, the message that shows it (index in the trajectory from 0), the
    rule, its precision as measured on labels, the second candidate's fault, a sentence, and what else would have saved it if `branch` has
    measured that. `unknown` if no rule applies."""
    return frame([{**attributed(case), "measured": _saved(recorded, case.simulation)} for case in cases(recorded)], COLUMNS)


def _saved(recorded: Recorded, simulation: Row) -> str | None:
    one = recorded.measured.get(text_key(simulation))
    return None if one is None else "; ".join(one.saved()) or None


def attribution_table(recorded: Recorded) -> pd.DataFrame:
    """Return `attribution` with whole numbers as such, where some are absent."""
    return attribution(recorded).astype({"turn": "Int64", "measured_on": "Int64"})


def _decisive(found: list[Accusation]) -> Accusation:
    """Return the first accusation; but of a task that is at fault and a user that left or withheld something, what is shown first."""
    first = found[0]
    both = [one for one in found if (one is first or one.rule.name in _WITHOUT_REFERENCE) and one.shown.turn is not None]
    return min(both, key=lambda one: one.shown.turn or 0) if first.rule.fault == TASK and first in both else first


def attributed(case: FailedCase) -> Row:
    """Return the row of one failed simulation."""
    found = list(accusations(case))
    row: dict[str, Any] = {name: case.simulation[name] for name in RUN_KEY}
    if not found:
        return {**row, "fault": UNKNOWN}
    first = _decisive(found)
    second = next((one.rule.fault for one in found if one.rule.fault != first.rule.fault), None)
    return {
        **row, "fault": first.rule.fault, "turn": first.shown.turn, "rule": first.rule.name,
        "precision": precision_of(first.rule.name), "second": second, "measured_on": measured_on(first.rule.name),
        "sentence": mask_text(first.shown.sentence),
    }  # fmt: skip
