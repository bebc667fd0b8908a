"""Computes tau2's hash of a database, bit for bit, at the cost of what has changed.

tau2 hashes `json.dumps(db.model_dump(), sort_keys=True, default=str)` with SHA-256. SHA-256 reads the text in order, so everything before
the first change gives the same intermediate state. For the pristine database, the text of each record is kept, and a copy of the hash's
state (a checkpoint) at the start of each field and after every eight records:

    {"flights": {"F1": {...}, "F2": {...}, ... "F9": {...}}, "users": {"u1": {...}, ...}}
                ^ checkpoint                  ^ checkpoint    ^ checkpoint

A changed database is hashed from the last checkpoint before its first change. Records that were handed out are serialized again; the rest
of the text is hashed from the kept bytes.
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

_RECORDS_PER_CHECKPOINT = 8
_REMEMBERED = 256

T = TypeVar("T")

Records = Mapping[str, bytes | None]
"""Text by key of the records that differ, None for those that are gone. A text is `"key": {...}`."""

Difference = Mapping[str, Records | bytes]
"""Where a database differs from the pristine one: by field, the records, or the whole text of a field that is not shared records."""


def as_json(value: Any) -> bytes:
    """Return a value as the text that tau2 hashes has it."""
    dumped = value.model_dump() if isinstance(value, BaseModel) else value
    return json.dumps(dumped, sort_keys=True, default=str).encode()


@dataclass
class _Field:
    """A field of the pristine database. `head` is `"name": ` with the comma before it, `whole` the text of its value. For shared records
    also: the sorted `keys`, the text of each record, the `offsets` of the records in `whole`, and the `checkpoints` of the hash: the first
    before `head`, then one before every eighth record."""

    name: str
    head: bytes
    keys: list[str] | None
    texts: dict[str, bytes]
    whole: bytes
    offsets: list[int]
    checkpoints: list[Any]
    shared: Mapping[str, Any]


class PatchedText(bytes):
    """The text of a record that differs from the pristine one only in some items of one field, which is a dict of records: `field`, and the
    text of each such item before and now."""

    field: str
    items: Mapping[str, tuple[bytes, bytes]]


class DatabaseHash:
    """A pristine database; hashes views of it. Fields other than shared records are compared by their text."""

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
        checkpoints = [state.copy()]
        state.update(head)
        if not isinstance(value, SharedRecords):
            whole = field_json(value)
            state.update(whole)
            return _Field(name, head, None, {}, whole, [], checkpoints, {})
        keys = sorted(value)
        texts = {key: record_json(key, value.peek(key)) for key in keys}
        offsets: list[int] = []
        text = bytearray(b"{")
        for number, key in enumerate(keys):
            offsets.append(len(text))
            text += (b", " if number else b"") + texts[key]
        offsets.append(len(text))
        for number in range(0, len(keys), _RECORDS_PER_CHECKPOINT):
            state.update(text[offsets[number - _RECORDS_PER_CHECKPOINT] if number else 0 : offsets[number]])
            checkpoints.append(state.copy())
        text += b"}"
        state.update(text[offsets[(len(keys) - 1) // _RECORDS_PER_CHECKPOINT * _RECORDS_PER_CHECKPOINT] :])
        return _Field(name, head, keys, texts, bytes(text), offsets, checkpoints, value.shared)

    def of(self, view: BaseModel) -> str:
        """Return tau2's hash of a view."""
        return self.digest(self.difference(view))

    def record(self, field: str, key: str) -> bytes | None:
        """Return the text of a pristine record, None if there was none."""
        return self._fields[field].texts.get(key)

    def texts(self, field: str) -> Mapping[str, bytes] | bytes:
        """Return a pristine field: the texts of its records, or its whole text."""
        known = self._fields[field]
        return known.texts if known.keys is not None else known.whole

    def difference(self, view: BaseModel) -> dict[str, Records | bytes]:
        """Return where a view differs from the pristine database. Compares every record that was handed out, and serializes those in which
        an object was replaced."""
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
        """Return those of some records of a field that differ from the pristine ones."""
        known = self._fields[field]
        texts = {key: _text(known, key, value.peek(key)) if key in value else None for key in keys}
        return {key: text for key, text in texts.items() if text != known.texts.get(key)}

    def digest(self, difference: Difference) -> str:
        """Return tau2's hash of the pristine database with these differences. The last results are remembered."""
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
        assert state is not None  # `digest` has returned if there is no difference
        state.update(b"}")
        return str(state.hexdigest())

    def _resume(self, names: list[tuple[int, tuple[Any, ...]]]) -> tuple[int, Any]:
        """Return the number of the field to go on from and the state of the hash before it.

        The state is that of an earlier database with the same differences up to there. None: start at the first field that differs.
        """
        with self._lock:
            done = next((number for number, parts in reversed(names) if parts and (number, parts) in self._ends), None)
            return (0, None) if done is None else (done + 1, self._ends[names[done]].copy())


