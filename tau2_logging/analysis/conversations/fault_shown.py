"""Whose fault a failed simulation is, with the turn of the page that shows it."""

from __future__ import annotations

from typing import Any

from tau2_logging.analysis.conversations.conversation import Messages
from tau2_logging.analysis.deep.attribution.accusation import FAULT_NAMES
from tau2_logging.analysis.deep.attribution.attribute import attributed
from tau2_logging.analysis.deep.attribution.failed_case import FailedCase
from tau2_logging.analysis.deep.reading.messages import flat


def fault_in(case: FailedCase, messages: Messages) -> dict[str, Any]:
    """Return fault, rule, sentence, precision, second candidate and the turn, all None but the fault if no rule applies."""
    row = attributed(case)
    found = {name: row.get(name) for name in ("rule", "sentence", "precision", "measured_on")}
    second = row.get("second")
    return {
        **found,
        "fault": FAULT_NAMES[row["fault"]],
        "second": None if second is None else FAULT_NAMES[second],
        "turn": _turn_of(row.get("turn"), messages),
    }


def _turn_of(index: int | None, messages: Messages) -> int | None:
    """Return the number among the messages of agent and user, which are a page's turns: results of tools belong to the turn before."""
    if index is None:
        return None
    turns = sum(message.get("role") != "tool" for at, message in enumerate(flat(messages)) if at <= index)
    return turns - 1 if turns else None
