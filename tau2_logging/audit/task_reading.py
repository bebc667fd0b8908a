"""What reading a task shows: identifiers that no database has, arguments that nobody tells, amounts that no tool gave. Hints, no proofs."""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Collection, Iterator, Mapping, Sequence
from itertools import combinations
from typing import Any

from tau2_logging.audit.finding_kinds import AuditFinding
from tau2_logging.runner.harness.conversation_replay import ReplayAnswer, ReplayCall

_TOKEN = re.compile(r"#?[A-Za-z0-9][A-Za-z0-9_@.\-]*[A-Za-z0-9]")
_NUMBER = re.compile(r"-?\d+(?:\.\d+)?")
_TIME = re.compile(r"\d{4}-\d\d-\d\d.*|\d\d?:\d\d(:\d\d)?|\d{1,4}")
_LEAST_LIKE_IT = 3
"""So many values of a database have to look alike before a text that looks the same is taken for an identifier."""
_LEAST_LETTERS = 3
_LEAST_FIELDS = 3
_MOST_ITEMS = 8
"""Of an order, whose prices are added up in every combination."""
_FREE_TEXT = frozenset({"summary", "expression", "thought", "reason_for_transfer"})
"""Arguments in the agent's own words."""


def leaves(value: Any) -> Iterator[str]:
    """Yield the texts, numbers and keys in a value."""
    if isinstance(value, Mapping):
        for key, item in value.items():
            yield str(key)
            yield from leaves(item)
    elif isinstance(value, list | tuple):
        for item in value:
            yield from leaves(item)
    elif isinstance(value, str):
        yield value
    elif isinstance(value, int | float) and not isinstance(value, bool):
        yield json.dumps(value)


def looks_like(text: str) -> str:
    """Return the shape of an identifier: `noah_muller_9847` and `mia_li_3668` have the same, `HAT001` and `4WQ150` too."""
    return re.sub(r"[A-Za-z0-9]+", lambda match: _shape(match[0]), text)


def _shape(part: str) -> str:
    if part.isdigit():
        return f"<{len(part)} digits>"
    if re.fullmatch(r"[A-Z0-9]+", part) and any(map(str.isdigit, part)):
        return f"<{len(part)} capitals>"
    return re.sub(r"\d+", "9", re.sub(r"[a-z]+", "a", re.sub(r"[A-Z]+", "A", part)))


class TaskReader:
    """Reads tasks of a domain beside its databases and its policy."""

    def __init__(self, databases: Sequence[Any], policy: str) -> None:
        self._values = frozenset(leaves(databases))
        self._policy = policy.casefold()
        shapes = Counter(looks_like(value) for value in self._values if _is_identifier(value))
        self._shapes = frozenset(shape for shape, number in shapes.items() if number >= _LEAST_LIKE_IT)
        self._records = _records(databases)
        self._amounts = {round(float(value), 2) for value in self._values if re.fullmatch(r"\d+\.\d+", value)}

    def findings(
        self, text: str, calls: Sequence[ReplayCall], writes: Sequence[bool], answers: Sequence[ReplayAnswer], says: Sequence[str],
        start: str = "",
    ) -> Iterator[AuditFinding]:  # fmt: skip
        """Yield the hints of a task. `text`: all that the customer is told; `writes`: which calls are of tools that write; `start`: what
        the task puts into the databases."""
        yield from self._of_text(text, start)
        told = f"{text}\n{start}\n{self._policy}".casefold()
        for at, call in enumerate(calls):
            told_before = [told, *(answer.output.casefold() for answer in answers[:at])]
            yield from self._of_call(call, writes[at], told_before)
        yield from _of_amounts(text, calls, answers, says, self._amounts)

    def _of_text(self, text: str, start: str) -> Iterator[AuditFinding]:
        for token in dict.fromkeys(_TOKEN.findall(text)):
            known = token in self._values or f"#{token}" in self._values or token in start
            if _is_identifier(token) and looks_like(token) in self._shapes and not known:
                yield AuditFinding("text_id_unknown", f"{token} is in no database")

    def _of_call(self, call: ReplayCall, write: bool, told: Sequence[str]) -> Iterator[AuditFinding]:
        for name, value in call.arguments.items():
            for leaf in dict.fromkeys(leaves(value) if name not in _FREE_TEXT else ()):
                if leaf in self._values or any(leaf.casefold() in one for one in told):
                    continue
                if _is_identifier(leaf) and (looks_like(leaf) in self._shapes or name.endswith("_id")):
                    yield AuditFinding("reference_id_unknown", f"{call.name}: {name} {leaf} is in no database, and nobody tells it")
                elif write and len(leaf) >= _LEAST_LETTERS and not _NUMBER.fullmatch(leaf):
                    yield AuditFinding("argument_untold", f"{call.name}: {name} {leaf!r} is in no text, no answer and no database")
        for record in _dicts(list(call.arguments.values())) if write else ():
            other = self._nearly(record)
            if other is not None and not all(str(value).casefold() in told[0] for _, value in set(other) - set(record.items())):
                yield AuditFinding("record_mismatch", f"{call.name}: {json.dumps(record)}, where a database has {json.dumps(dict(other))}")

    def _nearly(self, record: Mapping[str, Any]) -> tuple[tuple[str, Any], ...] | None:
        """Return a record that differs in one field and agrees in an identifying one; None if there is the same record, or none so near."""
        if len(record) < _LEAST_FIELDS or not all(isinstance(value, str) for value in record.values()):
            return None
        mine = tuple(sorted(record.items()))
        known = self._records.get(tuple(sorted(record)), frozenset())
        if mine in known:
            return None
        near = (other for other in known if sum(pair not in other for pair in mine) == 1)
        return next(
            (other for other in sorted(near) if any(_has_digit(str(value)) and (name, value) in mine for name, value in other)), None
        )


