"""Faults of tools on purpose (`--tool-faults`): which calls are hit, and what the model reads instead of the tool's answer.

A call is drawn by the simulation's seed, the task and how often that tool was called before, so that the same trial of a task draws alike
in every arm. What the faults do to a call is in `SpoiledAnswer`; putting it into tau2 is the part of `injected_faults`.
"""

from __future__ import annotations

import difflib
import json
import random
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from tau2_logging.errors import UserError

ERROR, TIMEOUT, STALE, EMPTY, SLOW = TOOL_FAULTS = ("error", "timeout", "stale", "empty", "slow")
WAIT = "wait"
FORM = "give [TOOL:]FAULT=RATE with a rate from 0 to 1, as in error=0.1 get_order_details:stale=0.5, or wait=SECONDS"
_ANY = "*"


@dataclass(frozen=True)
class ToolFaults:
    """`rates` of each fault by tool; `*` is every tool that has none of its own. `wait_s`: how long a slow call and a time-out take."""

    rates: Mapping[str, Mapping[str, float]] = field(default_factory=dict)
    wait_s: float = 2.0

    @classmethod
    def of(cls, words: Iterable[str]) -> ToolFaults:
        """From the words of `--tool-faults`. Raises UserError."""
        rates: defaultdict[str, dict[str, float]] = defaultdict(dict)
        wait_s = cls.wait_s
        for word in words:
            name, value = _number(word)
            if name == WAIT:
                wait_s = value
                continue
            tool, _, fault = name.rpartition(":")
            _check(word, fault, value)
            rates[tool or _ANY][fault] = value
        for tool, of_tool in rates.items():
            if sum(of_tool.values()) > 1 + 1e-9:
                what = "all tools" if tool == _ANY else tool
                raise UserError(f"--tool-faults: the rates of {what} add up to {sum(of_tool.values()):g}; at most 1 is possible")
        return cls(dict(rates), wait_s)

    @property
    def tools(self) -> tuple[str, ...]:
        """The tools that are named."""
        return tuple(tool for tool in self.rates if tool != _ANY)

    def drawn(self, tool: str, dice: str) -> str | None:
        """Return the fault of a call, if any; `dice`: what is drawn for."""
        at = random.Random(f"{dice}|tool fault").random()
        for fault, rate in self.rates.get(tool, self.rates.get(_ANY, {})).items():
            at -= rate
            if at < 0:
                return fault
        return None


def _number(word: str) -> tuple[str, float]:
    name, equals, value = word.partition("=")
    try:
        number = float(value)
    except ValueError:
        number = -1.0
    if not equals or not 0 <= number < float("inf"):
        raise UserError(f"--tool-faults {word!r} cannot be read; {FORM}")
    return name, number


def _check(word: str, fault: str, rate: float) -> None:
    if fault not in TOOL_FAULTS:
        close = difflib.get_close_matches(fault, (*TOOL_FAULTS, WAIT), n=1)
        hint = f"did you mean {close[0]!r}? " if close else ""
        raise UserError(f"--tool-faults: no fault {fault!r}; {hint}there are {', '.join(TOOL_FAULTS)}")
    if rate > 1:
        raise UserError(f"--tool-faults {word!r}: the rate is {rate:g}; {FORM}")


@dataclass(frozen=True)
class SpoiledAnswer:
    """What the model reads of a call that was hit; `text` None is the tool's own answer. `executed`: the tool did its work all the same."""

    fault: str
    text: str | None
    executed: bool = True


def unexecuted(fault: str, tool: str, wait_s: float) -> SpoiledAnswer | None:
    """Return the answer to a call that never reaches its tool; None for a fault of which the tool does its work."""
    if fault == ERROR:
        return SpoiledAnswer(fault, f"Error: Internal server error: {tool} is unavailable", False)
    if fault == TIMEOUT:
        return SpoiledAnswer(fault, f"Error: {tool} timed out after {wait_s:g} s", False)
    return None


def spoiled(fault: str, text: str, before: str | None) -> SpoiledAnswer | None:
    """Return the answer to a call that its tool has answered with `text`; `before` is the first answer of the same call in this
    simulation. None if nothing differs: an answer that is not stale yet, or is empty anyway."""
    if fault == SLOW:
        return SpoiledAnswer(fault, None)
    said = before if fault == STALE else emptied(text)
    return SpoiledAnswer(fault, said) if said is not None and said != text else None


def emptied(text: str) -> str:
    """Return an answer of the same kind with nothing in it."""
    try:
        value = json.loads(text)
    except ValueError:
        return ""
    return "{}" if isinstance(value, dict) else "[]" if isinstance(value, list) else ""
