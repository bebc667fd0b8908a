"""When a call waits for its servers and for how long, with a clock that moves only when told to."""

from __future__ import annotations

from typing import Any

import httpx
import pytest

from tau2_logging.logger import EventLogger, Simulation
from tau2_logging.logger.clock import FakeClock
from tau2_logging.logger.context import bind
from tau2_logging.models.servers.address import Address
from tau2_logging.models.servers.endpoints import LONGEST_WAITED_FOR_S, Endpoint, Endpoints, NoEndpoint
from tau2_logging.runner.model_calls.outages import NOBODY, Outages
from tau2_logging.runner.model_calls.retries import CallInfo, Retries
from tau2_logging.runner.model_calls.retry_policy import RetryPolicy
from tau2_logging.sinks import MemorySink

REFUSED = httpx.ConnectError("refused")


class Refused(Exception):
    """As litellm raises it, with the status it gives to a server that is not there."""

    status_code = 503


class Scene:
    """Two servers of one pool and one that a model names itself; each is as ill as told."""

    def __init__(self, limit_s: float = 60.0) -> None:
        self.clock = FakeClock()
        self.ailments: dict[str, str | None] = {}
        self.looks = 0
        one, two, own = (Endpoint(Address(f"http://s:{port}"), ("m",), answered=True) for port in (1, 2, 3))
        self.one, self.two, self.own = one, two, own
        self.pool = Endpoints((one, two), self.look, lambda endpoint: None, self.clock)
        self.addressed = Endpoints((own,), self.look, lambda endpoint: None, self.clock)
        self.outages = Outages(self.pool, ("hosted_vllm/m",), self.addressed, limit_s, self.clock)

    def look(self, endpoint: Endpoint) -> str | None:
        self.looks += 1
        return self.ailments.get(endpoint.name)

    def falls(self, *servers: Endpoint, gone: bool = False) -> None:
        for server in servers:
            self.ailments[server.name] = "connection refused"
            server.gone = gone
            (self.pool if server in self.pool.all else self.addressed).failed(server, "broke")

    def returns(self, server: Endpoint) -> None:
        self.ailments[server.name] = server.down = None


def test_the_servers_of_a_call_are_those_that_could_answer_it() -> None:
    """By its model, or where it says that it goes; of calls that may go anywhere nothing is known."""
    scene = Scene()
    outages = scene.outages
    assert outages.servers_of("hosted_vllm/m") == (scene.one, scene.two)
    assert outages.servers_of("openai/m", "http://s:3/v1/") == (scene.own,)
    assert outages.servers_of("m", "http://s:2/v1") == (scene.two,)
    assert outages.servers_of("gpt-4.1") == outages.servers_of("openai/m", "http://s:4/v1") == ()


def test_only_a_failure_of_a_server_that_does_not_answer_is_an_outage() -> None:
    """Not a refusal, not a failure at a server that is well, not while another server of the model is there."""
    scene = Scene()
    pool = scene.outages.servers_of("hosted_vllm/m")
    scene.falls(scene.one)
    assert not scene.outages.caused(pool, None, REFUSED)
    scene.falls(scene.two)
    assert scene.outages.caused(pool, None, REFUSED)
    assert not scene.outages.caused(pool, None, ValueError("no"))
    assert not scene.outages.caused(pool, None, None)
    own = (scene.own,)
    assert not scene.outages.caused(own, "http://s:3/v1", REFUSED)  # asked, it is well
    scene.ailments["s:3"] = "connection refused"
    assert scene.outages.caused(own, "http://s:3/v1", Refused())
    assert not scene.outages.caused((), None, REFUSED)


def test_an_outage_is_over_after_its_limit_or_if_the_servers_have_ended() -> None:
    """Counted from when the last of them was lost; what is known of each is said."""
    scene = Scene(limit_s=60.0)
    pool = scene.outages.servers_of("hosted_vllm/m")
    scene.falls(scene.one)
    scene.clock.sleep(50)
    assert (scene.outages.of(pool), scene.outages.over(pool)) == (None, None)
    scene.falls(scene.two)
    scene.clock.sleep(59)
    assert scene.outages.of(pool) == "waiting for s:1: connection refused; s:2: connection refused, 59 s of at most 60 s"
    assert scene.outages.over(pool) is None
    scene.clock.sleep(1)
    over = scene.outages.over(pool)
    assert over is not None
    assert not over.for_good
    scene = Scene()
    scene.falls(scene.one, scene.two, gone=True)
    over = scene.outages.over(scene.outages.servers_of("hosted_vllm/m"))
    assert over is not None
    assert over.for_good


