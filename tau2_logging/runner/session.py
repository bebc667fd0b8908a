"""A run from start to end: the one place where everything is put together."""

from __future__ import annotations

import queue
import time
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

from rich.console import Console

from tau2_logging.errors import Tau2LoggingError, UserError
from tau2_logging.events import LEVELS
from tau2_logging.events.secrets.known_secrets import KNOWN
from tau2_logging.logger.clock import Clock
from tau2_logging.logger.content.sensitive import ALL
from tau2_logging.logger.event_logger import EventLogger
from tau2_logging.logger.scope import OK
from tau2_logging.logger.sink import Sink
from tau2_logging.runner.executors import Executor, RunFailure, ThreadsExecutor, choose_executor, make_pool
from tau2_logging.runner.exports import Exports, check_exports
from tau2_logging.runner.harness.enhanced_domains import offered
from tau2_logging.runner.harness.load_harness import load_harness
from tau2_logging.runner.harness.tau2_harness import Tau2Harness
from tau2_logging.runner.model_calls.limits import Budget, rate_limit
from tau2_logging.runner.model_calls.litellm_settings import check_models, check_prices
from tau2_logging.runner.model_calls.model_servers import ModelServers, model_servers
from tau2_logging.runner.model_calls.server_traces import ServerTraces
from tau2_logging.runner.run_console import RunConsole, process_put_back
from tau2_logging.runner.run_end import Ending
from tau2_logging.runner.run_events import RunRecord
from tau2_logging.runner.run_notices import (
    NextCommands,
    damaged_note,
    ending_lines,
    left_its_recording,
    left_lines,
    opening_lines,
    result_lines,
)
from tau2_logging.runner.run_stop import Stop
from tau2_logging.runner.settings.config import ModelChoice, RunConfig
from tau2_logging.runner.settings.options import THREADS
from tau2_logging.runner.settings.secret_values import secret_values
from tau2_logging.runner.settings.simulation_settings import SimulationSettings, simulation_settings
from tau2_logging.runner.work.checkpoint import Checkpoint, Key, Row, write_results
from tau2_logging.runner.work.early_end import End, end_of
from tau2_logging.runner.work.masked_record import masked_record
from tau2_logging.runner.work.process_setup import ProcessSetup
from tau2_logging.runner.work.recorded_units import with_recordings
from tau2_logging.runner.work.run_folder import locked_folder, within_plan
from tau2_logging.runner.work.run_lock import RunLock
from tau2_logging.runner.work.run_plan import RunPlan, make_plan
from tau2_logging.runner.work.run_spec import RunSpec
from tau2_logging.runner.work.run_unit import RunContext
from tau2_logging.runner.work.watchdog import Watchdog
from tau2_logging.sinks.domain_files import DomainFiles
from tau2_logging.sinks.progress_display import ProgressDisplay, summary_table
from tau2_logging.sinks.structured_file import StructuredFiles
from tau2_logging.sinks.totals import LiveTotals
from tau2_logging.units import plural

EXIT_OK, EXIT_FAILED = 0, 1
_TICK_S = 0.25


def run(
    config: RunConfig,
    resume: Path | None = None,
    argv: list[str] | None = None,
    console: Console | None = None,
    following: NextCommands | None = None,
) -> int:
    """Run and return the exit code: 0 when every simulation finished, 1 when some failed, 130 and 143 after SIGINT and SIGTERM.

    `resume` is the folder of an earlier run, whose plan `config` then repeats; `following` what to recommend at the end, if it is not what
    goes with a run. Raises UserError for bad input, before anything is written.
    """
    with _session(config, resume, argv, console) as session:
        session.following = following or session.following
        return session.run()


def run_in(config: RunConfig, tasks: Mapping[str, list[Any]] | None = None) -> Path:
    """Run, with these tasks (tau2's own objects) of a domain in place of those the configuration chooses; returns the run's folder."""
    with _session(config, tasks=tasks) as session:
        session.run()
        return session.folder.directory


@dataclass(frozen=True)
class GivenRun:
    """A run that has ended: its folder, and the exception that ends the command if it was stopped by a signal or could not be written."""

    folder: Path
    stopped: BaseException | None


def run_given(config: RunConfig, harness: Tau2Harness, tasks: Mapping[str, list[Any]], keys: Collection[Key] | None = None) -> GivenRun:
    """Run tasks on a harness that is made already, without a word. `keys`: of these simulations only."""
    harness.retrieve_with(config.retrieval_config)
    with _session(config, console=Console(quiet=True), tasks=tasks, harness=harness, keys=keys) as session:
        session.run()
        unwritten = Tau2LoggingError(session.ending.problems[0]) if session.ending.problems else None
        return GivenRun(session.folder.directory, KeyboardInterrupt() if session.stop.signal is not None else unwritten)


def plan_of(config: RunConfig) -> tuple[RunPlan, str | None]:
    """Return the plan of a run that is not started, and what would be refused of it. Raises UserError if there can be no plan."""
    settings = simulation_settings(config)
    harness = load_harness(config)
    with KNOWN.knowing(secret_values(config)), offered(harness.registry, settings.values()):
        plan = make_plan(config, settings, harness)
        try:
            _check(config, plan, harness)
            with_recordings(plan)
        except UserError as refused:
            return plan, str(refused)
    return plan, None


