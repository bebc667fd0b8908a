"""MASEval's databases parsed once: every environment gets a copy-on-write view of them, as tau2's do under `FastDatabases`.

Most hashes are put together from the parts that changed; `own_hash` is MASEval's, of a whole dump.
"""

from __future__ import annotations

import importlib
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from tau2_logging.environments.hashing import DatabaseHash
from tau2_logging.environments.records import SharedRecords, clone


@contextmanager
def shared_databases() -> Iterator[None]:
    """Have MASEval's port parse each file once inside the block, and hash what is not changed once.

    Raises RuntimeError at the end if a shared record was changed: then nothing that was played counts.
    """
    base = importlib.import_module("maseval.benchmark.tau2.domains.base").DB
    environment = importlib.import_module("maseval.benchmark.tau2.environment").Tau2Environment
    load, get_hash, get_db_hash = base.__dict__["load"], base.get_hash, environment.get_db_hash
    known: dict[tuple[type, str], tuple[Any, str]] = {}
    parts: dict[int, DatabaseHash] = {}

    def fast_load(cls: type, path: Any) -> Any:
        key = (cls, str(path))
        if key not in known:
            pristine = load.__func__(cls, path)
            known[key] = (pristine, get_hash(pristine))
            _learn(parts, pristine, known[key][1])
        return clone(known[key][0])

    def fast_get_hash(database: Any) -> str:
        return _fast_hash(parts, database) or str(get_hash(database))

    def fast_get_db_hash(self: Any) -> str:
        return _fast_hash(parts, self.db) or str(get_db_hash(self))

    base.load, base.get_hash, environment.get_db_hash = classmethod(fast_load), fast_get_hash, fast_get_db_hash
    try:
        yield
    finally:
        base.load, base.get_hash, environment.get_db_hash = load, get_hash, get_db_hash
    damaged = [path for (_, path), (pristine, before) in known.items() if get_hash(pristine) != before]
    if damaged:
        raise RuntimeError(f"a tool of MASEval changed shared records of {', '.join(damaged)}; play with --no-fast-env")


def own_hash(environment: Any) -> str:
    """The hash of the agent's database as MASEval makes it, whatever is shared."""
    original = importlib.import_module("maseval.benchmark.tau2.utils").get_dict_hash
    data = environment.db.model_dump()
    data.pop("user_db", None)
    return str(original(data))


def _learn(parts: dict[int, DatabaseHash], pristine: Any, expected: str) -> None:
    """Where the whole database is shared records and the parts hash as MASEval hashes it."""
    view = clone(pristine)
    if all(isinstance(value, SharedRecords) for value in view.__dict__.values()):
        known = DatabaseHash(view)
        if known.pristine == expected:
            parts.update({id(value): known for value in pristine.__dict__.values()})


def _fast_hash(parts: dict[int, DatabaseHash], database: Any) -> str | None:
    for value in database.__dict__.values():
        if isinstance(value, SharedRecords) and id(value.shared) in parts:
            return parts[id(value.shared)].of(database)
    return None
