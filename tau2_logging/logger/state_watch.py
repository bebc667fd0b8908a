"""What whoever looks at an environment's databases tells whoever writes it down."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

from tau2_logging.events.structured import Change

Hash = str | Callable[[], str]
"""tau2's hash of a database, or what makes it when it is wanted: megabytes may have to be read for it."""


@dataclass(frozen=True)
class DatabaseChange:
    """What has changed in one database (`agent` or `user`) since it was last looked at, and tau2's hash of it before and after."""

    database: str
    changes: tuple[Change, ...]
    pre_hash: Hash
    post_hash: Hash


@dataclass(frozen=True)
class Databases:
    """The databases of an environment at one moment: tau2's hashes, and the number of records of each collection."""

    agent_hash: Hash | None = None
    user_hash: Hash | None = None
    agent_records: Mapping[str, int] = field(default_factory=dict)
    user_records: Mapping[str, int] = field(default_factory=dict)


class StateWatch(Protocol):
    """Looks at the databases of an environment (tau2's Environment) between calls, never during one."""

    def start(self, environment: Any) -> None:
        """Remember the state the environment is in. To be called before the first step."""

    def before(self, environment: Any) -> None:
        """A write tool is about to be called."""

    def after(self, environment: Any) -> list[DatabaseChange]:
        """What it has changed, one entry for each database that differs."""

    def unnoticed(self, environment: Any) -> list[DatabaseChange]:
        """What differs from the last state known though no write tool was called; looks at everything that was touched."""

    def databases(self, environment: Any) -> Databases:
        """The state as it is known."""
