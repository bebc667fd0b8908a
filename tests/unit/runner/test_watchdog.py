"""The watchdog on a clock that moves only when it is told to."""

from __future__ import annotations

import pytest

from tau2_logging.errors import SimulationTimeout
from tau2_logging.logger import EventLogger, FakeClock, Simulation
from tau2_logging.runner.work.watchdog import Watchdog
from tau2_logging.sinks import MemorySink


class Scene:
    """A simulation that waits on its user model from its second 5 on."""

    def __init__(self) -> None:
        self.clock, self.sink = FakeClock(), MemorySink()
        self.logger = EventLogger("run-1", [self.sink], self.clock)
        self.simulation = self.begin("7")
        self.clock.sleep(5)
        self.simulation.step = 3
        self.simulation.start_waiting("s1", "user_sim", "gpt", self.clock.now_ns())

    def begin(self, task: str) -> Simulation:
        return Simulation(self.logger, "retail", task)

    def told(self, type_: str) -> list[tuple[object, ...]]:
        """Of each event of a type: task, step, what it waited on, the model, for how long."""
        names = ("step", "waiting_on", "model", "elapsed_ms")
        return [(event.task, *(event.get(name) for name in names)) for event in self.sink.of(type_)]


@pytest.fixture
def scene() -> Scene:
    return Scene()


def test_a_heartbeat_comes_at_each_interval_and_says_what_it_waits_on_and_how_long(scene: Scene) -> None:
    """However often the watchdog looks; after a pause of several intervals there is one."""
    watchdog = Watchdog(30, None)
    for _ in range(100):
        watchdog.tick([scene.simulation])
        scene.clock.sleep(1)  # to its second 105
    assert scene.told("heartbeat") == [("7", 3, "user_sim", "gpt", 1000.0 * waited) for waited in (25, 55, 85)]
    scene.clock.sleep(200)
    watchdog.tick([scene.simulation])
    watchdog.tick([scene.simulation])
    assert scene.told("heartbeat")[3:] == [("7", 3, "user_sim", "gpt", 300_000.0)]


def test_a_simulation_past_its_limit_is_stuck_once_and_stops_at_its_next_step(scene: Scene) -> None:
    """At the limit it is not yet past it; one that was begun later has its own time."""
    watchdog, later = Watchdog(600, 60), scene.begin("8")
    scene.clock.sleep(55)
    assert watchdog.tick([scene.simulation, later]) == []
    scene.simulation.check_timeout()
    scene.clock.advance(1)
    assert watchdog.tick([scene.simulation, later]) == [scene.simulation]
    assert watchdog.tick([scene.simulation, later]) == []
    assert scene.told("stuck") == [("7", 3, "user_sim", "gpt", 60_001.0)]
    assert scene.sink.of("stuck")[0].get("limit_ms") == 60_000.0
    with pytest.raises(SimulationTimeout):
        scene.simulation.check_timeout()
    later.check_timeout()


def test_without_a_limit_nothing_is_stuck(scene: Scene) -> None:
    scene.clock.sleep(1e6)
    assert Watchdog(30, None).tick([scene.simulation]) == []
    assert scene.told("stuck") == []


def test_of_a_simulation_that_has_ended_nothing_is_kept(scene: Scene) -> None:
    """One that is seen again after it was gone beats as a new one would: its count was not kept."""
    watchdog = Watchdog(30, None)
    scene.clock.sleep(30)
    watchdog.tick([scene.simulation])
    watchdog.tick([])
    watchdog.tick([scene.simulation])
    assert len(scene.told("heartbeat")) == 2


def test_waiting_for_an_evaluation_to_start_is_no_time_of_the_simulation(scene: Scene) -> None:
    """A simulation is stuck after its limit and the time that it was queued."""
    watchdog = Watchdog(600, 60)
    scene.simulation.queued_ms = 30_000.0
    scene.clock.sleep(80)
    assert watchdog.tick([scene.simulation]) == []
    scene.clock.sleep(6)
    assert watchdog.tick([scene.simulation]) == [scene.simulation]
