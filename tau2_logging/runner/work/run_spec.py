"""What whoever runs simulations of a run has to be told."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from tau2_logging.runner.harness.tau2_harness import Recipe
from tau2_logging.runner.settings.config import RunConfig


@dataclass(frozen=True)
class Order:
    """A run: its settings, its name and folder, how the tasks of each domain are run.

    Picklable. It holds the keys of models that were given with their arguments: it is sent, and never written or logged.
    """

    config: RunConfig
    run_id: str
    directory: Path
    recipes: Mapping[str, Recipe]


@dataclass(frozen=True)
class Post:
    """The place of one worker process in a run.

    `number` counts the workers there have been, from 0; `share` is how many there are at a time, `slots` how many simulations this one runs
    at a time. `started_wall`: seconds since 1970 when the run began. `origin_ns`: the same moment on the monotonic clock, which the
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
