"""The interface between the code that watches an environment's databases and the code that writes their changes."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

from tau2_logging.events.structured import Change

Hash = str | Callable[[], str]
"""tau2's hash of a database, or a function that computes it when it is needed: that may take megabytes of reading."""


@dataclass(frozen=True)
class DatabaseChange:
    """The changes of one database (`agent` or `user`) since it was last examined, and tau2's hash of it before and after."""

    database: str
    changes: tuple[Change, ...]
    pre_hash: Hash
    post_hash: Hash


@dataclass(frozen=True)
class DatabaseSnapshot:
    """The databases of an environment at one moment: tau2's hashes, and the number of records of each collection."""

    agent_hash: Hash | None = None
    user_hash: Hash | None = None
    agent_records: Mapping[str, int] = field(default_factory=dict)
    user_records: Mapping[str, int] = field(default_factory=dict)


class StateWatch(Protocol):
    """Examines the databases of an environment (tau2's Environment) between calls, never during one."""

    def start(self, environment: Any) -> None:
        """Remember the state of the environment. Called before the first step."""

    def before(self, environment: Any) -> None:
        """Note that a write tool is about to be called."""

    def after(self, environment: Any) -> list[DatabaseChange]:
        """Return what the tool has changed, one entry for each database that differs."""

    def unnoticed(self, environment: Any) -> list[DatabaseChange]:
        """Return what differs from the last known state although no write tool was called; examines everything that was touched."""

    def databases(self, environment: Any) -> DatabaseSnapshot:
        """Return the last known state."""
