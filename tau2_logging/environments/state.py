"""What a write tool has changed, at the cost of what it touched.

A database that is a copy-on-write view knows which records were handed out during a call: they alone are serialized and compared with
what they were. Any other database (telecom's and mock's are small; every one without fast environments) is serialized by pydantic, and what
differs then is dumped as tau2 does to hash it.
"""

from __future__ import annotations

import hashlib
import json
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any, Protocol, TypeVar
from weakref import WeakKeyDictionary

from pydantic import BaseModel
from pydantic_core import from_json

from tau2_logging.environments.databases import FastDatabases
from tau2_logging.environments.hashing import DatabaseHash, PatchedText, Records, as_json, dumpable, field_json, quick_json
from tau2_logging.environments.records import SharedRecords
from tau2_logging.events.difference import difference
from tau2_logging.events.structured import Change
from tau2_logging.logger.state_watch import DatabaseChange, DatabaseSnapshot, Hash

AGENT, USER = "agent", "user"

T = TypeVar("T")
_KEPT_STATES = 256


class EnvironmentStates:
    """A `StateWatch`. `databases` tells which databases are views; without it every one is looked at whole."""

    def __init__(self, databases: FastDatabases | None = None) -> None:
        self._databases = databases
        self._watched: WeakKeyDictionary[Any, dict[str, _State]] = WeakKeyDictionary()
        self._by_fields: dict[type, bool] = {}
        self._small = _SmallDatabases()
        self._lock = threading.Lock()

    def start(self, environment: Any) -> None:
        toolkits = {AGENT: environment.tools, USER: environment.user_tools}
        states = {name: self._state(toolkit) for name, toolkit in toolkits.items() if getattr(toolkit, "db", None) is not None}
        with self._lock:
            self._watched[environment] = states

    def before(self, environment: Any) -> None:
        for state in self._states(environment).values():
            state.arm()

    def after(self, environment: Any) -> list[DatabaseChange]:
        return self._changes(environment, everything=False)

    def unnoticed(self, environment: Any) -> list[DatabaseChange]:
        return self._changes(environment, everything=True)

    def databases(self, environment: Any) -> DatabaseSnapshot:
        states = self._states(environment)
        agent, user = states.get(AGENT), states.get(USER)
        return DatabaseSnapshot(
            agent_hash=agent.hash if agent is not None else None,
            user_hash=user.hash if user is not None else None,
            agent_records=_counts(agent.toolkit.db) if agent is not None else {},
            user_records=_counts(user.toolkit.db) if user is not None else {},
        )

    def _states(self, environment: Any) -> dict[str, _State]:
        with self._lock:
            return self._watched.get(environment) or {}

    def _state(self, toolkit: Any) -> _State:
        known = self._databases.known(toolkit.db) if self._databases is not None else None
        if known is not None and not known.difference(toolkit.db):
            return _ViewState(toolkit, known)
        return _FieldsState(toolkit, self._small) if self._goes_by_fields(toolkit) else _WholeState(toolkit, as_json(toolkit.db))

    def _goes_by_fields(self, toolkit: Any) -> bool:
        """Whether a database of this class may be hashed field by field; tried once for each class, against tau2's own hash."""
        kind = type(toolkit.db)
        if kind not in self._by_fields:
            self._by_fields[kind] = _FieldsState(toolkit, self._small).hash == hashlib.sha256(as_json(toolkit.db)).hexdigest()
        return self._by_fields[kind]

    def _changes(self, environment: Any, everything: bool) -> list[DatabaseChange]:
        found = []
        states = self._states(environment)
        for name, state in states.items():
            if not state.holds():
                state = states[name] = state.as_whole()
            before = state.hash
            changes = state.look(everything)
            if changes:
                found.append(DatabaseChange(name, changes, before, state.hash))
        return found


class _State(Protocol):
    """The last state of a database that is known."""

    toolkit: Any
    hash: Hash

    def arm(self) -> None:
        """A call is about to be made."""

    def holds(self) -> bool:
        """Whether the database is still the object it was."""

    def look(self, everything: bool) -> tuple[Change, ...]:
        """What has changed since, in this call or altogether; what is there now becomes the last state known."""

    def as_whole(self) -> _WholeState:
        """The same state, to be compared whole."""


class _WholeState:
    """A database that is serialized whole each time. `text` is the text that tau2 hashes."""

    def __init__(self, toolkit: Any, text: bytes) -> None:
        self.toolkit = toolkit
        self._text = text
        self.hash: Hash = hashlib.sha256(text).hexdigest()

    def arm(self) -> None:
        return

    def holds(self) -> bool:
        return True

    def look(self, everything: bool) -> tuple[Change, ...]:
        text = as_json(self.toolkit.db)
        if text == self._text:
            return ()
        changes = difference(json.loads(self._text), json.loads(text))
        self._text, self.hash = text, hashlib.sha256(text).hexdigest()
        return changes

    def as_whole(self) -> _WholeState:
        return self


