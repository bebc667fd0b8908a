"""tau2's hash of a database, character for character, at the cost of what has changed.

tau2 hashes `json.dumps(db.model_dump(), sort_keys=True, default=str)` with SHA-256. The JSON of every shared record is kept, and the state
of the hash at many points of the text: a changed database is hashed from the last such point before the first change.
"""

from __future__ import annotations

import bisect
import hashlib
import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from pydantic import BaseModel

from tau2_logging.environments.records import SharedRecords

_KEYS_PER_STATE = 32


def as_json(value: Any) -> bytes:
    """A value as it stands in the text that tau2 hashes."""
    dumped = value.model_dump() if isinstance(value, BaseModel) else value
    return json.dumps(dumped, sort_keys=True, default=str).encode()


@dataclass
class _Field:
    """A field of the database: its text as it was, or that of its records by key, and the states of the hash on the way."""

    name: str
    head: bytes
    keys: list[str] | None
    texts: dict[str, bytes]
    whole: bytes
    states: list[Any]


class DatabaseHash:
    """Knows a pristine database, and hashes views of it.

    `fields` of the model other than shared records are compared by their text.
    """

    def __init__(self, pristine: BaseModel) -> None:
        state = hashlib.sha256(b"{")
        self._fields: list[_Field] = []
        for number, (name, value) in enumerate(sorted(_dumpable(pristine).items())):
            head = (b", " if number else b"") + json.dumps(name).encode() + b": "
            self._fields.append(self._learn(name, head, value, state))
        state.update(b"}")
        self.pristine = state.hexdigest()

    def _learn(self, name: str, head: bytes, value: Any, state: Any) -> _Field:
        states = [state.copy()]
        state.update(head)
        if not isinstance(value, SharedRecords):
            whole = _field_json(value)
            state.update(whole)
            return _Field(name, head, None, {}, whole, states)
        keys = sorted(value)
        texts = {key: _record_json(key, value.peek(key)) for key in keys}
        state.update(b"{")
        for number, key in enumerate(keys):
            if number % _KEYS_PER_STATE == 0:
                states.append(state.copy())
            state.update((b", " if number else b"") + texts[key])
        state.update(b"}")
        return _Field(name, head, keys, texts, b"", states)

    def of(self, view: BaseModel) -> str:
        """tau2's hash of a view."""
        values = _dumpable(view)
        for number, field in enumerate(self._fields):
            value = values[field.name]
            changed = self._changed(field, value)
            if changed is not None:
                state = self._resume(field, value, changed)
                for later in self._fields[number + 1 :]:
                    state.update(later.head)
                    for piece in self._pieces(later, values[later.name], self._changes(later, values[later.name])):
                        state.update(piece)
                state.update(b"}")
                return str(state.hexdigest())
        return self.pristine

    def _changed(self, field: _Field, value: Any) -> dict[str, bytes | None] | None:
        """The changes of a field, None where there are none."""
        if field.keys is not None and isinstance(value, SharedRecords):
            return self._changes(field, value) or None
        return None if field.keys is None and _field_json(value) == field.whole else {}

    def _changes(self, field: _Field, value: Any) -> dict[str, bytes | None]:
        """Text by key of the records that differ from the pristine ones, None for those that are gone."""
        if field.keys is None or not isinstance(value, SharedRecords):
            return {}
        changes: dict[str, bytes | None] = {}
        for key in value.own:
            text = _record_json(key, value.peek(key)) if key in value else None
            if text != field.texts.get(key):
                changes[key] = text
        return changes

    def _resume(self, field: _Field, value: Any, changes: dict[str, bytes | None]) -> Any:
        if field.keys is None or not isinstance(value, SharedRecords):
            state = field.states[0].copy()
            state.update(field.head + _field_json(value))
            return state
        first = bisect.bisect_left(field.keys, min(changes)) // _KEYS_PER_STATE
        first = min(first, len(field.states) - 2)
        state = field.states[first + 1].copy()
        for piece in self._records(field, changes, first * _KEYS_PER_STATE):
            state.update(piece)
        return state

    def _pieces(self, field: _Field, value: Any, changes: dict[str, bytes | None]) -> Iterator[bytes]:
        if field.keys is None or not isinstance(value, SharedRecords):
            yield _field_json(value)
            return
        yield b"{"
        yield from self._records(field, changes, 0)

    def _records(self, field: _Field, changes: dict[str, bytes | None], start: int) -> Iterator[bytes]:
        """The text of the records from the pristine key number `start` on, and the closing brace."""
        keys = (field.keys or [])[start:]
        if changes:
            keys = sorted({*keys, *(key for key, text in changes.items() if text is not None)})
        texts = [text for text in (changes.get(key, field.texts.get(key)) for key in keys) if text is not None]
        if start and texts:
            yield b", "
        yield b", ".join(texts)
        yield b"}"


def _dumpable(model: BaseModel) -> dict[str, Any]:
    return {**model.__dict__, **(model.__pydantic_extra__ or {})}


def _field_json(value: Any) -> bytes:
    return json.dumps(_plain(value), sort_keys=True, default=str).encode()


def _plain(value: Any) -> Any:
    if isinstance(value, BaseModel):
        return value.model_dump()
    if isinstance(value, SharedRecords):
        return {key: _plain(value.peek(key)) for key in value}
    if isinstance(value, dict):
        return {key: _plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    return value


def _record_json(key: str, record: Any) -> bytes:
    return json.dumps(key).encode() + b": " + as_json(record)
