"""MASEval's port of the benchmark on tau2's own data: its files laid out for it, each database parsed once.

Nothing is downloaded. Environments get copy-on-write views of a parsed database, as tau2's do under `FastDatabases`; most hashes are put
together from the parts that changed.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from tau2_logging.environments.hashing import DatabaseHash
from tau2_logging.environments.records import SharedRecords, clone


def lay_out(domain: str, data: Path, target: Path) -> None:
    """Put links to tau2's files of a domain into `target`, under the names of MASEval's own table of downloads.

    `data` is tau2's folder of domains. MASEval's loader then reads `target` as if it had downloaded it.
    """
    urls: Mapping[str, str] = importlib.import_module("maseval.benchmark.tau2.data_loader").URLS[domain]
    folder = target / domain
    folder.mkdir()
    for kind, url in urls.items():
        source = data / domain / url.rsplit("/", 1)[-1]
        (folder / ("policy.md" if kind == "policy" else source.name)).symlink_to(source)


def own_hash(environment: Any) -> str:
    """Return the hash of the agent's database as MASEval makes it, of a whole dump, whatever is shared."""
    data = environment.db.model_dump()
    data.pop("user_db", None)
    return str(importlib.import_module("maseval.benchmark.tau2.utils").get_dict_hash(data))


class SharedMasevalDatabases:
    """What MASEval's port loads and hashes (see `substitutes`): each file is parsed once, what is not changed hashed once."""

    def __init__(self) -> None:
        self._known: dict[tuple[type, str], tuple[Any, str]] = {}
        self._parts: dict[int, DatabaseHash] = {}

    def damaged(self) -> list[str]:
        """Return databases whose shared records were changed behind the views' back. None ever should be; to be asked once, at the end."""
        return [path for (_, path), (pristine, before) in self._known.items() if pristine.get_hash() != before]

    def load(self, kind: type, path: Any, own: Callable[[], Any]) -> Any:
        """Return a view of the database in a file; `own` loads it as MASEval does."""
        key = (kind, str(path))
        if key not in self._known:
            pristine = own()
            known = (pristine, str(pristine.get_hash()))
            self._learn(*known)
            self._known[key] = known
        return clone(self._known[key][0])

    def _learn(self, pristine: Any, expected: str) -> None:
        """Where the whole database is shared records, and the parts hash as MASEval hashes it."""
        view = clone(pristine)
        if all(isinstance(value, SharedRecords) for value in view.__dict__.values()):
            known = DatabaseHash(view)
            if known.pristine == expected:
                self._parts.update({id(value): known for value in pristine.__dict__.values()})

    def hash(self, database: Any) -> str | None:
        """Return MASEval's hash of a view, None for any other database."""
        for value in database.__dict__.values():
            if isinstance(value, SharedRecords) and id(value.shared) in self._parts:
                return self._parts[id(value.shared)].of(database)
        return None
