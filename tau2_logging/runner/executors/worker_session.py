"""A worker's side of the pool: it is given units one by one, and reports what has become of them."""

from __future__ import annotations

import os
import queue
import socket
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field, replace

from rich.console import Console

from tau2_logging.events import LEVELS
from tau2_logging.events.structured import StructuredEvent
from tau2_logging.logger.clock import Clock
from tau2_logging.logger.event_logger import EventLogger
from tau2_logging.logger.simulation import InFlight
from tau2_logging.logger.sink import Sink
from tau2_logging.models.servers.server_settings import ModelServerSettings
from tau2_logging.runner.executors.executor import RunFailure
from tau2_logging.runner.executors.threads import ThreadsExecutor
from tau2_logging.runner.harness.enhanced_domains import offered
from tau2_logging.runner.harness.load_harness import load_harness
from tau2_logging.runner.model_calls.model_servers import model_servers
from tau2_logging.runner.settings.config import RunConfig
from tau2_logging.runner.work.checkpoint import PLAYED, Row
from tau2_logging.runner.work.process_setup import ProcessSetup
from tau2_logging.runner.work.run_plan import Unit
from tau2_logging.runner.work.run_spec import RunSpec, WorkerSpec
from tau2_logging.runner.work.run_unit import RunContext
from tau2_logging.runner.work.watchdog import Watchdog
from tau2_logging.sinks.domain_files import DomainFiles
from tau2_logging.sinks.outbox import Outbox
from tau2_logging.sinks.structured_file import StructuredFiles

STOP = None
"""In the place of a unit: the worker is to leave."""
REPORT_S = 0.2
"""At least this often a worker reports."""

Said = list[tuple[str | None, str]]


@dataclass(frozen=True)
class WorkerReport:
    """Message of a worker: `host` in its first one, when it is ready; what has happened since the last; what is in flight now;
    how many lines it could not write so far, and why (`unwritten`).

    `refused`: why it cannot start, for the user. `broken`: what broke outside of any simulation.
    """

    host: str | None = None
    refused: str | None = None
    broken: str | None = None
    rows: list[Row] = field(default_factory=list)
    lines: Said = field(default_factory=list)
    texts: Said = field(default_factory=list)
    structured: list[StructuredEvent] = field(default_factory=list)
    said: list[str] = field(default_factory=list)
    in_flight: list[InFlight] = field(default_factory=list)
    unwritten: tuple[int, str] = (0, "")


class WorkerSession:
    """A worker that is ready: `take` a unit, `fetch` the next report."""

    def __init__(
        self, executor: ThreadsExecutor, setup: ProcessSetup, outbox: Outbox, said: queue.SimpleQueue[str], logger: EventLogger
    ) -> None:
        self._executor = executor
        self._logger = logger
        self._setup = setup
        self._outbox = outbox
        self._said = said

    def take(self, unit: Unit) -> None:
        """Run this unit as soon as a slot is free."""
        self._setup.learn(unit)
        self._executor.add(unit)

    def fetch(self, wait_s: float) -> WorkerReport:
        """Watch over what is in flight, wait for something to end, and report. Rows are taken before lines: a row's last line is reported
        no later than the row."""
        self._executor.tick()
        rows, broken = self._reports(wait_s)
        lines, texts, structured = self._outbox.fetch()
        said = [self._said.get() for _ in range(self._said.qsize())]
        return WorkerReport(None, None, broken, rows, lines, texts, structured, said, self._executor.in_flight(), self._logger.lost())

    def _reports(self, wait_s: float) -> tuple[list[Row], str | None]:
        rows: list[Row] = []
        while True:
            try:
                report = self._executor.reports.get(timeout=wait_s)
            except queue.Empty:
                return rows, None
            wait_s = 0.0
            if isinstance(report, RunFailure):
                return rows, f"{type(report.error).__name__}: {report.error}"
            if report is not None:
                rows.append(report)


def host_name() -> str:
    """Return the machine's name, as every event of a worker bears it."""
    return socket.gethostname()


@contextmanager
def open_session(run_spec: RunSpec, worker_spec: WorkerSpec) -> Iterator[WorkerSession]:
    """Set up everything that a worker needs, for the block. Raises UserError if the run cannot be carried out here."""
    os.environ.update(worker_spec.environment)
    said: queue.SimpleQueue[str] = queue.SimpleQueue()
    config = run_spec.config
    harness = load_harness(config)
    harness = harness if run_spec.harness is None else run_spec.harness()
    with ExitStack() as stack:
        stack.callback(harness.close)
        stack.enter_context(offered(harness.registry, run_spec.settings.values()))
        quiet = Console(file=open(os.devnull, "w"))  # noqa: SIM115 - as long as the process
        servers = stack.enter_context(
            model_servers(_at_servers(config, worker_spec), run_spec.directory, quiet, lambda text: None, vouched=True)
        )
        setup = ProcessSetup(run_spec, harness, said.put, worker_spec.slots, worker_spec.share)
        setup.prepare(stack)
        outbox = Outbox(worker_spec.uplink_level, not worker_spec.own_files, config.writes_events)
        logger = _logger(run_spec, worker_spec, outbox)
        stack.callback(logger.close)
        setup.open(stack, logger, servers)
        stack.enter_context(servers.watched(logger, samples=False))
        context = RunContext(harness, logger, run_spec.settings, lambda row: executor.reports.put(row) if row.status == PLAYED else None)
        watchdog = Watchdog(config.heartbeat, config.task_timeout)
        evaluations = max(config.max_evaluations // worker_spec.share, 1) if config.max_evaluations else None
        executor = ThreadsExecutor(context, None, worker_spec.slots, watchdog, evaluations=evaluations)
        executor.start()
        stack.callback(executor.close)
        stack.callback(_tell_notes, setup, said)
        yield WorkerSession(executor, setup, outbox, said, logger)


def _tell_notes(setup: ProcessSetup, said: queue.SimpleQueue[str]) -> None:
    for note in setup.notes:
        said.put(f"note: {note}")


def _at_servers(config: RunConfig, worker_spec: WorkerSpec) -> RunConfig:
    """Replace the servers to start by the addresses of those that run; each worker starts with a different one."""
    if not worker_spec.endpoints:
        return replace(config, servers=None)
    first = worker_spec.number % len(worker_spec.endpoints)
    return replace(config, servers=ModelServerSettings(endpoints=(*worker_spec.endpoints[first:], *worker_spec.endpoints[:first])))


def _logger(run_spec: RunSpec, worker_spec: WorkerSpec, outbox: Outbox) -> EventLogger:
    config = run_spec.config
    sinks: list[Sink] = [outbox]
    if worker_spec.own_files and config.profile:
        sinks.append(DomainFiles(config.log_dir, config.domains, LEVELS[config.log_level]))
    if worker_spec.own_files and config.writes_events:
        sinks.append(StructuredFiles(run_spec.directory, run_spec.settings))
    clock = Clock()
    origin_ns = worker_spec.origin_ns
    if origin_ns is None:
        origin_ns = clock.now_ns() - int((time.time() - worker_spec.started_wall) * 1e9)
    return EventLogger(run_spec.run_id, sinks, clock, origin_ns, config.masking, host_name(), worker_spec.name)