@contextmanager
def _session(
    config: RunConfig,
    resume: Path | None = None,
    argv: list[str] | None = None,
    console: Console | None = None,
    tasks: Mapping[str, list[Any]] | None = None,
    harness: Tau2Harness | None = None,
    keys: Collection[Key] | None = None,
) -> Iterator[_Session]:
    """Yield a session with its plan and its folder, ready to be run; our agents and domains are in tau2's registry meanwhile. An agent may
    change the working directory and the standard streams: for who goes on afterwards they are what they were."""
    config = replace(config, log_dir=config.log_dir.absolute())  # an agent may change the working directory
    settings = simulation_settings(config)
    harness = harness or load_harness(config)
    with process_put_back(), KNOWN.knowing(secret_values(config)), offered(harness.registry, settings.values()):
        plan = make_plan(config, settings, harness, tasks)
        plan = plan if keys is None else replace(plan, units=tuple(unit for unit in plan.units if unit.key in keys))
        _check(config, plan, harness)
        plan = with_recordings(plan)
        with locked_folder(config, settings, resume) as (folder, lock):
            yield _Session(RunRecord(config, harness, plan, within_plan(folder, plan), argv or []), lock, RunConsole(console))


def _check(config: RunConfig, plan: RunPlan, harness: Tau2Harness) -> None:
    """Raise UserError for what would fail only when it has cost something."""
    check_models(config.models)
    judged = sum(harness.needs_judge(unit.task) for unit in plan.units)
    if judged and config.judge_model is None:
        try:
            check_models([ModelChoice(harness.own_judge())])
        except UserError as error:
            raise UserError(
                f"the reward of {plural(judged, 'simulation')} needs a judge, and none is named with --judge-llm; {error}"
            ) from error
    if config.max_cost is not None:
        check_prices(config.models)
    for text in config.rate_limits:
        rate_limit(text)
    check_exports(config)