def _part(differs: Records | bytes) -> object:
    """Return the differences of a field as a hashable value."""
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
    """Return the hash's state at the end of a field that differs, from the last checkpoint before its first difference."""
    if isinstance(differs, bytes) or field.keys is None:
        state = field.checkpoints[0].copy()
        state.update(field.head)
        pieces = _pieces(field, differs)
    else:
        number = bisect.bisect_left(field.keys, min(differs)) // _RECORDS_PER_CHECKPOINT
        number = max(0, min(number, len(field.checkpoints) - 2))
        state = field.checkpoints[number + 1].copy()
        pieces = _records(field, differs, number * _RECORDS_PER_CHECKPOINT)
    for piece in pieces:
        state.update(piece)
    return state


def _pieces(field: _Field, differs: Records | bytes | None) -> Iterator[bytes | memoryview]:
    """Yield the text of a field's value."""
    if differs is None or isinstance(differs, bytes):
        yield field.whole if differs is None else differs
    else:
        yield b"{"
        yield from _records(field, differs, 0)


def _records(field: _Field, differs: Records, start: int) -> Iterator[bytes | memoryview]:
    """Yield the text of the records from the pristine key number `start` on, and the closing brace."""
    keys = field.keys or []
    places = [(bisect.bisect_left(keys, key), key) for key in sorted(differs)]
    if places[0][0] == 0:  # the first record has no comma before it
        kept = sorted({*keys, *(key for key, text in differs.items() if text is not None)})
        yield b", ".join(text for text in (differs.get(key, field.texts.get(key)) for key in kept) if text is not None)
        yield b"}"
        return
    whole, at = memoryview(field.whole), field.offsets[start]
    for place, key in places:
        yield whole[at : field.offsets[place]]
        text = differs[key]
        if text is not None:
            yield b", " + text
        at = field.offsets[place + 1 if key in field.texts else place]
    yield whole[at:]


def _text(field: _Field, key: str, record: Any) -> bytes:
    """Return the text of a record, serializing only what may have changed."""
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
    """Return the fields of a record that may have changed, None if the two cannot be compared."""
    if type(record) is not type(pristine) or not isinstance(record, BaseModel):
        return None
    fields, before = record.__dict__, pristine.__dict__
    if fields.keys() != before.keys() or not unchanged(record.__pydantic_extra__, pristine.__pydantic_extra__):
        return None
    return [name for name, value in fields.items() if not unchanged(value, before[name])]


def _patched(text: bytes, place: str, record: Any, pristine: Any) -> PatchedText | None:
    """Return the pristine text with the changed items of one field replaced.

    None if that might not be the record's text: something else has changed, or the text of an item occurs not exactly once.
    """
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
    """Return whether a model is dumped as its fields: it has no computed fields and no serializers of its own."""
    found = kind.__pydantic_decorators__
    return not (found.computed_fields or found.field_serializers or found.model_serializers)


def quick_json(record: BaseModel, only: set[str] | None = None) -> bytes:
    """Return a model, or only some of its fields, as JSON by pydantic's serializer: seven times as fast as `as_json`, in another layout."""
    return bytes(record.__pydantic_serializer__.to_json(record, include=only))


def dumpable(model: BaseModel) -> dict[str, Any]:
    """Return the fields of a model with their values."""
    return {**model.__dict__, **(model.__pydantic_extra__ or {})}


def field_json(value: Any) -> bytes:
    """Return a field as the text that tau2 hashes has it."""
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
    """Return a record with its key as the text that tau2 hashes has it."""
    return json.dumps(key).encode() + b": " + as_json(record)
