"""Conversations that differ from a task's reference in one thing: wrong ones, which must score 0, and right ones, which must score 1."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

from tau2_logging.runner.harness.conversation_replay import ReplayCall

WRITE_LEFT_OUT, WRITE_DOUBLED, EXTRA_READ = "write_left_out", "write_doubled", "extra_read"
WRITES_SWAPPED, SENTENCE_LEFT_OUT, SENTENCE_IN_OTHER_FORM = "writes_swapped", "sentence_left_out", "sentence_in_other_form"
WRONG_NUMBER, ARGUMENT_CHANGED, EXTRA_WRITE = "wrong_number", "argument_changed", "extra_write"
WRITES_REVERSED, ROUNDED_NUMBER = "writes_reversed", "rounded_number"
WRONG_IF_STATE_DIFFERS = frozenset({WRITE_LEFT_OUT, WRITE_DOUBLED, ARGUMENT_CHANGED, EXTRA_WRITE})
"""Whether these are wrong is decided by the end state: with the reference's, nothing is missing."""
ALWAYS_WRONG = frozenset({SENTENCE_LEFT_OUT, WRONG_NUMBER, ROUNDED_NUMBER})
MUTANT_KINDS = (
    WRITE_LEFT_OUT, WRITE_DOUBLED, ARGUMENT_CHANGED, EXTRA_WRITE, SENTENCE_LEFT_OUT, WRONG_NUMBER, ROUNDED_NUMBER, EXTRA_READ,
    WRITES_SWAPPED, WRITES_REVERSED, SENTENCE_IN_OTHER_FORM,
)  # fmt: skip
_NUMBER = re.compile(r"\d+(\.\d+)?")


_MOST_EXTRA = 12
"""Writes of other references that are tried until a tool takes one."""
_MOST_VALUES = 3
"""Values that are tried for an argument until the tool takes one."""
Values = Mapping[tuple[str, str], Sequence[Any]]
"""What references give to an argument, by (tool, argument)."""


@dataclass(frozen=True)
class Mutant:
    """`what` was changed, and the conversation that results."""

    kind: str
    what: str
    calls: tuple[ReplayCall, ...]
    says: tuple[str, ...]


def mutants(
    calls: Sequence[ReplayCall], says: Sequence[str], writes: Sequence[bool], reads: Sequence[bool]
) -> Iterator[Mutant]:  # fmt: skip
    """Yield all mutants of a reference; `writes` and `reads` say of each call whether it changed something, whether it is a read."""
    kept, said = tuple(calls), tuple(says)
    for at, call in enumerate(kept):
        if writes[at]:
            yield Mutant(WRITE_LEFT_OUT, f"without {call}", kept[:at] + kept[at + 1 :], said)
            yield Mutant(WRITE_DOUBLED, f"twice {call}", (*kept[: at + 1], *kept[at:]), said)
        elif reads[at]:
            yield Mutant(EXTRA_READ, f"again at the end {call}", (*kept, call), said)
    for first, second in independent_pairs(kept, writes):
        yield Mutant(WRITES_SWAPPED, f"{kept[second]} before {kept[first]}", swapped(kept, first, second), said)
    if (backwards := reversed_writes(kept, writes)) is not None:
        yield Mutant(WRITES_REVERSED, "all writes in the opposite order", backwards, said)
    for at, text in enumerate(said):
        yield Mutant(SENTENCE_LEFT_OUT, f"without saying {text!r}", kept, said[:at] + said[at + 1 :])
        if _NUMBER.fullmatch(text):
            yield Mutant(WRONG_NUMBER, f"{'9' + text!r} for {text!r}", kept, (*said[:at], "9" + text, *said[at + 1 :]))
        if (rounded := rounded_number(text)) is not None:
            yield Mutant(ROUNDED_NUMBER, f"{rounded!r} for {text!r}", kept, (*said[:at], rounded, *said[at + 1 :]))
        for other in other_forms(text):
            yield Mutant(SENTENCE_IN_OTHER_FORM, f"{other!r} for {text!r}", kept, (*said[:at], other, *said[at + 1 :]))


