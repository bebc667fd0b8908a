"""What two sides answered, held against each other: every difference, and of what kind it is. Pure: no process, no benchmark."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from tau2_logging.parity.case import NO_TOOL, Call, Case

ERROR_PREFIX = "error_prefix"
ORDER_ID_PREFIX = "order_id_prefix"
_Answer = Mapping[str, Any]
_PREFIX = re.compile(r"Error(?: executing tool '[^']*')?: ")


@dataclass(frozen=True)
class Difference:
    """Where the sides differ: `kind`, the case, what was asked, both answers."""

    kind: str
    case: Case
    what: str
    left: Any
    right: Any


@dataclass
class EqualCounts:
    """Figures of one domain: how many of what were compared (`n`), and how many were equal (`equal`)."""

    n: Counter[str] = field(default_factory=Counter)
    equal: Counter[str] = field(default_factory=Counter)
    perfect: list[int] = field(default_factory=lambda: [0, 0])
    """Conversations with reward 1, on the left and on the right."""

    def count(self, what: str, same: bool) -> None:
        """One more of `what`."""
        self.n[what] += 1
        self.equal[what] += same


@dataclass(frozen=True)
class ParityComparison:
    """All differences, and tallies by (domain, `gold`, `slip` or `fuzz`). `tools` counts calls and successes of each (requestor, tool)."""

    differences: list[Difference]
    tallies: dict[tuple[str, str], EqualCounts]
    tools: dict[tuple[str, str, str], list[int]]


def compare(
    cases: Sequence[Case],
    left: Mapping[Any, Mapping[str, Any]],
    right: Mapping[Any, Mapping[str, Any]],
    deliberate: frozenset[str],
) -> ParityComparison:
    """Compare the answers to `cases`. What follows a deliberate difference in a sequence is not compared if it changes the state."""
    found = ParityComparison([], {}, {})
    for case in cases:
        tally = found.tallies.setdefault((case.domain, case.played), EqualCounts())
        one, other = left.get(case.key), right.get(case.key)
        if one is None or other is None or "failed" in one or "failed" in other:
            same = one is not None and other is not None and "failed" in one and "failed" in other
            tally.count("cases", same)
            if not same:
                found.differences.append(Difference("not_played", case, "initial state", _failed(one), _failed(other)))
            continue
        _count_tools(found, case, one)
        differences = list(_differences(case, one, other, tally, deliberate))
        tally.count("cases", not differences)
        found.differences.extend(differences)
    return found


def _failed(answer: Mapping[str, Any] | None) -> str:
    return "no answer" if answer is None else str(answer.get("failed", "played"))


def _count_tools(found: ParityComparison, case: Case, answer: Mapping[str, Any]) -> None:
    for call, said in zip(case.calls, answer["calls"], strict=True):
        if call.name == NO_TOOL:
            continue
        counts = found.tools.setdefault((case.domain, call.requestor, call.name), [0, 0])
        counts[0] += 1
        counts[1] += not said["error"]


def _differences(case: Case, one: _Answer, other: _Answer, tally: EqualCounts, deliberate: frozenset[str]) -> Iterator[Difference]:
    start = one["start"] == other["start"]
    tally.count("start", start)
    if not start:
        yield Difference("start", case, "hashes of the initial state", one["start"], other["start"])
    for call, first, second in zip(case.calls, one["calls"], other["calls"], strict=True):
        tally.count("flags", first["error"] == second["error"])
        tally.count("outputs", first["output"] == second["output"])
        kind = _kind(call, first, second)
        if kind is not None:
            yield Difference(kind, case, str(call), first["output"], second["output"])
        if kind == ORDER_ID_PREFIX and kind in deliberate:
            return  # the call was carried out on one side alone: the states are not the same any more
    yield from _end(case, one, other, tally)
    yield from _scores(case, one, other, tally)


def _kind(call: Call, first: Mapping[str, Any], second: Mapping[str, Any]) -> str | None:
    if first == second:
        return None
    order = call.arguments.get("order_id")
    if isinstance(order, str) and not order.startswith("#"):
        return ORDER_ID_PREFIX
    if first["error"] != second["error"]:
        return "error_flag"
    if first["error"] and _PREFIX.sub("", first["output"], count=1) == _PREFIX.sub("", second["output"], count=1):
        return ERROR_PREFIX
    return "output"


def _end(case: Case, one: _Answer, other: _Answer, tally: EqualCounts) -> Iterator[Difference]:
    same = one["end"] == other["end"]
    tally.count("databases", same)
    if not same:
        which = [name for name, a, b in zip(("agent's", "user's"), one["end"], other["end"], strict=True) if a != b]
        yield Difference("database", case, f"hash of the {' and the '.join(which)} database", one["end"], other["end"])
    for first, second in zip(one["assertions"], other["assertions"], strict=True):
        tally.count("assertions", first == second)
        if first != second:
            yield Difference("assertion", case, first["name"], first["met"], second["met"])


def _scores(case: Case, one: _Answer, other: _Answer, tally: EqualCounts) -> Iterator[Difference]:
    if "scored" not in one:
        return
    rewards = [answer["scored"].get("reward", answer["scored"].get("error")) for answer in (one, other)]
    for side, reward in enumerate(rewards):
        tally.perfect[side] += reward == 1.0
    tally.count("rewards", rewards[0] == rewards[1])
    if rewards[0] != rewards[1]:
        yield Difference("reward", case, "reward of the conversation", *rewards)
