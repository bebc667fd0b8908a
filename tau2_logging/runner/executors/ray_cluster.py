"""Workers as actors of a Ray cluster: on this machine, or wherever the cluster has room.

An actor writes no files: everything it says comes back with its turns. When its node dies, another actor takes its place as soon as Ray
finds room for one. Our package goes to the nodes with the job; tau2 and the rest of requirements.txt have to be installed there.
"""

from __future__ import annotations

import logging
import os
import sys
import threading
from collections.abc import Mapping
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import Any

from tau2_logging.errors import UserError
from tau2_logging.instrument import has_module
from tau2_logging.runner.executors.worker_pool import Inbox, Lost
from tau2_logging.runner.executors.worker_session import TURN_S, Turn, host_name, station
from tau2_logging.runner.model_calls.litellm_settings import credentials
from tau2_logging.runner.work.plan import Unit
from tau2_logging.runner.work.run_spec import Order, Post

_PACKAGE = Path(__file__).resolve().parents[2]


def _ray() -> Any:
    """Ray, set up to keep to itself. Raises UserError where it is not installed."""
    if not has_module("ray", "actor"):
        raise UserError("--executor ray needs Ray, which is not installed; pip install -r requirements-ray.txt")
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    os.environ.setdefault("RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO", "0")
    import ray

    return ray


class RayStaff:
    """Actors of a cluster: the one this process is connected to, that of `--ray-address`, or one of its own on this machine.

    Raises UserError where there is none.
    """

    own_files = False

    def __init__(self, order: Order) -> None:
        self._ray = _ray()
        self._order = order
        self._begun = not self._ray.is_initialized()
        if self._begun:
            self._connect()
        self.cpus = int(self._ray.cluster_resources().get("CPU", 1))
        self.environment: Mapping[str, str] = credentials(order.config.models)

    def _connect(self) -> None:
        config = self._order.config
        where: dict[str, Any] = {"num_cpus": config.workers, "include_dashboard": False}
        if config.ray_address is not None:
            where = {"address": config.ray_address}
        try:
            self._ray.init(**where, log_to_driver=False, logging_level=logging.ERROR, runtime_env={"py_modules": [str(_PACKAGE)]})
        except Exception as error:
            asked = f"--ray-address {config.ray_address}" if config.ray_address else "a Ray cluster on this machine"
            raise UserError(f"{asked} cannot be used ({type(error).__name__}: {error}); is it up, with our version of Ray?") from error

    def hire(self, post: Post, inbox: Inbox) -> RayWorker:
        """Start a worker."""
        return RayWorker(self._ray, self._order, post, inbox)

    def close(self) -> None:
        """Disconnect, where we have connected; a cluster of our own ends."""
        if self._begun:
            self._ray.shutdown()


class RayWorker:
    """An actor as the crew sees it."""

    def __init__(self, ray: Any, order: Order, post: Post, inbox: Inbox) -> None:
        self.name = post.name
        self.slots = post.slots
        self._ray = ray
        self._inbox = inbox
        kind = ray.remote(RayActor).options(num_cpus=1, max_concurrency=4, max_restarts=0)
        self._actor = kind.remote(order, post, sys.path)
        threading.Thread(target=self._listen, name=f"worker {self.name}", daemon=True).start()

    def send(self, unit: Unit) -> None:
        """Give it a unit."""
        with suppress(Exception):  # it is gone, and the listener says so
            self._actor.take.remote(unit)

    def ask_to_leave(self) -> None:
        """Tell it that there is nothing more to do."""
        with suppress(Exception):
            self._actor.leave.remote()

    def end(self) -> None:
        """Have it gone. Idempotent."""
        with suppress(Exception):
            self._ray.kill(self._actor)

    def _listen(self) -> None:
        while True:
            try:
                turn = self._ray.get(self._actor.fetch.remote())
            except Exception as error:
                self._inbox.put((self, Lost(_reason(error))))
                return
            if turn is None:
                self._inbox.put((self, Lost("it has left")))
                return
            self._inbox.put((self, turn))


def _reason(error: Exception) -> str:
    """What Ray says, without its advice."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return f"{type(error).__name__}: {lines[0] if lines else ''}"


class RayActor:
    """A worker in the cluster. `fetch` gives Turns, and None when it has left."""

    def __init__(self, order: Order, post: Post, path: list[str]) -> None:
        sys.path.extend(entry for entry in path if entry not in sys.path)
        os.environ.setdefault("LITELLM_LOCAL_MODEL_COST_MAP", "True")
        self._first: Turn | None = Turn(host=host_name())
        self._leaving = threading.Event()
        self._told_last = False
        self._stack = ExitStack()
        try:
            self._station = self._stack.enter_context(station(order, post))
        except UserError as error:
            self._first = Turn(refused=str(error))

    def take(self, unit: Unit) -> None:
        """Run this unit."""
        self._station.take(unit)

    def leave(self) -> None:
        """There is nothing more to do."""
        self._leaving.set()

    def fetch(self) -> Turn | None:
        """What there is to tell, after a while."""
        first, self._first = self._first, None
        if first is not None:
            return first
        if self._told_last:
            return None
        if self._leaving.is_set():
            self._stack.close()
            self._told_last = True
            return self._station.fetch(0)
        return self._station.fetch(TURN_S)