def values_of(calls: Iterable[ReplayCall]) -> Values:
    """Return the different values of each argument, in the order of the calls."""
    found: dict[tuple[str, str], dict[str, Any]] = {}
    for call in calls:
        for argument, value in call.arguments.items():
            found.setdefault((call.name, argument), {})[json.dumps(value, sort_keys=True)] = value
    return {key: list(values.values()) for key, values in found.items()}


def changed_arguments(calls: Sequence[ReplayCall], at: int, says: Sequence[str], values: Values) -> Iterator[list[Mutant]]:
    """Yield for each argument of a call the mutants in which it has a value that other references give it."""
    call = calls[at]
    for argument, own in call.arguments.items():
        others = [value for value in values.get((call.name, argument), ()) if value != own][:_MOST_VALUES]
        made = [ReplayCall(call.requestor, call.name, {**call.arguments, argument: value}) for value in others]
        yield [Mutant(ARGUMENT_CHANGED, f"{one} for {argument}={own!r}", (*calls[:at], one, *calls[at + 1 :]), tuple(says)) for one in made]


def extra_writes(calls: Sequence[ReplayCall], says: Sequence[str], others: Iterable[ReplayCall]) -> list[Mutant]:
    """Return the mutants in which a write of another reference is made at the end."""
    known = list(map(str, calls))
    more = [call for call in others if str(call) not in known][:_MOST_EXTRA]
    return [Mutant(EXTRA_WRITE, f"{call} at the end", (*calls, call), tuple(says)) for call in more]


def rounded_number(text: str) -> str | None:
    """Return an amount without its cents, None if it has none."""
    if not _NUMBER.fullmatch(text) or float(text).is_integer():
        return None
    return f"{float(text):.0f}"


def other_forms(text: str) -> list[str]:
    """Return how the same could be said: an amount with the dollar sign and separators, a word in capitals.

    A number without decimals may be a count, and is given no currency.
    """
    if _NUMBER.fullmatch(text):
        value = float(text)
        forms = [f"{value:,.0f}"] if "." not in text else [f"${value:,.2f}"]
        forms += [f"${value:,.0f}"] if "." in text and value.is_integer() else []
    else:
        forms = [text.upper()]
    return [form for form in forms if form != text]


def independent_pairs(calls: Sequence[ReplayCall], writes: Sequence[bool]) -> Iterator[tuple[int, int]]:
    """Yield neighboring writes of the agent that have no identifier in common: neither touches what the other does.

    A write without identifiers touches nobody knows what, and has no pair.
    """
    places = [at for at, wrote in enumerate(writes) if wrote]
    for first, second in pairwise(places):
        one, two = identifiers(calls[first].arguments), identifiers(calls[second].arguments)
        agents = calls[first].requestor == calls[second].requestor == "assistant"
        if agents and one and two and not one & two:
            yield first, second


def reversed_writes(calls: tuple[ReplayCall, ...], writes: Sequence[bool]) -> tuple[ReplayCall, ...] | None:
    """Return the calls with three or more writes in the opposite order, reads where they were; None unless no two of them have an
    identifier in common (two writes are what `independent_pairs` has)."""
    places = [at for at, wrote in enumerate(writes) if wrote]
    names = [identifiers(calls[at].arguments) for at in places]
    apart = all(names) and sum(map(len, names)) == len(frozenset().union(*names))
    if len(places) < 3 or not apart or any(calls[at].requestor != "assistant" for at in places):
        return None
    changed = list(calls)
    for at, other in zip(places, reversed(places), strict=True):
        changed[at] = calls[other]
    return tuple(changed)


def swapped(calls: tuple[ReplayCall, ...], first: int, second: int) -> tuple[ReplayCall, ...]:
    """Return the calls with the later write made just before the earlier one, reads where they were."""
    changed = list(calls)
    changed[first], changed[second] = calls[second], calls[first]
    return tuple(changed)


def identifiers(value: Any) -> frozenset[str]:
    """Return the texts in a value that have a digit, wherever they are in it."""
    if isinstance(value, str):
        return frozenset([value]) if any(map(str.isdigit, value)) else frozenset()
    if isinstance(value, Mapping):
        return frozenset().union(*map(identifiers, value.values()))
    if isinstance(value, (list, tuple)):
        return frozenset().union(*map(identifiers, value))
    return frozenset()