def _is_identifier(text: str) -> bool:
    return len(text) >= 5 and _has_digit(text) and " " not in text and not _TIME.fullmatch(text) and not re.fullmatch(r"\d+\.\d+", text)


def _has_digit(text: str) -> bool:
    return any(map(str.isdigit, text))


def _dicts(value: Any) -> Iterator[Mapping[str, Any]]:
    if isinstance(value, Mapping):
        yield value
        for item in value.values():
            yield from _dicts(item)
    elif isinstance(value, list | tuple):
        for item in value:
            yield from _dicts(item)


def _records(databases: Sequence[Any]) -> Mapping[tuple[str, ...], frozenset[tuple[tuple[str, Any], ...]]]:
    """Return all small records of texts by the names of their fields."""
    found: dict[tuple[str, ...], set[tuple[tuple[str, Any], ...]]] = {}
    for record in _dicts(list(databases)):
        if _LEAST_FIELDS <= len(record) <= _MOST_ITEMS and all(isinstance(value, str) for value in record.values()):
            found.setdefault(tuple(sorted(record)), set()).add(tuple(sorted(record.items())))
    return {names: frozenset(records) for names, records in found.items()}


def _of_amounts(
    text: str, calls: Sequence[ReplayCall], answers: Sequence[ReplayAnswer], says: Sequence[str], known: Collection[float]
) -> Iterator[AuditFinding]:  # fmt: skip
    """Yield amounts to be said that nothing explains: neither text, database and answers, nor sums and differences of these; and results of
    the reference's calculations that are not to be said."""
    amounts = [said for said in says if re.fullmatch(r"\d+\.\d+", said)]
    told = {round(abs(float(one)), 2) for text in (text, *(answer.output for answer in answers)) for one in _NUMBER.findall(text)}
    open_ones = [one for one in amounts if round(float(one), 2) not in told and round(float(one), 2) not in known]
    explained = _combined(told, answers) if open_ones else frozenset()
    for one in open_ones:
        if round(float(one), 2) not in explained:
            yield AuditFinding("amount_unexplained", f"{one} is in no database and no answer, nor a sum or difference of what is")
    for call, answer in zip(calls, answers, strict=True):
        if call.name == "calculate" and amounts and not _is_said(answer.output, says):
            yield AuditFinding("calculated_not_said", f"{call} is {answer.output}, and {', '.join(says)} is to be said")


def _combined(told: Collection[float], answers: Sequence[ReplayAnswer]) -> frozenset[float]:
    """Return sums of prices of an order, sums of payments, and the sums and differences of two of all of these."""
    payments = [amount for answer in answers for amount in _numbers_named("amount", answer.output)]
    orders = [list(_numbers_named("price", answer.output)) for answer in answers]
    sums = {*told, *(total for some in (payments, *orders) for total in _totals(some))}
    return frozenset(round(abs(one + sign * other), 2) for one in sums for other in sums for sign in (1, -1)) | sums


def _is_said(result: str, says: Sequence[str]) -> bool:
    try:
        wanted = round(abs(float(result)), 2)
    except ValueError:
        return True
    return any(re.fullmatch(r"\d+(\.\d+)?", said) and round(float(said), 2) == wanted for said in says)


def _totals(amounts: Sequence[float]) -> Iterator[float]:
    """Yield the sums of amounts in every combination, if they are few."""
    for size in range(2, len(amounts) + 1 if len(amounts) <= _MOST_ITEMS else 2):
        for some in combinations(amounts, size):
            yield round(sum(some), 2)


def _numbers_named(name: str, output: str) -> Iterator[float]:
    """Yield the numbers of this name in an answer."""
    try:
        records = _dicts(json.loads(output))
        yield from (float(record[name]) for record in records if isinstance(record.get(name), int | float))
    except ValueError:
        return