def test_an_outage_that_was_there_before_us_is_counted_from_when_we_met_it() -> None:
    """A run that is resumed, or a worker that is started, in the middle of one waits as long as any other."""
    clock = FakeClock(10**15)
    server = Endpoint(Address("http://s:1"), ("m",), answered=True, down="connection refused")
    pool = Endpoints((server,), lambda one: one.down, lambda one: None, clock)
    outages = Outages(pool, ("hosted_vllm/m",), NOBODY, 60.0, clock)
    assert outages.over((server,)) is None
    clock.advance(61_000)
    assert outages.over((server,)) is not None


def test_a_server_that_has_never_answered_is_not_waited_for() -> None:
    """Its address is wrong, or nobody has started it."""
    scene = Scene()
    scene.own.answered = False
    scene.falls(scene.own)
    assert not scene.outages.caused((scene.own,), "http://s:3/v1", REFUSED)
    assert scene.outages.of((scene.own,)) is None


def test_a_server_that_calls_wait_for_is_asked_often() -> None:
    """However long it has been away."""
    scene = Scene()
    scene.falls(scene.own)
    scene.addressed.waited_for = True
    scene.clock.sleep(300)
    for _ in range(10):
        scene.addressed.recheck()
        scene.clock.sleep(LONGEST_WAITED_FOR_S)
    assert scene.looks == 11


def answers(scene: Scene, outcomes: list[Any]) -> Any:
    """What a call gives whose attempts have these outcomes; an Endpoint falls with the attempt and is back after the third look at it."""
    left = list(outcomes)

    def make() -> Any:
        outcome = left.pop(0)
        if isinstance(outcome, Endpoint):
            scene.falls(outcome)
            raise REFUSED
        if isinstance(outcome, Exception):
            raise outcome
        return outcome

    retries = Retries(RetryPolicy(1, first_wait_s=0.0), outages=scene.outages)
    return retries.call(make, CallInfo("openai/m", url="http://s:3/v1", servers=(scene.own,)))


def test_waiting_uses_up_no_retry_and_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    """Three outages and one broken connection, where one retry is allowed: the call succeeds; each wait is an event with its length."""
    scene, sink = Scene(), MemorySink()
    simulation = Simulation(EventLogger("r", [sink], scene.clock), "mock", "t")
    waited: list[tuple[str, str | None]] = []

    def pause(_: float) -> None:
        waited.append((simulation.waiting().what, simulation.waiting().model))
        scene.clock.sleep(5)
        scene.returns(scene.own)

    monkeypatch.setattr(simulation.timed_out, "wait", pause)
    with bind(simulation):
        assert answers(scene, [scene.own, scene.own, REFUSED, scene.own, "done"]) == "done"
    events = [(event.type, event.get("attempt"), event.get("wait_ms")) for event in sink.events if event.type in ("server_wait", "retry")]
    assert events == [("server_wait", 2, 5000.0), ("server_wait", 3, 5000.0), ("retry", 4, 0.0), ("server_wait", 5, 5000.0)]
    assert simulation.usage.counts["retries"] == 1
    assert set(waited) == {("server", "openai/m"), ("retry", "openai/m")}


def test_a_call_gives_up_when_the_outage_is_over_its_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    """With what is known of the server; the event says that it waited in vain."""
    scene, sink = Scene(limit_s=12.0), MemorySink()
    simulation = Simulation(EventLogger("r", [sink], scene.clock), "mock", "t")
    monkeypatch.setattr(simulation.timed_out, "wait", lambda _: scene.clock.sleep(5))
    with bind(simulation), pytest.raises(NoEndpoint, match=r"openai/m: no server has answered for 12 s .*s:3: connection refused"):
        answers(scene, [scene.own])
    (wait,) = sink.of("server_wait")
    assert (wait.get("error"), wait.get("wait_ms"), wait.get("endpoint")) == (True, 15000.0, "s:3")
