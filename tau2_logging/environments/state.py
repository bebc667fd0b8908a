"""Finds what a write tool has changed in an environment's databases, at the cost of what the tool touched.

The last known state of a database is held by one of three classes:

    class          chosen for                                       after a write tool, it
    ViewState      a copy-on-write view of FastDatabases that       compares the records that were handed out
                   nothing has changed yet (airline, retail)
    FieldsState    any other database whose class gives tau2's      serializes it by pydantic, and dumps only the fields
                   hash field by field (telecom, mock)              that differ
    WholeState     anything else, and a database that a tool        dumps all of it as tau2 does to hash it, and compares
                   has replaced by another object                   the texts

`WholeState` could replace `FieldsState`. But it takes 0.7 ms of CPU for each of telecom's many write calls instead of 0.3 ms,
and `--events` is to cost at most 5 % (`python -m benchmarks.events`).
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
    """A `StateWatch`. `databases` knows which databases are copy-on-write views; without it, none is treated as one."""

    def __init__(self, databases: FastDatabases | None = None) -> None:
        self._databases = databases
        self._watched: WeakKeyDictionary[Any, dict[str, _State]] = WeakKeyDictionary()
        self._by_fields: dict[type, bool] = {}
        self._small_states = SmallStates()
        self._lock = threading.Lock()

    def start(self, environment: Any) -> None:
        """Remember the state of each database of the environment; costs one hash of those that are no views."""
        toolkits = {AGENT: environment.tools, USER: environment.user_tools}
        states = {name: self._state(toolkit) for name, toolkit in toolkits.items() if getattr(toolkit, "db", None) is not None}
        with self._lock:
            self._watched[environment] = states

    def before(self, environment: Any) -> None:
        """Forget which records earlier read calls were handed."""
        for state in self._states(environment).values():
            state.before_call()

    def after(self, environment: Any) -> list[DatabaseChange]:
        """Return the changes of one call: of a view, only the records that the call was handed are compared."""
        return self._changes(environment, everything=False)

    def unnoticed(self, environment: Any) -> list[DatabaseChange]:
        """Return every difference from the last known state: of a view, all records that are no longer shared."""
        return self._changes(environment, everything=True)

    def databases(self, environment: Any) -> DatabaseSnapshot:
        """Return hashes and record counts as last known, without reading the databases again."""
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
            return ViewState(toolkit, known)
        return FieldsState(toolkit, self._small_states) if self._can_go_by_fields(toolkit) else WholeState(toolkit, as_json(toolkit.db))

    def _can_go_by_fields(self, toolkit: Any) -> bool:
        """Return whether hashing a database of this class field by field gives tau2's hash; tried once for each class."""
        kind = type(toolkit.db)
        if kind not in self._by_fields:
            self._by_fields[kind] = FieldsState(toolkit, self._small_states).hash == hashlib.sha256(as_json(toolkit.db)).hexdigest()
        return self._by_fields[kind]

    def _changes(self, environment: Any, everything: bool) -> list[DatabaseChange]:
        found = []
        states = self._states(environment)
        for name, state in states.items():
            if not state.is_same_database():
                state = states[name] = state.to_whole()
            before = state.hash
            changes = state.examine(everything)
            if changes:
                found.append(DatabaseChange(name, changes, before, state.hash))
        return found


class _State(Protocol):
    """The last known state of a database."""

    toolkit: Any
    hash: Hash

    def before_call(self) -> None:
        """Note that a write tool is about to be called."""

    def is_same_database(self) -> bool:
        """Return whether the toolkit still has the same database object. A tool may replace it."""

    def examine(self, everything: bool) -> tuple[Change, ...]:
        """Return what has changed, in this call or (`everything`) at all, and make the present state the last known one."""

    def to_whole(self) -> WholeState:
        """Return the same state for a comparison of the whole database."""


class WholeState:
    """A database of which all is dumped each time. `text` is the text that tau2 hashes."""

    def __init__(self, toolkit: Any, text: bytes) -> None:
        self.toolkit = toolkit
        self._text = text
        self.hash: Hash = hashlib.sha256(text).hexdigest()

    def before_call(self) -> None:
        """Do nothing: the whole database is compared anyway."""

    def is_same_database(self) -> bool:
        """Return True: whatever object the toolkit has is dumped."""
        return True

    def examine(self, everything: bool) -> tuple[Change, ...]:
        """Dump the database and compare it with the last dump; costs one dump and one hash, of megabytes if it is large."""
        text = as_json(self.toolkit.db)
        if text == self._text:
            return ()
        changes = difference(json.loads(self._text), json.loads(text))
        self._text, self.hash = text, hashlib.sha256(text).hexdigest()
        return changes

    def to_whole(self) -> WholeState:
        """Return this state itself."""
        return self


