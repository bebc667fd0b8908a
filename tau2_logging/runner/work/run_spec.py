"""What a worker needs to run a run's simulations, and what is its own part of it. Both are sent to worker processes."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from tau2_logging.runner.harness.tau2_harness import Tau2Harness
from tau2_logging.runner.settings.config import RunConfig
from tau2_logging.runner.settings.simulation_settings import SimulationSettings


@dataclass(frozen=True)
class RunSpec:
    """What a worker needs to run a run's simulations: settings, run id, folder, and those of the simulations of each label. `harness` makes
    the harness if the settings do not tell which (see `Tau2Harness.made_again`).

    Picklable. It holds keys that were given among the models' arguments: it is sent, and never written or logged.
    """

    config: RunConfig
    run_id: str
    directory: Path
    settings: Mapping[str, SimulationSettings]
    harness: Callable[[], Tau2Harness] | None = None


@dataclass(frozen=True)
class WorkerSpec:
    """Part of one worker process in a run.

    `number` counts the workers there have been, from 0; `share` is how many there are at a time, `slots` how many simulations this one runs
    at a time. `started_wall`: seconds since 1970 when the run started. `origin_ns`: the same moment on the monotonic clock, which the
    processes of a machine share; None on other machines. `own_files`: it writes into the run's files itself. `uplink_level`: least
    level of the events the run wants to see. `endpoints`: URLs of the model servers. `environment`: variables to set.
    """

    name: str
    number: int
    share: int
    slots: int
    started_wall: float
    origin_ns: int | None
    own_files: bool
    uplink_level: int
    endpoints: tuple[str, ...] = ()
    environment: Mapping[str, str] = field(default_factory=dict)
