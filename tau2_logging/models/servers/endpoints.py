"""Which server a call goes to, and which of them are down.

A simulation stays where it is, for the sake of the server's prefix cache; a new one goes where the fewest are. A server that does not
answer is left out, its simulations move at their next call, and it is asked again after a while.
"""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from tau2_logging.errors import Tau2LoggingError
from tau2_logging.logger.clock import Clock
from tau2_logging.models.servers.address import Address

FIRST_WAIT_S, LONGEST_WAIT_S = 1.0, 30.0
"""Before a server that was left out is asked again: the first time, and at most."""
LONGEST_WAITED_FOR_S = 2.0
"""At most, while calls can go nowhere else."""
_PATIENCE = 3
"""Calls in a row that break off before a server that says it is well is left out, if there is another."""


class Client(Protocol):
    """What stays at one server: a simulation."""

    closed: bool


class NoEndpoint(Tau2LoggingError):
    """No server of a model answers; the message says what is known of each. `for_good`: none of them will come back."""

    def __init__(self, reason: str, for_good: bool) -> None:
        super().__init__(reason)
        self.for_good = for_good


@dataclass(eq=False)
class Endpoint:
    """A server and what is known of it. Compared by identity. `models` is empty if it has not said."""

    address: Address
    models: tuple[str, ...] = ()
    program: str | None = None
    """What answers there, by its own words (`programs`); None if they do not tell."""
    answered: bool = False
    """It has answered something, once at least."""
    unlisted: str | None = None
    """What it said from the start instead of a list of models."""
    key: str | None = field(default=None, repr=False)
    """For our own questions, if not the one of the environment."""
    load: float = 0.0
    """Requests running and waiting there, by its last figures."""
    broken: int = 0
    """Calls in a row that broke off."""
    down: str | None = None
    """Why it is left out."""
    down_since_ns: int = 0
    gone: bool = False
    """It has ended, and nobody will start it again."""
    checked_ns: int = 0
    wait_s: float = FIRST_WAIT_S

    @property
    def name(self) -> str:
        """host:port."""
        return self.address.name

    def serves(self, model: str) -> bool:
        """Return whether calls of the model can go there."""
        return not self.models or model in self.models


def is_outage(servers: Sequence[Endpoint]) -> bool:
    """Return whether none of these servers answers. One that has never answered is no outage: its address is wrong, or it was never
    started."""
    return bool(servers) and all(one.down is not None for one in servers) and any(one.answered for one in servers)


def known_of(servers: Sequence[Endpoint]) -> str:
    """Return what is wrong with each, in words."""
    return "; ".join(f"{one.name}: {one.down}" for one in servers)


CheckHealth = Callable[[Endpoint], "str | None"]
"""Asks a server how it is: None when it is well, else what is wrong."""
StateChanged = Callable[[Endpoint], None]
"""Told when a server is left out, and when it is back."""


class Endpoints:
    """The servers of a run. Thread-safe; no lock is held while a server is asked how it is."""

    def __init__(self, endpoints: Iterable[Endpoint], check_health: CheckHealth, changed: StateChanged, clock: Clock | None = None) -> None:
        self.all = tuple(endpoints)
        self._check_health = check_health
        self._changed = changed
        self._clock = clock or Clock()
        for endpoint in self.all:
            if endpoint.down is not None:  # since when, nobody knows: an outage is counted from where we meet it
                endpoint.down_since_ns = endpoint.checked_ns = self._clock.now_ns()
        self.waited_for = False
        """Whether calls wait because none of their servers answers."""
        self._at: dict[tuple[Client, str], Endpoint] = {}
        self._lock = threading.Lock()

    def servers_of(self, model: str) -> tuple[Endpoint, ...]:
        """Return the servers that could answer a call of the model."""
        return tuple(endpoint for endpoint in self.all if endpoint.serves(model))

    def named(self, name: str) -> Endpoint | None:
        """Return the server at host:port."""
        return next((endpoint for endpoint in self.all if endpoint.name == name), None)

    def choose(self, model: str, client: Client | None) -> Endpoint:
        """Return where a call of the model goes. Raises NoEndpoint when none of its servers answers."""
        with self._lock:
            there = self.servers_of(model)
            up = [endpoint for endpoint in there if endpoint.down is None]
            if not up:
                raise NoEndpoint(f"no server of {model} answers: {known_of(there) or 'there is none'}", all(one.gone for one in there))
            if client is None:
                return self._least_loaded(up)
            kept = self._at.get((client, model))
            if kept is None or kept.down is not None:
                self._forget_closed()
                self._at.pop((client, model), None)
                kept = self._at[client, model] = self._least_loaded(up)
            return kept

    def _least_loaded(self, up: list[Endpoint]) -> Endpoint:
        clients = Counter(endpoint.name for endpoint in self._at.values())
        return min(up, key=lambda endpoint: (clients[endpoint.name], endpoint.load))

    def _forget_closed(self) -> None:
        self._at = {key: endpoint for key, endpoint in self._at.items() if not key[0].closed}

    def succeeded(self, endpoint: Endpoint) -> None:
        """A call was answered."""
        endpoint.broken = 0
        endpoint.answered = True

    def failed(self, endpoint: Endpoint, reason: str, broke_off: bool = True) -> None:
        """A call failed. The server is asked how it is, and left out if it is not well, or breaks off calls again and again."""
        ailment = self._check_health(endpoint)
        with self._lock:
            endpoint.broken += broke_off
            others = any(other.down is None for other in self.all if other is not endpoint)
            if ailment is None and others and endpoint.broken >= _PATIENCE:
                ailment = f"{endpoint.broken} calls in a row broke off: {reason}"
            left_out = ailment is not None and endpoint.down is None
            if left_out:
                endpoint.down, endpoint.wait_s = ailment, FIRST_WAIT_S
                endpoint.down_since_ns = endpoint.checked_ns = self._clock.now_ns()
        if left_out:
            self._changed(endpoint)

    def recheck(self) -> None:
        """Ask those that were left out, if it is time; each time that it is for nothing, the wait doubles."""
        for endpoint in self.all:
            if endpoint.down is None or endpoint.gone or self._clock.now_ns() < self._next_check_ns(endpoint):
                continue
            ailment = self._check_health(endpoint)
            with self._lock:
                endpoint.down = ailment
                endpoint.broken = 0
                endpoint.wait_s = min(2 * endpoint.wait_s, LONGEST_WAIT_S)
                endpoint.checked_ns = self._clock.now_ns()
            if ailment is None:
                self._changed(endpoint)

    def _next_check_ns(self, endpoint: Endpoint) -> int:
        wait_s = min(endpoint.wait_s, LONGEST_WAITED_FOR_S) if self.waited_for else endpoint.wait_s
        return endpoint.checked_ns + int(wait_s * 1e9)