class _Session:
    def __init__(self, record: RunRecord, lock: RunLock, console: RunConsole) -> None:
        self.record = record
        self.harness = record.harness
        self.plan = plan = record.plan
        self.folder = folder = record.folder
        self.lock = lock
        self.console = console
        self.todo = tuple(replace(unit, played=folder.played.get(unit.key)) for unit in plan.units if unit.key not in folder.done)
        choice = choose_executor(record.config, len(self.todo))
        self.config = config = replace(record.config, executor=choice.executor, workers=choice.workers)
        self.run_spec = RunSpec(config, folder.run_id, folder.directory, plan.settings, self.harness.made_again())
        self.stop = Stop()
        self.notes: list[str] = [] if not folder.damaged else [damaged_note(folder.damaged)]
        self.notes += [choice.note] if choice.note is not None else []
        self.ending = Ending(folder.directory, resumable=not self.harness.origin)
        self.replaced = 0
        self.left: list[Row] = []
        self.finished = set(folder.done)
        self.following = NextCommands.of_run(config, folder)

    def run(self) -> int:
        with ExitStack() as stack:
            stack.callback(self.harness.close)
            stack.enter_context(self.console.outliving_hangup())
            needed = self.config if self.todo else replace(self.config, servers=None)
            traces = stack.enter_context(ServerTraces(needed, self._say))
            logs = self.folder.directory / "servers"
            servers = stack.enter_context(model_servers(needed, logs, self.console.console, self._say, traces=traces.endpoint))
            setup = self._setup(stack)
            if not self.folder.resumed:
                self._starts_now()
            exports = stack.enter_context(Exports(self.config, self.folder.started_wall, self.plan.planned(), self._say))
            totals, logger = self._open_logger(stack, [*exports.sinks, *traces.sinks])
            traces.write_with(logger)
            self.console.log_to(lambda text: logger.text(None, text))
            checkpoint = Checkpoint(self.folder.directory, self.plan.settings)
            stack.callback(checkpoint.close)
            if not self.folder.resumed:
                self.record.write_run_json()
            context = RunContext(self.harness, logger, self.plan.settings, checkpoint.append)
            if setup is not None:
                setup.open(stack, logger, servers)
            executor = self._executor(context, servers)
            self._announce(exports)
            budget = Budget(self.config.max_cost, self.config.max_tokens_total)
            self.record.emit_start(logger)
            progress = ProgressDisplay(totals, self.console.console, self.config.progress and not self.config.quiet)
            with self.stop.on_signals(lambda: executor.reports.put(None)), servers.watched(logger):
                failure = self._drive(executor, progress, servers, lambda: end_of(budget, totals, servers))
                self.notes += traces.finish(lambda: self.stop.signal is not None or failure is not None)
            self.notes += setup.notes if setup is not None else []
            self._emit_end(logger, totals)
            if isinstance(failure, OSError):
                self.ending.stopped_by(failure)
            self._write_results()
            self.ending.check_files(logger, checkpoint)
            self.notes += exports.finish()
            return self._report(totals, logger, failure)

    def _starts_now(self) -> None:
        self.folder = replace(self.folder, started_wall=time.time())
        self.record = replace(self.record, folder=self.folder)

    def _setup(self, stack: ExitStack) -> ProcessSetup | None:
        """Set this process up to run simulations itself; None if workers run them."""
        if self.config.executor != THREADS:
            return None
        setup = ProcessSetup(self.run_spec, self.harness, self._say, self.config.max_concurrency)
        setup.prepare(stack, self.plan.units)
        return setup

    def _executor(self, context: RunContext, servers: ModelServers) -> Executor:
        config = self.config
        if config.executor == THREADS:
            watchdog = Watchdog(config.heartbeat, config.task_timeout)
            return ThreadsExecutor(context, self.todo, config.max_concurrency, watchdog, servers.waits, config.max_evaluations)
        return make_pool(self.run_spec, context, self.todo, self.folder.started_wall, servers, self._say)

    def _open_logger(self, stack: ExitStack, more: Sequence[Sink]) -> tuple[LiveTotals, EventLogger]:
        totals = LiveTotals(self.plan.planned())
        for (domain, task, _), row in self.folder.done.items():
            if domain in totals.domains:
                totals.add_finished(domain, task, row.get("reward"), row.get("termination"))
        sinks: list[Sink] = [totals, *more]
        if self.config.profile:
            sinks.append(DomainFiles(self.config.log_dir, self.config.domains, LEVELS[self.config.log_level]))
        if self.config.writes_events:
            sinks.append(StructuredFiles(self.folder.directory, self.plan.settings))
        clock = Clock()
        origin = clock.now_ns() - int((time.time() - self.folder.started_wall) * 1e9)
        logger = EventLogger(self.folder.run_id, sinks, clock, origin, self.config.masking)
        stack.callback(logger.close)
        return totals, logger

    def _drive(
        self, executor: Executor, progress: ProgressDisplay, servers: ModelServers, end: Callable[[], End | None]
    ) -> BaseException | None:
        left = len(self.todo)
        progress.start()
        try:
            try:
                executor.start()
            except OSError as error:
                return error
            while left > 0 and not self.stop.is_over(executor):
                try:
                    report = executor.reports.get(timeout=_TICK_S)
                except queue.Empty:
                    report = None
                if isinstance(report, RunFailure):
                    return report.error
                if report is not None:
                    left -= 1
                    self.replaced += report.note is not None
                    self._count(report)
                executor.tick()
                self.lock.freshen()
                self.console.tick()
                progress.update(executor.in_flight(), servers.waits())
                if self.stop.end is None and (ended := end()) is not None:
                    self.stop.begin(ended, executor)
            return None
        finally:
            progress.stop(executor.in_flight())
            executor.close()

    def _count(self, row: Row) -> None:
        if left_its_recording(row):
            self.left.append(row)
        if row.status == OK and row.simulation is not None:
            self.finished.add(row.key)

    def _announce(self, exports: Exports) -> None:
        opening = () if self.config.quiet else opening_lines(self.config, self.plan, self.folder, self.harness.data)
        for line in (*exports.notes, *self.notes, *opening):
            self._say(line)
        self.notes.clear()

    def _say(self, text: str) -> None:
        self.console.say(text)

    def _emit_end(self, logger: EventLogger, totals: LiveTotals) -> None:
        stop = self.stop
        self.record.emit_end(logger, totals, stop.signal.name if stop.signal else None, stop.end.name if stop.end else None)

    def _write_results(self) -> None:
        for label, settings in self.plan.settings.items():
            self.ending.write_results(label, partial(self._write_results_of, label, settings), self.finished)

    def _write_results_of(self, label: str, settings: SimulationSettings) -> set[Key]:
        info, now = self.harness.info_json(settings), time.strftime("%Y-%m-%dT%H:%M:%S")
        planned = {unit.key for unit in self.plan.units}
        change = masked_record if self.config.masking == ALL else str
        return write_results(self.folder.directory, label, info, self.plan.tasks(label), now, planned, change)

    def _report(self, totals: LiveTotals, logger: EventLogger, failure: BaseException | None) -> int:
        self.console.show(summary_table(totals))
        for line in result_lines(self.config, self.plan, self.folder, totals, self.following):
            self._say(line)
        for line in left_lines(self.left, len(self.todo)):
            self._say(line)
        if self.replaced:
            self._say(
                f"note: {self.replaced} simulations hold text or values that UTF-8 and JSON cannot hold; U+FFFD or a name took their place"
            )
        for note in (*self.notes, *self.ending.notes):
            self._say(f"note: {note}")
        if logger.failures:
            self._say(
                f"warning: {plural(logger.failures, 'event')} could not be made; the first failure is in {self.config.log_dir}/eval_*.log"
            )
        if failure is not None and not isinstance(failure, OSError):
            raise failure
        for line in ending_lines(self.plan, self.stop, self.ending, self.following):
            self._say(line)
        if self.stop.signal is not None:
            return 128 + int(self.stop.signal)
        return EXIT_OK if self.ending.kept == len(self.plan.units) and not self.ending.problems else EXIT_FAILED
