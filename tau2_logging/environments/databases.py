"""Each database file is parsed once per process; every environment gets a view of it.

Tools, toolkits and models stay tau2's classes. A database on which the view cannot prove itself (its hash must be tau2's own, for the
pristine database and for one whose every kind of record has been touched) is loaded as tau2 does.
"""

from __future__ import annotations

import importlib
import os
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from pydantic import BaseModel

from tau2_logging.environments.hashing import DatabaseHash
from tau2_logging.environments.reading_tools import ReadingTools, UseTool
from tau2_logging.environments.records import SharedRecords, clone, clone_sharing

_Key = tuple[type, str, int, int]


@dataclass(frozen=True)
class _Known:
    """A parsed database; `hash` is None if it is not worth hashing by parts, `usable` false if tau2's way is taken. `shared` are the
    fields that are shared records."""

    pristine: BaseModel
    hash: DatabaseHash | None
    usable: bool
    shared: frozenset[str] = frozenset()


_PARSED: dict[_Key, _Known] = {}
"""The databases of this process: a second run in it, as of an experiment's next round, parses and hashes nothing again."""
_LOCK = threading.Lock()


class FastDatabases:
    """What tau2 loads and hashes (see `substitutes`), made cheap. Views that are in use stay what they are, whatever is
    wrapped."""

    def __init__(self) -> None:
        self._known: dict[_Key, _Known] = {}
        self._hashes: dict[int, DatabaseHash] = {}
        self._tools = ReadingTools(self.known)

    def damaged(self) -> list[str]:
        """Return databases whose shared records have been changed behind the view's back. None ever should be; to be asked once, at the
        end. The next run parses them again."""
        found = [
            key
            for key, known in self._known.items()
            if known.usable and known.hash is not None and _tau2_hash(known.pristine) != known.hash.pristine
        ]
        for key in found:
            _PARSED.pop(key, None)
        return [key[1] for key in found]

    def load(self, kind: type, path: Any, own: Callable[[], Any]) -> Any:
        """Return a view of the database in a file; what tau2 loads (`own`) if there can be none."""
        try:
            stat = os.stat(path)
        except OSError:
            return own()
        key = (kind, str(path), stat.st_mtime_ns, stat.st_size)
        with _LOCK:
            known = self._known.get(key)
            if known is None:
                known = self._known[key] = _PARSED[key] = _PARSED.get(key) or _learn(own())
                self._remember(known)
        if not known.usable:
            return own()
        return clone_sharing(known.pristine, known.shared)

    def _remember(self, known: _Known) -> None:
        if known.hash is not None:
            for value in known.pristine.__dict__.values():
                self._hashes[id(value)] = known.hash

    def hash(self, database: Any) -> str | None:
        """Return tau2's hash of a view, None for any other database."""
        known = self.known(database)
        return known.of(database) if known is not None else None

    def use_tool(self, toolkit: Any, name: str, arguments: Mapping[str, Any], own: UseTool) -> Any:
        """Return what a tool answers, without a copy of every record that it reads (see `ReadingTools`)."""
        return self._tools.use(toolkit, name, arguments, own)

    def known(self, database: Any) -> DatabaseHash | None:
        """Return what is known of the pristine database that this one is a view of, None if it is no view."""
        for value in getattr(database, "__dict__", {}).values():
            if isinstance(value, SharedRecords):
                return self._hashes.get(id(value.shared))
        return None


def _learn(pristine: Any) -> _Known:
    view = clone(pristine)
    shared = frozenset(name for name, value in view.__dict__.items() if isinstance(value, SharedRecords))
    if not shared:
        return _Known(pristine, None, usable=_tau2_hash(view) == _tau2_hash(pristine))
    parts = DatabaseHash(view)
    if not hashes_like_tau2(parts, pristine):
        return _Known(pristine, None, usable=False)
    return _Known(pristine, parts, True, shared)


def hashes_like_tau2(known: DatabaseHash, pristine: BaseModel) -> bool:
    """Return whether views of this database hash as tau2 hashes it: untouched, and with a record of each field read, removed and put
    back."""
    if known.pristine != _tau2_hash(pristine):
        return False
    view = clone(pristine)
    for value in view.__dict__.values():
        if isinstance(value, SharedRecords):
            keys = sorted(value)
            removed = value.pop(keys[len(keys) // 2])
            value[f"{keys[-1]}~"] = removed
    return known.of(view) == _tau2_hash(view)


def _tau2_hash(database: Any) -> str:
    return str(importlib.import_module("tau2.utils.utils").get_dict_hash(database.model_dump()))
