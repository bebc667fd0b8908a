"""tau2's hash of a database, character for character, at the cost of what has changed.

tau2 hashes `json.dumps(db.model_dump(), sort_keys=True, default=str)` with SHA-256. The JSON of every shared record is kept, and the state
of the hash at many points of the text: a changed database is hashed from the last such point before the first change. The records are
serialized where they were handed out; the rest of the text, which SHA-256 cannot do without, is hashed from where it lies.
"""

from __future__ import annotations

import bisect
import hashlib
import json
import threading
from collections import OrderedDict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any, TypeVar

from pydantic import BaseModel

from tau2_logging.environments.records import SharedRecords, unchanged

_KEYS_PER_STATE = 8
_REMEMBERED = 256

T = TypeVar("T")

Records = Mapping[str, bytes | None]
"""Text by key of the records that differ, None for those that are gone. A text is `"key": {...}`."""

Difference = Mapping[str, Records | bytes]
"""Where a database differs from the pristine one: by field, the records, or the whole text of a field that is not shared records."""


def as_json(value: Any) -> bytes:
    """A value as it stands in the text that tau2 hashes."""
    dumped = value.model_dump() if isinstance(value, BaseModel) else value
    return json.dumps(dumped, sort_keys=True, default=str).encode()


@dataclass
class _Field:
    """A field of the database: its text as it was; of shared records also the records, each one's text, where it begins, and the states of
    the hash."""

    name: str
    head: bytes
    keys: list[str] | None
    texts: dict[str, bytes]
    whole: bytes
    begins: list[int]
    states: list[Any]
    shared: Mapping[str, Any]


class PatchedText(bytes):
    """Text of a record that differs from the pristine one in some items of one field, itself a dict of records: `field`, and of each such
    item its text before and now."""

    field: str
    items: Mapping[str, tuple[bytes, bytes]]


