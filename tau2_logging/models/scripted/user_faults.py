"""Faults of the simulated user, committed on purpose: it hangs up, says a wrong fact, withholds, changes its mind.

With any of them above 0 the customer asks in every simulation to be asked before changes, so that simulations with and without a fault
are alike but for the fault. Which simulations have one, and which, is drawn by seed and task, and is the same in every arm.
"""

from __future__ import annotations

import random
import re
from collections.abc import Mapping, Sequence
from typing import Any

from tau2_logging.models.scripted.careful_agent import (
    ASK_BEFORE_CHANGES,
    ASK_FOR_DETAILS,
    NEEDS,
    PROPOSAL,
    REFUSAL,
    TAKES_BACK,
    correction,
)
from tau2_logging.models.scripted.llm_args import ScriptedSettings

HANGS_UP, WRONG_FACT, WITHHOLDS, CHANGES_MIND = "hangs_up", "wrong_fact", "withholds", "changes_mind"
_FACT = re.compile(r"#?\b(?=\w*\d)\w{4,}\b")


def drawn_user_fault(settings: ScriptedSettings, task: str) -> str | None:
    """Return the fault that the user of a simulation commits, if any. `task`: what the dice are thrown for."""
    at = random.Random(f"{settings.seed}|{task}|user fault").random()
    for name, share in settings.user_faults.items():
        at -= share
        if at < 0:
            return name
    return None


def asks_to_be_asked(text: str, messages: Sequence[Mapping[str, Any]], fault: str | None) -> str:
    """Return the opening of such a customer, with the wrong fact if that is the fault."""
    parts = [text, ASK_BEFORE_CHANGES]
    if fault == WITHHOLDS:
        parts.append(ASK_FOR_DETAILS)
    if fault == WRONG_FACT:
        system = next((str(message.get("content") or "") for message in messages if message["role"] == "system"), "")
        scenario = system.partition("<scenario>")[2] or system
        parts += [correction(falsified(fact), fact) for fact in dict.fromkeys(_FACT.findall(scenario.partition("</scenario>")[0]))]
    return " ".join(parts)


def falsified(fact: str) -> str:
    """Return the fact with its digits turned round: each 9 minus what it was."""
    return "".join(str(9 - int(sign)) if sign.isdecimal() else sign for sign in fact)


def faulty_answer(heard: str, fault: str | None, stop: str) -> str | None:
    """Return what such a customer answers to a proposal or a question; None if it was asked neither."""
    if NEEDS in heard:
        return REFUSAL if fault == WITHHOLDS else "You have all that I know."
    if PROPOSAL not in heard:
        return None
    if fault == HANGS_UP:
        return f"Yes, please do that. {stop}"
    return TAKES_BACK if fault == CHANGES_MIND else "Yes, please do that."
