"""Structured events as JSON Lines: one object a line, ASCII, appended. `encode_event` and `decode_event` are each other's inverse."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

from tau2_logging.errors import CodecError, UserError
from tau2_logging.events.structured import EVENT_CLASSES, StructuredEvent

_KINDS: dict[str, type[StructuredEvent]] = {str(kind.type): kind for kind in EVENT_CLASSES}


def _columns(kind: type[StructuredEvent]) -> Mapping[str, Any]:
    """Return the fields of a kind in the order of writing, each with the class of the items of a list."""
    return {item.name: item.metadata.get("of") for item in fields(kind) if item.name != "extra"}


_COLUMNS: dict[type, Mapping[str, Any]] = {kind: _columns(kind) for kind in (*EVENT_CLASSES, StructuredEvent)}
_TYPES: dict[type, dict[str, str]] = {kind: {item.name: str(item.type) for item in fields(kind)} for kind in _COLUMNS}


@dataclass(frozen=True)
class RejectedLine:
    """A line that is no structured event: its number (1-based) and why."""

    number: int
    reason: str


def encode_event(event: StructuredEvent) -> str:
    """Return the line of an event, without the newline. Values and keys that JSON does not have are written as text."""
    data = dict(vars(event))  # its fields, in the order of writing
    extra = data.pop("extra")
    if extra:
        data.update({name: value for name, value in extra.items() if name not in data})
    try:
        return _ENCODER.encode(data)
    except (ValueError, TypeError):  # NaN or an infinity somewhere, or a key that is no text
        return json.dumps(_finite(data), default=_as_json)


def decode_event(line: str) -> StructuredEvent:
    """Return the event of a line. Fields it does not know, and a type it does not know, are kept (`extra`, `StructuredEvent`).

    Raises CodecError for anything that is not a JSON object with a `type`.
    """
    try:
        data = json.loads(line)
    except (ValueError, RecursionError) as error:
        raise CodecError(f"no JSON: {error}") from error
    if not isinstance(data, dict) or not isinstance(data.get("type"), str):
        raise CodecError("no structured event: expected a JSON object with a type")
    kind = _KINDS.get(data["type"], StructuredEvent)
    try:
        known = {name: _read(data.pop(name), item_class) for name, item_class in _COLUMNS[kind].items() if name in data}
    except (TypeError, AttributeError) as error:
        raise CodecError(f"a {data.get('type', kind.type)} whose fields have another shape: {error}") from error
    types = _TYPES[kind]
    if wrong := next((name for name, value in known.items() if not _fits(types[name], value)), None):
        raise CodecError(f"{wrong} is {str(known[wrong])[:60]!r}, which is not {types[wrong]}")
    return kind(**known, extra=data)


_TESTS: dict[str, Callable[[Any], bool]] = {
    "None": lambda value: value is None,
    "str": lambda value: isinstance(value, str),
    "bool": lambda value: isinstance(value, bool),
    "int": lambda value: isinstance(value, int) and not isinstance(value, bool),
    "float": lambda value: isinstance(value, int | float) and not isinstance(value, bool),
}


def _fits(annotation: str, value: Any) -> bool:
    """Return whether a value has one of the types of a field."""
    parts = [part.strip() for part in annotation.split("|")]
    return any(_TESTS[part](value) if part in _TESTS else _is_container(part, value) for part in parts)


def _is_container(annotation: str, value: Any) -> bool:
    if annotation.startswith("tuple"):
        plain = annotation == "tuple[str, ...]"
        return isinstance(value, tuple) and all(isinstance(item, str) for item in value if plain)
    return annotation == "Any" or isinstance(value, Mapping)


def read_events(path: Path) -> Iterator[StructuredEvent | RejectedLine]:
    """Yield the events of a file in order, and in their places the lines that are none (a killed process may leave half a line).

    Raises UserError if the file cannot be read.
    """
    try:
        with open(path, encoding="utf-8", errors="replace") as file:
            for number, line in enumerate(file, 1):
                if line.strip():
                    yield _event_or_reason(number, line)
    except OSError as error:
        raise UserError(f"cannot read {path}: {error.strerror}; give an events_<domain>.jsonl of a run") from error


def _event_or_reason(number: int, line: str) -> StructuredEvent | RejectedLine:
    try:
        return decode_event(line)
    except CodecError as error:
        return RejectedLine(number, str(error))


def _as_json(value: Any) -> Any:
    """Return what JSON does not have: a record of ours by its fields, anything else as text."""
    return {name: getattr(value, name) for name in value.__dataclass_fields__} if hasattr(value, "__dataclass_fields__") else str(value)


_ENCODER = json.JSONEncoder(default=_as_json, allow_nan=False, check_circular=False)


def _read(value: Any, item_class: Any) -> Any:
    if not isinstance(value, list):
        return value
    return tuple(item_class(**item) for item in value) if item_class is not None else tuple(value)


def _finite(value: Any) -> Any:
    if isinstance(value, float) and not math.isfinite(value):
        return str(value)
    if hasattr(value, "__dataclass_fields__"):
        return _finite(_as_json(value))
    if isinstance(value, Mapping):
        return {str(name): _finite(item) for name, item in value.items()}
    if isinstance(value, list | tuple):
        return [_finite(item) for item in value]
    return value