@dataclass(frozen=True)
class _SmallState:
    """One state of a small database. `quick`: pydantic's JSON of each field, in pydantic's order; it is fast, but is not what tau2 hashes.
    `texts`: the text of each field that tau2 hashes, in tau2's order. `hash`: tau2's hash of the database."""

    quick: Mapping[str, bytes]
    texts: Mapping[str, bytes]
    hash: str


class SmallStates:
    """Remembers states of small databases and the changes between them: simulations of a domain pass through the same states."""

    def __init__(self) -> None:
        self._states: dict[tuple[type, bytes], _SmallState] = {}
        self._texts: dict[tuple[type, str, bytes], bytes] = {}
        self._changes: dict[tuple[type, str, str], tuple[Change, ...]] = {}

    def state_of(self, database: BaseModel, whole: bytes, last: _SmallState | None = None) -> _SmallState:
        """Return the present state of a database whose JSON is `whole`. `last` is a state that probably differs in one field only."""
        key = (type(database), whole)
        known = self._states.get(key)
        if known is None:
            quick = _split(whole, last.quick) if last is not None else None
            known = _kept(self._states, key, self._texts_of(database, quick))
        return known

    def _texts_of(self, database: BaseModel, quick: Mapping[str, bytes] | None) -> _SmallState:
        if quick is None:
            quick = {name: quick_json(database, {name})[len(json.dumps(name)) + 2 : -1] for name in dumpable(database)}
        texts = {name: self._dump(database, name, quick[name]) for name in sorted(quick)}
        return _SmallState(quick, texts, hashlib.sha256(_whole_text(texts)).hexdigest())

    def _dump(self, database: BaseModel, name: str, quick: bytes) -> bytes:
        """Return the text of a field. Other states have the same fields, so it is remembered by itself."""
        key = (type(database), name, quick)
        known = self._texts.get(key)
        if known is None:
            known = _kept(self._texts, key, field_json(getattr(database, name)))
        return known

    def changes(self, kind: type, before: _SmallState, after: _SmallState) -> tuple[Change, ...]:
        """Return the changes between two states."""
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
    """Return a database's JSON cut into its fields, if it differs from the last one in one field only, else None.

    The fields before and after that one are found by comparing bytes: pydantic need not serialize each field alone.
    """
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
    """Return the text that tau2 hashes, from the texts of the fields in order."""
    return b"{" + b", ".join([json.dumps(name).encode() + b": " + text for name, text in texts.items()]) + b"}"


def _compare_fields(before: _SmallState, after: _SmallState) -> tuple[Change, ...]:
    differ = [name for name, text in after.quick.items() if before.quick[name] != text]
    return tuple(
        change for name in differ for change in difference({name: json.loads(before.texts[name])}, {name: json.loads(after.texts[name])})
    )


class FieldsState:
    """A small database, compared by pydantic's JSON. Only fields that differ in it are dumped and compared as tau2 does."""

    def __init__(self, toolkit: Any, known: SmallStates) -> None:
        self.toolkit = toolkit
        self._database = toolkit.db
        self._known = known
        self._quick = quick_json(self._database)
        self._state = known.state_of(self._database, self._quick)
        self.hash: Hash = self._state.hash

    def before_call(self) -> None:
        """Do nothing: every field is compared anyway."""

    def is_same_database(self) -> bool:
        """Return whether the toolkit still has the object whose fields are known."""
        return self.toolkit.db is self._database

    def examine(self, everything: bool) -> tuple[Change, ...]:
        """Compare pydantic's JSON of each field; only a field that differs is dumped as tau2 does it."""
        quick = quick_json(self._database)
        if quick == self._quick:
            return ()
        before, self._state = self._state, self._known.state_of(self._database, quick, self._state)
        self._quick, self.hash = quick, self._state.hash
        return self._known.changes(type(self._database), before, self._state)

    def to_whole(self) -> WholeState:
        """Return the same state with the text that tau2 hashes, put together from the fields."""
        return WholeState(self.toolkit, _whole_text(self._state.texts))


class _LazyHash:
    """A hash that is computed when it is first needed: when the event is written, and not in the tool's thread."""

    def __init__(self, make: Callable[[], str]) -> None:
        self._make: Callable[[], str] | None = make
        self._made: str | None = None

    def __call__(self) -> str:
        make = self._make
        if make is not None:
            self._made = make()
            self._make = None  # free what it refers to
        assert self._made is not None
        return self._made