@dataclass(frozen=True)
class _Seen:
    """One state of a small database: pydantic's JSON of each field, in its order, tau2's text of each, in tau2's, and tau2's hash of the
    whole."""

    quick: Mapping[str, bytes]
    texts: Mapping[str, bytes]
    hash: str


class _SmallDatabases:
    """States of small databases, and what lies between two of them. Simulations of a domain begin alike, and pass through the same ones."""

    def __init__(self) -> None:
        self._seen: dict[tuple[type, bytes], _Seen] = {}
        self._texts: dict[tuple[type, str, bytes], bytes] = {}
        self._changes: dict[tuple[type, str, str], tuple[Change, ...]] = {}

    def seen(self, database: BaseModel, whole: bytes, last: _Seen | None = None) -> _Seen:
        """The state a database is in, by its JSON. `last` is one that it may be near to."""
        key = (type(database), whole)
        known = self._seen.get(key)
        if known is None:
            quick = _split(whole, last.quick) if last is not None else None
            known = _kept(self._seen, key, self._look_at_fields(database, quick))
        return known

    def _look_at_fields(self, database: BaseModel, quick: Mapping[str, bytes] | None) -> _Seen:
        if quick is None:
            quick = {name: quick_json(database, {name})[len(json.dumps(name)) + 2 : -1] for name in dumpable(database)}
        texts = {name: self._dump(database, name, quick[name]) for name in sorted(quick)}
        return _Seen(quick, texts, hashlib.sha256(_whole_text(texts)).hexdigest())

    def _dump(self, database: BaseModel, name: str, quick: bytes) -> bytes:
        """The text of a field; the same field is met again and again, in other states too."""
        key = (type(database), name, quick)
        known = self._texts.get(key)
        if known is None:
            known = _kept(self._texts, key, field_json(getattr(database, name)))
        return known

    def changes(self, kind: type, before: _Seen, after: _Seen) -> tuple[Change, ...]:
        """What makes one state of the other."""
        key = (kind, before.hash, after.hash)
        known = self._changes.get(key)
        if known is None:
            known = _kept(self._changes, key, _compare_fields(before, after))
        return known


def _kept(known: dict[Any, T], key: Any, value: T) -> T:
    if len(known) >= _KEPT_STATES:
        known.clear()
    known[key] = value
    return value


def _split(whole: bytes, last: Mapping[str, bytes]) -> dict[str, bytes] | None:
    """A database's JSON as that of its fields, where it differs from the last one in one field only; else None."""
    parts = {name: b'"' + name.encode() + b'":' + text for name, text in last.items()}
    at = 1
    for name, part in parts.items():
        if not whole.startswith(part, at):
            return _with_changed(whole, at, name, parts, last)
        at += len(part) + 1
    return None


def _with_changed(whole: bytes, at: int, name: str, parts: Mapping[str, bytes], last: Mapping[str, bytes]) -> dict[str, bytes] | None:
    names = list(parts)
    rest = b"".join(b"," + parts[other] for other in names[names.index(name) + 1 :]) + b"}"
    head = b'"' + name.encode() + b'":'
    end = len(whole) - len(rest)
    if whole[:1] != b"{" or not whole.startswith(head, at) or not whole.endswith(rest) or end <= at + len(head):
        return None
    return {**last, name: whole[at + len(head) : end]}


def _whole_text(texts: Mapping[str, bytes]) -> bytes:
    """The text that tau2 hashes, of its fields in order."""
    return b"{" + b", ".join([json.dumps(name).encode() + b": " + text for name, text in texts.items()]) + b"}"


def _compare_fields(before: _Seen, after: _Seen) -> tuple[Change, ...]:
    differ = [name for name, text in after.quick.items() if before.quick[name] != text]
    return tuple(
        change for name in differ for change in difference({name: json.loads(before.texts[name])}, {name: json.loads(after.texts[name])})
    )


class _FieldsState:
    """A small database, told apart by pydantic's JSON: only fields in which it has changed are dumped and compared."""

    def __init__(self, toolkit: Any, known: _SmallDatabases) -> None:
        self.toolkit = toolkit
        self._database = toolkit.db
        self._known = known
        self._quick = quick_json(self._database)
        self._seen = known.seen(self._database, self._quick)
        self.hash: Hash = self._seen.hash

    def arm(self) -> None:
        return

    def holds(self) -> bool:
        return self.toolkit.db is self._database

    def look(self, everything: bool) -> tuple[Change, ...]:
        quick = quick_json(self._database)
        if quick == self._quick:
            return ()
        before, self._seen = self._seen, self._known.seen(self._database, quick, self._seen)
        self._quick, self.hash = quick, self._seen.hash
        return self._known.changes(type(self._database), before, self._seen)

    def as_whole(self) -> _WholeState:
        return _WholeState(self.toolkit, _whole_text(self._seen.texts))


