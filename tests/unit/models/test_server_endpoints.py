"""Which server a call goes to, with a clock that moves only when told to."""

from __future__ import annotations

import itertools
from dataclasses import dataclass, field

import pytest

from tau2_logging.logger.clock import FakeClock
from tau2_logging.models.servers.address import Address
from tau2_logging.models.servers.endpoints import LONGEST_WAIT_S, Endpoint, Endpoints, NoEndpoint


@dataclass(eq=False)
class Talk:
    """What stays at one server."""

    closed: bool = False


@dataclass
class Bench:
    """Some servers, what each says when asked how it is, and what was told of them."""

    number: int = 2
    ailments: dict[str, str | None] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)
    told: list[tuple[str, bool]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.clock = FakeClock()
        self.servers = [Endpoint(Address(f"http://s:{at + 1}"), ("m",)) for at in range(self.number)]
        self.all = Endpoints(self.servers, self.look, lambda one: self.told.append((one.name, one.down is None)), self.clock)

    def look(self, endpoint: Endpoint) -> str | None:
        self.asked.append(endpoint.name)
        return self.ailments.get(endpoint.name)

    def at(self, talk: Talk | None, model: str = "m") -> str:
        return self.all.choose(model, talk).name


def test_a_simulation_stays_and_a_new_one_goes_where_the_fewest_are() -> None:
    """Those that have ended do not count."""
    bench = Bench()
    talks = [Talk() for _ in range(4)]
    first = [bench.at(talk) for talk in talks]
    assert sorted(first) == ["s:1", "s:1", "s:2", "s:2"]
    assert [bench.at(talk) for talk in talks] == first
    for talk, name in zip(talks, first, strict=True):
        talk.closed = name == "s:2"
    assert [bench.at(Talk()) for _ in range(2)] == ["s:2", "s:2"]


def test_between_equals_the_servers_own_load_decides() -> None:
    """Others may be using them too."""
    bench = Bench()
    bench.servers[0].load = 7
    assert bench.at(Talk()) == "s:2"
    assert bench.at(None) == "s:1"  # one of ours is at the other now


def test_a_dead_server_is_left_out_and_its_simulations_move() -> None:
    """The others stay where they are."""
    bench = Bench()
    here, there = Talk(), Talk()
    assert (bench.at(here), bench.at(there)) == ("s:1", "s:2")
    bench.ailments["s:1"] = "connection refused"
    bench.all.failed(bench.servers[0], "broke")
    assert (bench.at(here), bench.at(there)) == ("s:2", "s:2")
    assert bench.told == [("s:1", False)]


def test_a_call_that_broke_off_at_a_server_that_is_well_moves_nobody_until_it_is_the_third() -> None:
    """A success in between counts them anew; and the only server is kept whatever it does."""
    bench = Bench()
    talk = Talk()
    name = bench.at(talk)
    server = bench.servers[int(name[-1]) - 1]
    for outcome in (bench.all.failed, bench.all.failed):
        outcome(server, "reset")
    bench.all.succeeded(server)
    bench.all.failed(server, "reset")
    bench.all.failed(server, "reset")
    assert bench.at(talk) == name
    bench.all.failed(server, "answered 500", broke_off=False)
    assert bench.at(talk) == name
    bench.all.failed(server, "reset")
    assert bench.at(talk) != name
    alone = Bench(number=1)
    for _ in range(9):
        alone.all.failed(alone.servers[0], "reset")
    assert alone.at(Talk()) == "s:1"


def test_a_server_left_out_is_asked_again_ever_more_rarely_and_taken_back() -> None:
    """After 1, 2, 4, ... seconds, at most every LONGEST_WAIT_S; new simulations go there again when it is well."""
    bench = Bench()
    bench.ailments["s:1"] = "gone"
    bench.all.failed(bench.servers[0], "broke")
    bench.asked.clear()
    times = []
    for second in range(1, 200):
        bench.clock.sleep(1)
        before = len(bench.asked)
        bench.all.recheck()
        if len(bench.asked) > before:
            times.append(second)
    waits = [later - earlier for earlier, later in itertools.pairwise(times)]
    assert times[0] == 1
    assert waits[:4] == [2, 4, 8, 16]
    assert set(waits[4:]) == {LONGEST_WAIT_S}
    bench.ailments["s:1"] = None
    bench.clock.sleep(LONGEST_WAIT_S)
    bench.all.recheck()
    assert bench.told == [("s:1", False), ("s:1", True)]
    assert bench.at(Talk()) == "s:1"


def test_when_none_answers_the_error_says_what_is_known_of_each() -> None:
    """And whether it is for good: servers that have ended are not asked again."""
    bench = Bench()
    for server in bench.servers:
        bench.ailments[server.name] = f"{server.name} is ill"
        bench.all.failed(server, "broke")
    with pytest.raises(NoEndpoint, match=r"no server of m answers: s:1: s:1 is ill; s:2: s:2 is ill") as raised:
        bench.at(Talk())
    assert not raised.value.for_good
    for server in bench.servers:
        server.gone = True
    bench.asked.clear()
    bench.clock.sleep(100)
    bench.all.recheck()
    assert bench.asked == []
    with pytest.raises(NoEndpoint) as raised:
        bench.at(Talk())
    assert raised.value.for_good


def test_a_model_goes_only_where_it_is_served() -> None:
    """A server that has not said what it serves may serve anything."""
    bench = Bench()
    bench.servers[0].models = ("other",)
    assert {bench.at(Talk()) for _ in range(3)} == {"s:2"}
    assert bench.at(Talk(), "other") == "s:1"
    with pytest.raises(NoEndpoint, match="no server of third answers: there is none"):
        bench.at(None, "third")
    bench.servers[1].models = ()
    assert bench.at(None, "third") == "s:2"
