"""Workers as actors of a Ray cluster: on this machine, or wherever the cluster has room.

An actor writes no files: everything it says comes back with its reports. When its node dies, another actor takes its place as soon as Ray
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
from tau2_logging.runner.executors.worker_session import REPORT_S, WorkerReport, host_name, open_session
from tau2_logging.runner.model_calls.litellm_settings import credentials
from tau2_logging.runner.work.run_plan import Unit
from tau2_logging.runner.work.run_spec import RunSpec, WorkerSpec

_PACKAGE = Path(__file__).resolve().parents[2]


def _ray() -> Any:
    """Return Ray, set up for this process only. Raises UserError if it is not installed."""
    if not has_module("ray", "actor"):
        raise UserError("--executor ray needs Ray, which is not installed; pip install -r requirements-ray.txt")
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    os.environ.setdefault("RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO", "0")
    import ray

    return ray


class RayBackend:
    """Actors of a cluster: the one this process is connected to, that of `--ray-address`, or one of its own on this machine.

    Raises UserError if there is none.
    """

    own_files = False

    def __init__(self, run_spec: RunSpec) -> None:
        self._ray = _ray()
        self._run_spec = run_spec
        self._begun = not self._ray.is_initialized()
        if self._begun:
            self._connect()
        self.cpus = int(self._ray.cluster_resources().get("CPU", 1))
        self.environment: Mapping[str, str] = credentials(run_spec.config.models)

    def _connect(self) -> None:
        config = self._run_spec.config
        where: dict[str, Any] = {"address": "local", "num_cpus": config.workers, "include_dashboard": False}  # never another run's cluster
        if config.ray_address is not None:
            where = {"address": config.ray_address}
        try:
            self._ray.init(**where, log_to_driver=False, logging_level=logging.ERROR, runtime_env={"py_modules": [str(_PACKAGE)]})
        except Exception as error:
            asked = f"--ray-address {config.ray_address}" if config.ray_address else "a Ray cluster on this machine"
            raise UserError(f"{asked} cannot be used ({type(error).__name__}: {error}); is it up, with our version of Ray?") from error

    def start(self, worker_spec: WorkerSpec, inbox: Inbox) -> RayWorker:
        """Start a worker."""
        return RayWorker(self._ray, self._run_spec, worker_spec, inbox)

    def close(self) -> None:
        """Disconnect, if we have connected; a cluster of our own ends."""
        if self._begun:
            self._ray.shutdown()


class RayWorker:
    """An actor as the pool sees it."""

    def __init__(self, ray: Any, run_spec: RunSpec, worker_spec: WorkerSpec, inbox: Inbox) -> None:
        self.name = worker_spec.name
        self.slots = worker_spec.slots
        self._ray = ray
        self._inbox = inbox
        kind = ray.remote(RayActor).options(num_cpus=1, max_concurrency=4, max_restarts=0)
        self._actor = kind.remote(run_spec, worker_spec, sys.path)
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
                report = self._ray.get(self._actor.fetch.remote())
            except (Exception, SystemExit) as error:  # SystemExit: Ray was shut down meanwhile
                self._inbox.put((self, Lost(_reason(error))))
                return
            if report is None:
                self._inbox.put((self, Lost("it has left")))
                return
            self._inbox.put((self, report))


def _reason(error: BaseException) -> str:
    """Return what Ray says, without its advice."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return f"{type(error).__name__}: {lines[0] if lines else ''}"


class RayActor:
    """A worker in the cluster. `fetch` gives reports, and None when it has left."""

    def __init__(self, run_spec: RunSpec, worker_spec: WorkerSpec, path: list[str]) -> None:
        sys.path.extend(entry for entry in path if entry not in sys.path)
        os.environ.setdefault("LITELLM_LOCAL_MODEL_COST_MAP", "True")
        self._first: WorkerReport | None = WorkerReport(host=host_name())
        self._leaving = threading.Event()
        self._told_last = False
        self._stack = ExitStack()
        try:
            self._session = self._stack.enter_context(open_session(run_spec, worker_spec))
        except UserError as error:
            self._first = WorkerReport(refused=str(error))

    def take(self, unit: Unit) -> None:
        """Run this unit."""
        self._session.take(unit)

    def leave(self) -> None:
        """There is nothing more to do."""
        self._leaving.set()

    def fetch(self) -> WorkerReport | None:
        """Return what there is to tell, after a while."""
        first, self._first = self._first, None
        if first is not None:
            return first
        if self._told_last:
            return None
        if self._leaving.is_set():
            self._stack.close()
            self._told_last = True
            return self._session.fetch(0)
        return self._session.fetch(REPORT_S)