class _Later:
    """A hash that is made when it is first asked for."""

    def __init__(self, make: Callable[[], str]) -> None:
        self._make: Callable[[], str] | None = make
        self._made: str | None = None

    def __call__(self) -> str:
        make = self._make
        if make is not None:
            self._made = make()
            self._make = None  # what it needed is let go
        assert self._made is not None
        return self._made


class _ViewState:
    """A copy-on-write view. `_differs` is how it differed from the pristine database when it was last looked at."""

    def __init__(self, toolkit: Any, known: DatabaseHash) -> None:
        self.toolkit = toolkit
        self.hash: Hash = known.pristine
        self._known = known
        self._fields = dumpable(toolkit.db)
        self._shared = {name: value for name, value in self._fields.items() if isinstance(value, SharedRecords)}
        self._differs: dict[str, dict[str, bytes | None] | bytes] = {}
        self._view = toolkit.db

    def arm(self) -> None:
        for records in self._shared.values():
            records.touched.clear()

    def holds(self) -> bool:
        return self.toolkit.db is self._view and all(self._view.__dict__.get(name) is value for name, value in self._shared.items())

    def look(self, everything: bool) -> tuple[Change, ...]:
        found: list[Change] = []
        for name in self._fields:
            records = self._shared.get(name)
            if records is not None:
                found += self._look_at_records(name, records, records.own if everything else records.touched)
            else:
                found += self._look_at_field(name, field_json(getattr(self._view, name)))
        if found:
            differs = {name: at if isinstance(at, bytes) else dict(at) for name, at in self._differs.items() if at}
            self.hash = _Later(partial(self._known.digest, differs))
        return tuple(found)

    def _look_at_records(self, name: str, records: SharedRecords, keys: set[str]) -> list[Change]:
        kept = self._differs.setdefault(name, {})
        if isinstance(kept, bytes) or not keys:
            return []
        now = self._known.changed(name, records, keys)
        changed = [key for key in keys if kept.get(key, self._known.record(name, key)) != now.get(key, self._known.record(name, key))]
        found: list[Change] = []
        for key in sorted(changed):
            pristine = self._known.record(name, key)
            before, after = _apart(key, kept.get(key, pristine), now.get(key, pristine), pristine)
            found += [*difference({name: before}, {name: after})]
            if key in now:
                kept[key] = now[key]
            else:
                del kept[key]
        return found

    def _look_at_field(self, name: str, text: bytes) -> list[Change]:
        kept = self._differs.get(name, self._known.texts(name))
        if not isinstance(kept, bytes) or kept == text:
            return []
        self._differs[name] = text
        return list(difference({name: json.loads(kept)}, {name: json.loads(text)}))

    def as_whole(self) -> _WholeState:
        parts = {name: self._field_value(name) for name in self._fields}
        whole = _WholeState(self.toolkit, json.dumps(parts, sort_keys=True).encode())
        whole.hash = self.hash
        return whole

    def _field_value(self, name: str) -> Any:
        pristine, differs = self._known.texts(name), self._differs.get(name)
        if isinstance(pristine, bytes) or isinstance(differs, bytes):
            return json.loads(differs if isinstance(differs, bytes) else pristine)  # type: ignore[arg-type]
        texts: Records = {**pristine, **(differs or {})}
        return {key: value for text_key, text in texts.items() for key, value in _record(text_key, text).items()}


def _apart(key: str, before: bytes | None, after: bytes | None, pristine: bytes | None) -> tuple[dict[str, Any], dict[str, Any]]:
    """Two texts of a record as values, of both only as much as may differ where that is known."""
    patched = [text for text in (before, after) if isinstance(text, PatchedText)]
    known = all(text is pristine or isinstance(text, PatchedText) for text in (before, after))
    if not known or len({text.field for text in patched}) != 1:
        return _record(key, before), _record(key, after)
    items = {item: texts[0] for text in patched for item, texts in text.items.items()}
    return _with_items(key, before, items, patched[0].field), _with_items(key, after, items, patched[0].field)


def _with_items(key: str, text: bytes | None, pristine: Mapping[str, bytes], field: str) -> dict[str, Any]:
    """A record with these items alone, as they are in its text."""
    now = {item: texts[1] for item, texts in text.items.items()} if isinstance(text, PatchedText) else {}
    return {key: {field: {name: value for item in sorted(pristine) for name, value in _record(item, {**pristine, **now}[item]).items()}}}


def _record(key: str, text: bytes | None) -> dict[str, Any]:
    """A record by its key, nothing where it is not there."""
    if text is None:
        return {}
    try:
        return dict(from_json(b"{" + text + b"}"))
    except ValueError:  # half of a surrogate pair, which is none in JSON proper
        return dict(json.loads(b"{" + text + b"}"))


def _counts(database: Any) -> Mapping[str, int]:
    return {name: len(value) for name, value in dumpable(database).items() if isinstance(value, dict | list)}
