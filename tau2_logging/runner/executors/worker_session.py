"""A worker's side: a process that is given units one by one, and tells the run what has come of them."""

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
from tau2_logging.models.servers.server_settings import ServerSettings
from tau2_logging.runner.executors.executor import Failure
from tau2_logging.runner.executors.threads import ThreadsExecutor
from tau2_logging.runner.harness.enhanced_domains import offered
from tau2_logging.runner.harness.load_harness import load_benchmark
from tau2_logging.runner.model_calls.model_servers import model_servers
from tau2_logging.runner.settings.config import RunConfig
from tau2_logging.runner.work.checkpoint import Row
from tau2_logging.runner.work.plan import Unit
from tau2_logging.runner.work.process_setup import Workshop
from tau2_logging.runner.work.run_spec import Order, Post
from tau2_logging.runner.work.run_unit import Bench
from tau2_logging.runner.work.watchdog import Watchdog
from tau2_logging.sinks.domain_files import DomainFiles
from tau2_logging.sinks.structured_file import StructuredFiles
from tau2_logging.sinks.uplink import Uplink

TURN_S = 0.2
"""At least this often a worker tells how it stands."""

Said = list[tuple[str | None, str]]


@dataclass(frozen=True)
class Turn:
    """What a worker has to tell: `host` with its first one, when it is ready; what has happened since the last; what is in flight now;
    how many lines it could not write so far, and why (`unwritten`).

    `refused`: why it cannot begin, for a person. `broken`: what broke outside of any simulation.
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


class Station:
    """What `station` gives: `take` a unit, `fetch` what there is to tell."""

    def __init__(
        self, executor: ThreadsExecutor, workshop: Workshop, uplink: Uplink, said: queue.SimpleQueue[str], logger: EventLogger
    ) -> None:
        self._executor = executor
        self._logger = logger
        self._workshop = workshop
        self._uplink = uplink
        self._said = said

    def take(self, unit: Unit) -> None:
        """Run this unit as soon as a slot is free."""
        self._workshop.learn(unit)
        self._executor.add(unit)

    def fetch(self, wait_s: float) -> Turn:
        """Watch over what is in flight, wait for something to end, and tell. Rows are taken before lines: a row's last line is told no
        later than the row."""
        self._executor.look()
        rows, broken = self._reports(wait_s)
        lines, texts, structured = self._uplink.fetch()
        said = [self._said.get() for _ in range(self._said.qsize())]
        return Turn(None, None, broken, rows, lines, texts, structured, said, self._executor.in_flight(), self._logger.lost())

    def _reports(self, wait_s: float) -> tuple[list[Row], str | None]:
        rows: list[Row] = []
        while True:
            try:
                report = self._executor.reports.get(timeout=wait_s)
            except queue.Empty:
                return rows, None
            wait_s = 0.0
            if isinstance(report, Failure):
                return rows, f"{type(report.error).__name__}: {report.error}"
            if report is not None:
                rows.append(report)


def host_name() -> str:
    """The machine's name, as every event of a worker bears it."""
    return socket.gethostname()


@contextmanager
def station(order: Order, post: Post) -> Iterator[Station]:
    """Everything a worker needs, in place inside the block. Raises UserError where the run cannot be carried out here."""
    os.environ.update(post.environment)
    said: queue.SimpleQueue[str] = queue.SimpleQueue()
    config = order.config
    benchmark = load_benchmark(config)
    with ExitStack() as stack:
        stack.callback(benchmark.close)
        stack.enter_context(offered(benchmark.registry, config))
        quiet = Console(file=open(os.devnull, "w"))  # noqa: SIM115 - as long as the process
        servers = stack.enter_context(model_servers(_at_servers(config, post), order.directory, quiet, lambda text: None, vouched=True))
        workshop = Workshop(order, benchmark, said.put, post.slots, post.share)
        workshop.prepare(stack)
        uplink = Uplink(post.uplink_level, not post.own_files, config.writes_events)
        logger = _logger(order, post, uplink)
        stack.callback(logger.close)
        workshop.open(stack, logger, servers)
        stack.enter_context(servers.watched(logger, samples=False))
        bench = Bench(benchmark, logger, dict(order.recipes), lambda row: None)
        executor = ThreadsExecutor(bench, None, post.slots, Watchdog(config.heartbeat, config.task_timeout))
        executor.start()
        stack.callback(executor.close)
        stack.callback(_tell_notes, workshop, said)
        yield Station(executor, workshop, uplink, said, logger)


def _tell_notes(workshop: Workshop, said: queue.SimpleQueue[str]) -> None:
    for note in workshop.notes:
        said.put(f"note: {note}")


def _at_servers(config: RunConfig, post: Post) -> RunConfig:
    """With the servers' addresses in place of the wish to start some; each worker begins with another one."""
    if not post.endpoints:
        return replace(config, servers=None)
    first = post.number % len(post.endpoints)
    return replace(config, servers=ServerSettings(endpoints=(*post.endpoints[first:], *post.endpoints[:first])))


def _logger(order: Order, post: Post, uplink: Uplink) -> EventLogger:
    config = order.config
    sinks: list[Sink] = [uplink]
    if post.own_files and config.profile:
        sinks.append(DomainFiles(config.log_dir, config.domains, LEVELS[config.log_level]))
    if post.own_files and config.writes_events:
        sinks.append(StructuredFiles(order.directory, config.labels))
    clock = Clock()
    origin_ns = post.origin_ns
    if origin_ns is None:
        origin_ns = clock.now_ns() - int((time.time() - post.started_wall) * 1e9)
    return EventLogger(order.run_id, sinks, clock, origin_ns, config.masking, host_name(), post.name)
