"""While none of the servers that could answer a call does, the call waits for them, and no simulation is started.

The wait is not model time, and no retry is spent on it. It is over when a server answers, when the simulation is given up, when the last
server has been down for `limit_s`, or when all of them have ended and nobody will start them again.
"""

from __future__ import annotations

import contextlib
from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from urllib.parse import urlsplit

from tau2_logging.events.secrets.masking import mask_text, masked_start
from tau2_logging.instrument.model_calls.failure import wire_failure
from tau2_logging.logger.clock import Clock
from tau2_logging.logger.content.error_text import error_text
from tau2_logging.logger.context import current
from tau2_logging.logger.simulation import Simulation
from tau2_logging.models.servers.endpoints import Endpoint, Endpoints, NoEndpoint, is_outage, known_of

POLL_S = 0.1
WAITING_ON = "server"
"""What a simulation is said to wait on."""

Servers = tuple[Endpoint, ...]
NOBODY = Endpoints((), lambda one: None, lambda one: None)
"""For calls that may go anywhere."""


class Outages:
    """Knows the servers of every call. `pool`: those that calls of the models `routed` are dealt out to; `addressed`: those that models
    name themselves.
    """

    def __init__(self, pool: Endpoints, routed: Collection[str], addressed: Endpoints, limit_s: float, clock: Clock | None = None) -> None:
        self._pool = pool
        self._routed = routed
        self._addressed = addressed
        self._limit_s = limit_s
        self._clock = clock or Clock()

    def servers_of(self, model: str, url: str | None = None) -> Servers:
        """Return the servers that could answer a call of a model (by litellm's name), which may say where it goes (`url`); () if none is
        known."""
        if url is not None:
            parts = urlsplit(url)
            name = f"{parts.hostname}:{parts.port or (443 if parts.scheme == 'https' else 80)}"
            found = self._addressed.named(name) or self._pool.named(name)
            return (found,) if found is not None else ()
        return self._pool.servers_of(model.partition("/")[2]) if model in self._routed else ()

    def caused(self, servers: Servers, url: str | None, error: BaseException | None) -> bool:
        """Return whether a call failed because none of its servers answers. One that it named by `url` is asked how it is."""
        if error is None or not servers:
            return False
        if url is not None and _may_be_down(error):
            owner = self._addressed if servers[0] in self._addressed.all else self._pool
            with contextlib.suppress(Exception):  # the caller is to get the call's error and no other
                owner.failed(servers[0], masked_start(error_text(error), 120), wire_failure(error) is not None)
        return is_outage(servers) and _may_be_down(error)

    def of(self, servers: Servers) -> str | None:
        """Return what is known of an outage of these servers and how long it is waited for, in words; None if they are not all down."""
        if not is_outage(servers):
            return None
        return f"waiting for {mask_text(known_of(servers))}, {self._lasted_s(servers):.0f} s of at most {self._limit_s:g} s"

    def over(self, servers: Servers) -> NoEndpoint | None:
        """Return why an outage of these servers is not waited for any longer; None if it is, or if there is none."""
        if not is_outage(servers):
            return None
        if all(one.gone for one in servers):
            return NoEndpoint(f"no server is left: {known_of(servers)}", for_good=True)
        if self._lasted_s(servers) >= self._limit_s:
            return NoEndpoint(f"no server has answered for {self._limit_s:g} s (--server-wait): {known_of(servers)}", for_good=False)
        return None

    def _lasted_s(self, servers: Sequence[Endpoint]) -> float:
        return (self._clock.now_ns() - max(one.down_since_ns for one in servers)) / 1e9

    @contextmanager
    def waiting(self, servers: Servers, model: str, attempt: int) -> Iterator[Iterator[float]]:
        """Gives the pauses to make until a server answers: none if one does. They raise NoEndpoint and SimulationTimeout. The simulation is
        said to wait meanwhile, and what came of it is an event.
        """
        if not is_outage(servers):
            yield iter(())
            return
        simulation = current()
        with _told(simulation, servers, model, attempt) if simulation is not None else contextlib.nullcontext():
            yield self._pauses(servers, model, simulation)

    def _pauses(self, servers: Servers, model: str, simulation: Simulation | None) -> Iterator[float]:
        while is_outage(servers):
            over = self.over(servers)
            if over is not None:
                raise NoEndpoint(f"{model}: {over}", over.for_good)
            if simulation is not None:
                simulation.check_timeout()
            yield POLL_S


def _may_be_down(error: BaseException) -> bool:
    status = getattr(error, "status_code", None)
    return wire_failure(error) is not None or (isinstance(status, int) and status >= 500)


@contextmanager
def _told(simulation: Simulation, servers: Servers, model: str, attempt: int) -> Iterator[None]:
    logger = simulation.logger
    started, span = logger.clock.now_ns(), logger.new_span()
    reason, failed = mask_text(known_of(servers)), True
    simulation.start_waiting(span, WAITING_ON, model, started)
    try:
        yield
        failed = False
    finally:
        simulation.stop_waiting(span)
        fields = {
            "step": simulation.step,
            "model": model,
            "endpoint": ",".join(one.name for one in servers),
            "attempt": attempt,
            "start_ms": logger.since_start_ms(started),
            "wait_ms": (logger.clock.now_ns() - started) / 1e6,
            "error": failed,
            "error_message": reason,
        }
        simulation.emit("server_wait", fields, span=span, parent=simulation.step_span)