class DatabaseHash:
    """Knows a pristine database, and hashes views of it. Fields other than shared records are compared by their text."""

    def __init__(self, pristine: BaseModel) -> None:
        state = hashlib.sha256(b"{")
        self._fields: dict[str, _Field] = {}
        self._known: OrderedDict[object, str] = OrderedDict()
        self._ends: OrderedDict[object, Any] = OrderedDict()
        self._lock = threading.Lock()
        for number, (name, value) in enumerate(sorted(dumpable(pristine).items())):
            head = (b", " if number else b"") + json.dumps(name).encode() + b": "
            self._fields[name] = self._learn(name, head, value, state)
        state.update(b"}")
        self.pristine = state.hexdigest()

    def _learn(self, name: str, head: bytes, value: Any, state: Any) -> _Field:
        states = [state.copy()]
        state.update(head)
        if not isinstance(value, SharedRecords):
            whole = field_json(value)
            state.update(whole)
            return _Field(name, head, None, {}, whole, [], states, {})
        keys = sorted(value)
        texts = {key: record_json(key, value.peek(key)) for key in keys}
        begins: list[int] = []
        text = bytearray(b"{")
        for number, key in enumerate(keys):
            begins.append(len(text))
            text += (b", " if number else b"") + texts[key]
        begins.append(len(text))
        for number in range(0, len(keys), _KEYS_PER_STATE):
            state.update(text[begins[number - _KEYS_PER_STATE] if number else 0 : begins[number]])
            states.append(state.copy())
        text += b"}"
        state.update(text[begins[(len(keys) - 1) // _KEYS_PER_STATE * _KEYS_PER_STATE] :])
        return _Field(name, head, keys, texts, bytes(text), begins, states, value.shared)

    def of(self, view: BaseModel) -> str:
        """tau2's hash of a view."""
        return self.digest(self.difference(view))

    def record(self, field: str, key: str) -> bytes | None:
        """Text of a pristine record, None where there was none."""
        return self._fields[field].texts.get(key)

    def texts(self, field: str) -> Mapping[str, bytes] | bytes:
        """A pristine field: the texts of its records, or its whole text."""
        known = self._fields[field]
        return known.texts if known.keys is not None else known.whole

    def difference(self, view: BaseModel) -> dict[str, Records | bytes]:
        """Where a view differs from the pristine database. Costs a look at every record that was handed out, and the serialization of those
        in which something was replaced."""
        values = dumpable(view)
        found: dict[str, Records | bytes] = {}
        for field in self._fields.values():
            differs = self._differs(field, values[field.name])
            if differs:
                found[field.name] = differs
        return found

    def _differs(self, field: _Field, value: Any) -> Records | bytes | None:
        if field.keys is not None and isinstance(value, SharedRecords):
            return self.changed(field.name, value, value.own)
        text = field_json(value)
        return text if text != field.whole else None

    def changed(self, field: str, value: SharedRecords, keys: set[str]) -> dict[str, bytes | None]:
        """Of some records of a field, those that differ from the pristine ones."""
        known = self._fields[field]
        texts = {key: _text(known, key, value.peek(key)) if key in value else None for key in keys}
        return {key: text for key, text in texts.items() if text != known.texts.get(key)}

    def digest(self, difference: Difference) -> str:
        """tau2's hash of the pristine database with these differences. Of the last ones asked for it is remembered."""
        if not difference:
            return self.pristine
        parts = {field.name: _part(difference[field.name]) for field in self._fields.values() if field.name in difference}
        name = tuple(parts.items())
        with self._lock:
            known = self._known.get(name)
        if known is None:
            known = self._digest(difference, parts)
            with self._lock:
                _remember(self._known, name, known)
        return known

    def _digest(self, difference: Difference, parts: Mapping[str, object]) -> str:
        fields = list(self._fields.values())
        names = [(number, tuple((name, part) for name, part in parts.items() if name <= field.name)) for number, field in enumerate(fields)]
        at, state = self._resume(names)
        for field, name in zip(fields[at:], names[at:], strict=True):
            differs = difference.get(field.name)
            if state is not None:
                _add_field(state, field, differs)
            elif differs is not None:
                state = _resumed(field, differs)
            if state is not None:
                with self._lock:
                    _remember(self._ends, name, state.copy())
        assert state is not None  # there is a difference
        state.update(b"}")
        return str(state.hexdigest())

    def _resume(self, names: list[tuple[int, tuple[Any, ...]]]) -> tuple[int, Any]:
        """The state of the hash after the last field up to which a database with the same differences has been hashed, and the number of
        the next field; no state before the first field that differs."""
        with self._lock:
            done = next((number for number, parts in reversed(names) if parts and (number, parts) in self._ends), None)
            return (0, None) if done is None else (done + 1, self._ends[names[done]].copy())


def _part(differs: Records | bytes) -> object:
    """What tells the differences of a field from others."""
    return differs if isinstance(differs, bytes) else frozenset(differs.items())


def _remember(known: OrderedDict[object, T], name: object, value: T) -> None:
    known[name] = value
    if len(known) > _REMEMBERED:
        known.popitem(last=False)


def _add_field(state: Any, field: _Field, differs: Records | bytes | None) -> None:
    state.update(field.head)
    for piece in _pieces(field, differs):
        state.update(piece)


def _resumed(field: _Field, differs: Records | bytes) -> Any:
    """The hash up to the end of a field that differs."""
    if isinstance(differs, bytes) or field.keys is None:
        state = field.states[0].copy()
        state.update(field.head)
        pieces = _pieces(field, differs)
    else:
        number = bisect.bisect_left(field.keys, min(differs)) // _KEYS_PER_STATE
        number = max(0, min(number, len(field.states) - 2))
        state = field.states[number + 1].copy()
        pieces = _records(field, differs, number * _KEYS_PER_STATE)
    for piece in pieces:
        state.update(piece)
    return state


def _pieces(field: _Field, differs: Records | bytes | None) -> Iterator[bytes | memoryview]:
    """The text of a field."""
    if differs is None or isinstance(differs, bytes):
        yield field.whole if differs is None else differs
    else:
        yield b"{"
        yield from _records(field, differs, 0)


def _records(field: _Field, differs: Records, start: int) -> Iterator[bytes | memoryview]:
    """The text of the records from the pristine key number `start` on, and the closing brace."""
    keys = field.keys or []
    places = [(bisect.bisect_left(keys, key), key) for key in sorted(differs)]
    if places[0][0] == 0:  # the first record has no comma before it
        kept = sorted({*keys, *(key for key, text in differs.items() if text is not None)})
        yield b", ".join(text for text in (differs.get(key, field.texts.get(key)) for key in kept) if text is not None)
        yield b"}"
        return
    whole, at = memoryview(field.whole), field.begins[start]
    for place, key in places:
        yield whole[at : field.begins[place]]
        text = differs[key]
        if text is not None:
            yield b", " + text
        at = field.begins[place + 1 if key in field.texts else place]
    yield whole[at:]


def _text(field: _Field, key: str, record: Any) -> bytes:
    """The text of a record, made anew of as little of it as may have changed."""
    pristine = field.shared.get(key)
    places = _changed_fields(record, pristine)
    if places is None:
        return record_json(key, record)
    text = field.texts[key]
    if not places:
        return text
    patched = _patched(text, places[0], record, pristine) if len(places) == 1 and _dumps_plainly(record.__class__) else None
    return patched if patched is not None else record_json(key, record)


def _changed_fields(record: Any, pristine: Any) -> list[str] | None:
    """The fields of a record that may have changed. None where the two cannot be compared."""
    if type(record) is not type(pristine) or not isinstance(record, BaseModel):
        return None
    fields, before = record.__dict__, pristine.__dict__
    if fields.keys() != before.keys() or not unchanged(record.__pydantic_extra__, pristine.__pydantic_extra__):
        return None
    return [name for name, value in fields.items() if not unchanged(value, before[name])]


def _patched(text: bytes, place: str, record: Any, pristine: Any) -> PatchedText | None:
    """The pristine text with other items of one field in it. None where that is not certain to be the record's text: where anything but
    such items has changed, where an item's text is not found, or more than once."""
    twin, value = record.__dict__[place], pristine.__dict__[place]
    if type(twin) is not SharedRecords or twin.shared is not value:
        return None
    items: dict[str, tuple[bytes, bytes]] = {}
    for key in sorted(twin.own):
        if key not in twin or key not in value or type(twin.peek(key)) is not type(value[key]):
            return None
        if unchanged(twin.peek(key), value[key]):
            continue
        before, after = record_json(key, value[key]), record_json(key, twin.peek(key))
        if text.count(before) != 1:
            return None
        text = text.replace(before, after)
        items[key] = before, after
    patched = PatchedText(text)
    patched.field, patched.items = place, items
    return patched


@cache
def _dumps_plainly(kind: type[BaseModel]) -> bool:
    """Whether a model is dumped as its fields, and nothing is made of them on the way."""
    found = kind.__pydantic_decorators__
    return not (found.computed_fields or found.field_serializers or found.model_serializers)


def quick_json(record: BaseModel, only: set[str] | None = None) -> bytes:
    """A model as JSON by pydantic's own serializer, or only these fields of it."""
    return bytes(record.__pydantic_serializer__.to_json(record, include=only))


def dumpable(model: BaseModel) -> dict[str, Any]:
    """The fields of a model with their values."""
    return {**model.__dict__, **(model.__pydantic_extra__ or {})}


def field_json(value: Any) -> bytes:
    """A field as it stands in the text that tau2 hashes."""
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


def record_json(key: str, record: Any) -> bytes:
    """A record with its key as it stands in the text that tau2 hashes."""
    return json.dumps(key).encode() + b": " + as_json(record)
