"""How large and how nested the arguments of a tool call are: plain JSON values in, numbers out. Standard library only."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

as_text = json.JSONEncoder(ensure_ascii=False, default=str).encode
"""A JSON value as text; two values with the same text are the same to a reader of JSON."""

PLAIN_TYPES: Mapping[type, str] = {str: "string", int: "integer", float: "number", bool: "boolean", type(None): "null"}
Leaves = Sequence[tuple[str, Any]]


def complexity_of(arguments: Mapping[str, Any]) -> float:
    """Return the complexity of arguments, 0 to 1, as events have it."""
    return complexity(len(leaves_of(arguments)), depth_of(arguments), byte_length(as_text(arguments)))


def complexity(number: int, depth: int, size: int) -> float:
    """(n/(n+5) + d/(d+3) + b/(b+500)) / 3, with n the leaf values, d the levels of nesting below the top, b the bytes of JSON between the
    outer braces (`size` holds them too): 0 for no arguments, growing with each of the three, always below 1. The constants are where each
    part reaches one half: as many values, levels and bytes as tau2's larger calls have.
    """
    inner = size - 2
    return round((number / (number + 5) + depth / (depth + 3) + inner / (inner + 500)) / 3, 4)


def byte_length(text: str) -> int:
    """Return the bytes of a text in UTF-8; what cannot be written counts as one."""
    return len(text) if text.isascii() else len(text.encode("utf-8", "replace"))


def leaves_of(arguments: Mapping[str, Any]) -> Leaves:
    """Return all of `walk`, at once: arguments are mostly plain values."""
    found: list[tuple[str, Any]] = []
    for name, value in arguments.items():
        if type(value) in PLAIN_TYPES:
            found.append((str(name), value))
        else:
            found += walk(value, str(name))
    return found


def walk(value: Any, name: str = "") -> Iterator[tuple[str, Any]]:
    """Yield (path, value) of every leaf, in order: `passengers[0].dob`."""
    if isinstance(value, Mapping):
        for key, item in value.items():
            yield from walk(item, f"{name}.{key}" if name else str(key))
    elif isinstance(value, list | tuple):
        for place, item in enumerate(value):
            yield from walk(item, f"{name}[{place}]")
    else:
        yield name, value


def depth_of(arguments: Mapping[str, Any]) -> int:
    """Return the levels of nesting below the top."""
    return max([_levels(value) for value in arguments.values() if type(value) not in PLAIN_TYPES], default=0)


def _levels(value: Any) -> int:
    items = value.values() if isinstance(value, Mapping) else value if isinstance(value, list | tuple) else None
    return 0 if items is None else 1 + max((_levels(item) for item in items), default=0)
