"""Random sequences of calls over all tools of a domain: most make sense, some do not, the same ones for the same seed."""

from __future__ import annotations

import random
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from tau2_logging.parity.case import Call, Case

LENGTH = 12
"""Calls of a sequence."""
_NONSENSE: tuple[Any, ...] = ("", "nobody", None, -1, 0, 3.5, True, [], {}, "#W0000000", "2024-13-01")
_KEEP = 400


class Arguments:
    """Values for the parameters of a domain's tools: those of the gold actions, and what its database holds under the same name."""

    def __init__(self, gold: Sequence[Call], databases: Sequence[Any]) -> None:
        self._gold: dict[tuple[str, str], list[Any]] = defaultdict(list)
        self._named: dict[str, list[Any]] = defaultdict(list)
        for call in gold:
            for name, value in call.arguments.items():
                self._gold[call.name, name].append(value)
                self._named[name].append(value)
        for database in databases:
            for name, value in _scalars(database):
                if len(self._named[name]) < _KEEP:
                    self._named[name].append(value)

    def draw(self, tool: str, parameters: Mapping[str, bool], random_: random.Random) -> dict[str, Any]:
        """Return arguments for a call. `parameters` says of each name whether it is required; now and then one is nonsense, missing or
        unknown."""
        drawn = {name: self._value(tool, name, random_) for name, required in parameters.items() if required or random_.random() < 0.5}
        if drawn and random_.random() < 0.05:
            drawn.pop(random_.choice(list(drawn)))
        if random_.random() < 0.03:
            drawn["unheard_of"] = 1
        return drawn

    def _value(self, tool: str, name: str, random_: random.Random) -> Any:
        at = random_.random()
        if at < 0.06:
            return random_.choice(_NONSENSE)
        offered = self._gold.get((tool, name)) if at < 0.6 else self._named.get(name)
        offered = offered or self._named.get(name) or self._alike(name)
        value = random_.choice(offered) if offered else random_.choice(_NONSENSE)
        return value[1:] if name == "order_id" and at > 0.97 and str(value).startswith("#") else value

    def _alike(self, name: str) -> list[Any]:
        """Return values for a parameter whose name nobody else has: of any `..._id` for an id."""
        suffix = "_id" if name == "id" or name.endswith("_id") else name
        return [value for known, values in self._named.items() if known.endswith(suffix) for value in values[:20]]


def sequences(
    domain: str,
    tools: Mapping[tuple[str, str], Mapping[str, bool]],
    gold: Mapping[str, Sequence[Call]],
    arguments: Arguments,
    number: int,
    seed: int,
) -> Iterator[Case]:
    """Yield `number` sequences for a domain, each on the initial state of some task; each tool (requestor, name) is called in its turn."""
    random_ = random.Random(f"{domain}/{seed}")
    names, tasks = sorted(tools), sorted(gold)
    turn = 0
    for index in range(number):
        task = random_.choice(tasks)
        calls = []
        for _ in range(LENGTH):
            if gold[task] and random_.random() < 0.35:
                calls.append(random_.choice(gold[task]))
                continue
            requestor, name = names[turn % len(names)]
            turn += 1
            calls.append(Call(requestor, name, arguments.draw(name, tools[requestor, name], random_)))
        yield Case(domain, task, index, tuple(calls))


def _scalars(value: Any, name: str = "") -> Iterator[tuple[str, Any]]:
    """Yield (name, value) of every string and number in a dump of a database; ids of lists and of keyed records go by the singular."""
    if isinstance(value, Mapping):
        for key, item in value.items():
            yield from _scalars(item, str(key))
    elif isinstance(value, list):
        for item in value:
            yield from _scalars(item, name)
    elif isinstance(value, str | int | float):
        yield name, value
        if name == "id" or name.endswith("_ids"):
            yield name.removesuffix("s"), value