class ViewState:
    """A copy-on-write view. `_differs`: by field, how the last known state differs from the pristine database."""

    def __init__(self, toolkit: Any, known: DatabaseHash) -> None:
        self.toolkit = toolkit
        self.hash: Hash = known.pristine
        self._known = known
        self._fields = dumpable(toolkit.db)
        self._shared = {name: value for name, value in self._fields.items() if isinstance(value, SharedRecords)}
        self._differs: dict[str, dict[str, bytes | None] | bytes] = {}
        self._view = toolkit.db

    def before_call(self) -> None:
        """Forget which records were handed out: those touched from now on are the call's."""
        for records in self._shared.values():
            records.touched.clear()

    def is_same_database(self) -> bool:
        """Return whether view and collections are still the objects that note what is touched."""
        return self.toolkit.db is self._view and all(self._view.__dict__.get(name) is value for name, value in self._shared.items())

    def examine(self, everything: bool) -> tuple[Change, ...]:
        """Compare records that were touched, or all that are no longer shared (`everything`), and each field that holds no records."""
        found: list[Change] = []
        for name in self._fields:
            records = self._shared.get(name)
            if records is not None:
                found += self._examine_records(name, records, records.own if everything else records.touched)
            else:
                found += self._examine_field(name, field_json(getattr(self._view, name)))
        if found:
            differs = {name: at if isinstance(at, bytes) else dict(at) for name, at in self._differs.items() if at}
            self.hash = _LazyHash(partial(self._known.digest, differs))
        return tuple(found)

    def _examine_records(self, name: str, records: SharedRecords, keys: set[str]) -> list[Change]:
        kept = self._differs.setdefault(name, {})
        if isinstance(kept, bytes) or not keys:
            return []
        now = self._known.changed(name, records, keys)
        changed = [key for key in keys if kept.get(key, self._known.record(name, key)) != now.get(key, self._known.record(name, key))]
        found: list[Change] = []
        for key in sorted(changed):
            pristine = self._known.record(name, key)
            before, after = _differing_parts(key, kept.get(key, pristine), now.get(key, pristine), pristine)
            found += [*difference({name: before}, {name: after})]
            if key in now:
                kept[key] = now[key]
            else:
                del kept[key]
        return found

    def _examine_field(self, name: str, text: bytes) -> list[Change]:
        kept = self._differs.get(name, self._known.texts(name))
        if not isinstance(kept, bytes) or kept == text:
            return []
        self._differs[name] = text
        return list(difference({name: json.loads(kept)}, {name: json.loads(text)}))

    def to_whole(self) -> WholeState:
        """Return the same state as one text, of every record of the pristine database with the differences applied."""
        parts = {name: self._field_value(name) for name in self._fields}
        whole = WholeState(self.toolkit, json.dumps(parts, sort_keys=True).encode())
        whole.hash = self.hash
        return whole

    def _field_value(self, name: str) -> Any:
        pristine, differs = self._known.texts(name), self._differs.get(name)
        if isinstance(pristine, bytes) or isinstance(differs, bytes):
            return json.loads(differs if isinstance(differs, bytes) else pristine)  # type: ignore[arg-type]
        texts: Records = {**pristine, **(differs or {})}
        return {key: value for text_key, text in texts.items() for key, value in _record(text_key, text).items()}


def _differing_parts(key: str, before: bytes | None, after: bytes | None, pristine: bytes | None) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return two texts of a record as values, reduced to the items that may differ if those are known.

    Parsing a flight of 5 kB takes longer than everything else here, and a booking changes one day of it (see `PatchedText`).
    """
    patched = [text for text in (before, after) if isinstance(text, PatchedText)]
    known = all(text is pristine or isinstance(text, PatchedText) for text in (before, after))
    if not known or len({text.field for text in patched}) != 1:
        return _record(key, before), _record(key, after)
    items = {item: texts[0] for text in patched for item, texts in text.items.items()}
    return _with_items(key, before, items, patched[0].field), _with_items(key, after, items, patched[0].field)


def _with_items(key: str, text: bytes | None, pristine: Mapping[str, bytes], field: str) -> dict[str, Any]:
    """Return a record with only these items, as its text has them."""
    now = {item: texts[1] for item, texts in text.items.items()} if isinstance(text, PatchedText) else {}
    return {key: {field: {name: value for item in sorted(pristine) for name, value in _record(item, {**pristine, **now}[item]).items()}}}


def _record(key: str, text: bytes | None) -> dict[str, Any]:
    """Return {key: record}, empty if there is no such record."""
    if text is None:
        return {}
    try:
        return dict(from_json(b"{" + text + b"}"))
    except ValueError:  # from_json refuses half of a surrogate pair, json.loads does not
        return dict(json.loads(b"{" + text + b"}"))


def _counts(database: Any) -> Mapping[str, int]:
    return {name: len(value) for name, value in dumpable(database).items() if isinstance(value, dict | list)}
