"""What a side of a comparison can do. `worker` runs one."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Any, Protocol

from tau2_logging.parity.case import Case


@dataclass(frozen=True)
class PlayRequest:
    """What is to be played: `tasks` by id (None: all), at most `num_tasks` a domain, `fuzz` random sequences in all.

    `fast`: databases are parsed once and shared copy-on-write, on both sides.
    """

    domains: tuple[str, ...]
    tasks: tuple[str, ...] | None
    num_tasks: int | None
    fuzz: int
    seed: int
    fast: bool
    leads: bool


class Layer(Protocol):
    """What is put over an implementation and taken off again."""

    def install(self) -> object:
        """Put it on."""

    def uninstall(self) -> None:
        """Take it off."""


@dataclass(frozen=True)
class Wrapping:
    """How things are put instead of an implementation's own. `databases`: the layer that has a package (`tau2` or `maseval`) take its
    databases from an object of ours. `replaced`: other values of attributes inside a block."""

    databases: Callable[[str, Any], Layer]
    replaced: Callable[..., AbstractContextManager[None]]


class Side(Protocol):
    """An implementation of the benchmark."""

    def about(self, request: PlayRequest) -> dict[str, Any]:
        """Its version, and of each domain the policy, the tools and the tasks as it has them."""

    def cases(self, request: PlayRequest) -> list[Case]:
        """Return what is to be played; asked of the leading side alone."""

    def follow(self, led: dict[str, Any]) -> None:
        """Told what the leading side said of itself, before the first case."""

    def play(self, case: Case) -> dict[str, Any]:
        """Play a case: `start` and `end` (hashes of both databases), `calls` (output, error), `assertions`, `scored` if gold."""

    def probes(self, request: PlayRequest) -> Iterator[dict[str, Any]]:
        """Return the experiments of its own, after the last case, that explain a difference."""
