"""A run from beginning to end: the one place where everything is put together."""

from __future__ import annotations

import os
import platform
import queue
import signal
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from types import FrameType
from typing import Any

from rich.console import Console

from tau2_logging.errors import UserError
from tau2_logging.events import LEVELS, SCHEMA_VERSION
from tau2_logging.events.label import plain_domain
from tau2_logging.instrument import distribution_version
from tau2_logging.logger.clock import Clock, utc_offset
from tau2_logging.logger.content.command_line import masked_argv
from tau2_logging.logger.content.known_secrets import KNOWN
from tau2_logging.logger.content.sensitive import ALL
from tau2_logging.logger.event_logger import EventLogger
from tau2_logging.logger.scope import OK
from tau2_logging.logger.sink import Sink
from tau2_logging.runner.executors import Executor, Failure, ThreadsExecutor, make_pool
from tau2_logging.runner.exports import Exports, check_exports
from tau2_logging.runner.harness.enhanced_domains import offered
from tau2_logging.runner.harness.load_harness import load_harness
from tau2_logging.runner.harness.tau2_harness import Recipe, Tau2Harness
from tau2_logging.runner.model_calls.limits import Budget, rate_limit
from tau2_logging.runner.model_calls.litellm_settings import check_models, check_prices
from tau2_logging.runner.model_calls.model_servers import ModelServers, model_servers
from tau2_logging.runner.model_calls.server_traces import ServerTraces
from tau2_logging.runner.run_console import RunConsole
from tau2_logging.runner.run_end import Ending
from tau2_logging.runner.settings.config import DEFAULT_ARGS, THREADS, ModelChoice, RunConfig
from tau2_logging.runner.settings.secret_values import secret_values
from tau2_logging.runner.settings.start_fields import settings_fields
from tau2_logging.runner.work.checkpoint import Checkpoint, Key, Row, write_results, write_run
from tau2_logging.runner.work.early_end import End, end_of
from tau2_logging.runner.work.masked_record import masked_record
from tau2_logging.runner.work.plan import Plan, make_plan
from tau2_logging.runner.work.process_setup import ProcessSetup
from tau2_logging.runner.work.run_folder import RunFolder, locked_folder, within_plan
from tau2_logging.runner.work.run_lock import RunLock
from tau2_logging.runner.work.run_spec import RunSpec
from tau2_logging.runner.work.run_unit import RunContext
from tau2_logging.runner.work.watchdog import Watchdog
from tau2_logging.sinks.console import Progress, summary_table
from tau2_logging.sinks.domain_files import DomainFiles, events_path
from tau2_logging.sinks.structured_file import StructuredFiles
from tau2_logging.sinks.totals import Totals
from tau2_logging.version import __version__

EXIT_OK, EXIT_FAILED = 0, 1
_TICK_S = 0.25
_MANY_THREADS = 32


@dataclass
class _Stop:
    """Why the run stops before its end: the signal that asked for it, or what has ended it and when it is to be over (time.monotonic)."""

    signal: signal.Signals | None = None
    end: End | None = None
    at_latest: float = float("inf")


def run(config: RunConfig, resume: Path | None = None, argv: list[str] | None = None, console: Console | None = None) -> int:
    """Run and return the exit code: 0 when every simulation finished, 1 when some failed, 130 and 143 after SIGINT and SIGTERM.

    `resume` is the folder of an earlier run, whose plan `config` then repeats. Raises UserError for bad input, before anything is
    written.
    """
    with _session(config, resume, argv, console) as session:
        return session.run()


def run_in(config: RunConfig, tasks: Mapping[str, list[Any]] | None = None) -> Path:
    """Run, with these tasks (tau2's own objects) of a domain in place of those the configuration chooses; returns the run's folder."""
    with _session(config, tasks=tasks) as session:
        session.run()
        return session.folder.directory


@contextmanager
def _session(
    config: RunConfig,
    resume: Path | None = None,
    argv: list[str] | None = None,
    console: Console | None = None,
    tasks: Mapping[str, list[Any]] | None = None,
) -> Iterator[_Session]:
    """A session with its plan and its folder, ready to be run; our agents and domains are in tau2's registry meanwhile."""
    config = replace(config, log_dir=config.log_dir.absolute())  # an agent may change the working directory
    harness = load_harness(config)
    with KNOWN.knowing(secret_values(config)), offered(harness.registry, config):
        plan = make_plan(config, harness, tasks)
        _check(config, plan, harness)
        with locked_folder(config, resume) as (folder, lock):
            yield _Session(config, harness, plan, within_plan(folder, plan), lock, argv or [], RunConsole(console))


def _check(config: RunConfig, plan: Plan, harness: Tau2Harness) -> None:
    """Raise UserError for what would fail only when it has cost something."""
    check_models(config.models)
    judged = sum(harness.needs_judge(unit.task) for unit in plan.units)
    if judged and config.judge_model is None:
        try:
            check_models([ModelChoice(harness.own_judge())])
        except UserError as error:
            raise UserError(f"the reward of {judged} simulations needs a judge, and none is named with --judge-llm; {error}") from error
    if config.max_cost is not None:
        check_prices(config.models)
    for text in config.rate_limits:
        rate_limit(text)
    check_exports(config)


class _Session:
    def __init__(
        self, config: RunConfig, harness: Tau2Harness, plan: Plan, folder: RunFolder, lock: RunLock, argv: list[str], console: RunConsole
    ) -> None:
        self.config = config
        self.harness = harness
        self.plan = plan
        self.folder = folder
        self.lock = lock
        self.argv = argv
        self.console = console
        self.todo = tuple(unit for unit in plan.units if unit.key not in folder.done)
        self.recipes = {label: self._recipe(label) for label in config.labels}
        self.run_spec = RunSpec(config, folder.run_id, folder.directory, self.recipes)
        self.stop = _Stop()
        self.notes: list[str] = [] if not folder.damaged else [_damaged(folder.damaged)]
        self.ending = Ending(folder.directory)
        self.replaced = 0
        self.finished = set(folder.done)

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
                self.folder = replace(self.folder, started_wall=time.time())
            exports = stack.enter_context(Exports(self.config, self.folder.started_wall, self._planned(), self._say))
            totals, logger = self._open_logger(stack, [*exports.sinks, *traces.sinks])
            traces.write_with(logger)
            self.console.log_to(lambda text: logger.text(None, text))
            checkpoint = Checkpoint(self.folder.directory, self.config.labels)
            stack.callback(checkpoint.close)
            self._write_run_json()
            context = RunContext(self.harness, logger, self.recipes, checkpoint.append)
            if setup is not None:
                setup.open(stack, logger, servers)
            executor = self._executor(context, servers)
            self._announce(exports)
            budget = Budget(self.config.max_cost, self.config.max_tokens_total)
            self._write_start(logger)
            progress = Progress(totals, self.console.console, self.config.progress)
            with _signals(self.stop, executor), servers.watched(logger):
                failure = self._drive(executor, progress, servers, lambda: end_of(budget, totals, servers))
                self.notes += traces.finish(lambda: self.stop.signal is not None or failure is not None)
            self.notes += setup.notes if setup is not None else []
            self._write_end(logger, totals)
            if isinstance(failure, OSError):
                self.ending.stopped_by(failure)
            self._write_results()
            self.ending.check_files(logger, checkpoint)
            self.notes += exports.finish()
            return self._report(totals, logger, failure)

    def _setup(self, stack: ExitStack) -> ProcessSetup | None:
        """What this process needs to run simulations itself; None where workers do."""
        if self.config.executor != THREADS:
            return None
        setup = ProcessSetup(self.run_spec, self.harness, self._say, self.config.max_concurrency)
        setup.prepare(stack, self.plan.units)
        return setup

    def _executor(self, context: RunContext, servers: ModelServers) -> Executor:
        config = self.config
        if config.executor == THREADS:
            watchdog = Watchdog(config.heartbeat, config.task_timeout)
            return ThreadsExecutor(context, self.todo, config.max_concurrency, watchdog, servers.waits)
        return make_pool(self.run_spec, context, self.todo, self.folder.started_wall, servers, self._say)

    def _planned(self) -> dict[str, int]:
        return {label: sum(unit.domain == label for unit in self.plan.units) for label in self.config.labels}

    def _open_logger(self, stack: ExitStack, more: Sequence[Sink]) -> tuple[Totals, EventLogger]:
        totals = Totals(self._planned())
        for (domain, task, _), row in self.folder.done.items():
            if domain in totals.domains:
                totals.add_finished(domain, task, row.get("reward"), row.get("termination"))
        sinks: list[Sink] = [totals, *more]
        if self.config.profile:
            sinks.append(DomainFiles(self.config.log_dir, self.config.domains, LEVELS[self.config.log_level]))
        if self.config.writes_events:
            sinks.append(StructuredFiles(self.folder.directory, self.config.labels))
        clock = Clock()
        origin = clock.now_ns() - int((time.time() - self.folder.started_wall) * 1e9)
        logger = EventLogger(self.folder.run_id, sinks, clock, origin, self.config.masking)
        stack.callback(logger.close)
        return totals, logger

    def _recipe(self, label: str) -> Recipe:
        config = self.config.within(label)
        judge = config.judge_model
        quiet = {"num_retries": 0}
        return Recipe(
            domain=plain_domain(label),
            agent=self.plan.agents[label],
            user=self.plan.users[label],
            agent_llm=config.agent_model.llm,
            agent_args={**(config.agent_model.args or DEFAULT_ARGS), **quiet},
            user_llm=config.user_model.llm,
            user_args={**(config.user_model.args or DEFAULT_ARGS), **quiet},
            judge_llm=judge.llm if judge is not None else None,
            judge_args={**((judge.args if judge is not None else None) or DEFAULT_ARGS), **quiet},
            repetition_judge=judge is not None and judge.named,
            max_steps=config.max_steps,
            max_errors=config.max_errors,
            num_trials=config.num_trials,
            seed=config.seed,
            model_failures=config.model_failures,
        )

    def _drive(self, executor: Executor, progress: Progress, servers: ModelServers, end: Callable[[], End | None]) -> BaseException | None:
        left = len(self.todo)
        progress.start()
        try:
            try:
                executor.start()
            except OSError as error:
                return error
            while left > 0 and self.stop.signal is None and not self._is_over(executor):
                try:
                    report = executor.reports.get(timeout=_TICK_S)
                except queue.Empty:
                    report = None
                if isinstance(report, Failure):
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
                    self.stop.end, self.stop.at_latest = ended, time.monotonic() + ended.patience_s
                    executor.stop()  # what is in flight has been paid for and ends in its own time
            return None
        finally:
            progress.stop(executor.in_flight())
            executor.close()

    def _count(self, row: Row) -> None:
        if row.status == OK and row.simulation is not None:
            self.finished.add(row.key)

    def _is_over(self, executor: Executor) -> bool:
        return self.stop.end is not None and (executor.idle or time.monotonic() > self.stop.at_latest)

    def _announce(self, exports: Exports) -> None:
        config = self.config
        for note in (*exports.notes, *self.notes):
            self._say(note)
        self.notes.clear()
        if config.all_scripted:
            self._say(
                "No real model is evaluated: the built-in scripted models play agent, user and judge. "
                "Name one with --agent-llm gpt-4.1 --user-llm gpt-4.1 (see README)."
            )
        if config.executor == THREADS and config.max_concurrency > _MANY_THREADS and (os.cpu_count() or 1) > 1:
            self._say(
                f"{config.max_concurrency} simulations at a time share one interpreter, and calls wait for it; "
                "--executor processes gives each core one (docs/executors.md)"
            )
        if config.ttft == "on":
            self._say(
                "--ttft on: calls are made as streams. A server may parse streamed tool calls differently from whole ones, so results may "
                "differ from a run without it; answers that look wrong are asked for again without a stream."
            )
        for domain, number in self.plan.left_out.items():
            if number:
                self._say(f"{domain}: {number} tasks left out that agent {config.agent} cannot do")
        if self.folder.resumed:
            self._say(f"resuming run {self.folder.run_id}: {len(self.folder.done)} of {len(self.plan.units)} simulations are done")
        self._say(f"run {self.folder.run_id}: {len(self.todo)} simulations, {config.max_concurrency} at a time")

    def _say(self, text: str) -> None:
        self.console.say(text)

    def _versions(self) -> dict[str, Any]:
        return {
            "tau2_version": self.harness.version,
            "litellm_version": (distribution_version("litellm") or "litellm unknown").split()[-1],
            "python_version": platform.python_version(),
            "tau2_logging_version": __version__,
        }

    def _write_run_json(self) -> None:
        if self.folder.resumed:
            return
        data = {
            "run_id": self.folder.run_id,
            "started": time.strftime("%Y-%m-%d %H:%M:%S%z", time.localtime(self.folder.started_wall)),
            "started_wall": self.folder.started_wall,
            "config": self.config.as_json(),
            "user": self.plan.user,
            "trial_seeds": list(self.plan.seeds),
            "simulations": len(self.plan.units),
            "argv": masked_argv(self.argv),
            **self._versions(),
        }
        try:
            write_run(self.folder.directory, data)
        except OSError as error:
            raise UserError(
                f"cannot write {self.folder.directory}/run.json: {error.strerror}; make room or choose another --log-dir"
            ) from error

    def _write_start(self, logger: EventLogger) -> None:
        for domain, recipe in self.recipes.items():
            fields: dict[str, Any] = {
                "schema": SCHEMA_VERSION,
                **self._versions(),
                "utc_offset": utc_offset(logger.clock),
                "harness": self.harness.label,
                **settings_fields(self.config.within(domain), recipe),
                "seed": self.config.seed,
                "seeds": ",".join(map(str, self.plan.seeds)),
                "simulations": sum(unit.domain == domain for unit in self.plan.units),
                "resumed": self.folder.resumed,
                "argv": masked_argv(self.argv),
                "domain": domain,
                "run": self.folder.run_id,
            }
            logger.emit("run_start", fields, domain=domain)

    def _write_end(self, logger: EventLogger, totals: Totals) -> None:
        for domain, item in totals.domains.items():
            fields: dict[str, Any] = {
                "start_ms": 0.0,
                "duration_ms": logger.since_start_ms(logger.clock.now_ns()),
                "simulations": item.done,
                "ok": item.ok,
                "errors": item.errors,
                "model_failures": item.model_failures,
                "timeouts": item.timeouts,
                "pending": item.planned - item.done,
                "mean_reward": item.mean_reward,
                **item.counted,
                "tool_errors": item.tool_errors,
                "llm_errors": item.call_errors,
                "retries": item.retries,
                "input_tokens": item.input_tokens,
                "output_tokens": item.output_tokens,
                "cost_usd": item.cost_usd,
                "signal": self.stop.signal.name if self.stop.signal is not None else None,
                "stopped_by": self.stop.end.name if self.stop.end is not None else None,
                "domain": domain,
                "run": self.folder.run_id,
            }
            logger.emit("run_end", fields, domain=domain)

    def _write_results(self) -> None:
        for label, recipe in self.recipes.items():
            self.ending.write_results(label, partial(self._write_results_of, label, recipe), self.finished)

    def _write_results_of(self, label: str, recipe: Recipe) -> set[Key]:
        info, now = self.harness.info_json(recipe), time.strftime("%Y-%m-%dT%H:%M:%S")
        planned = {unit.key for unit in self.plan.units}
        change = masked_record if self.config.masking == ALL else str
        return write_results(self.folder.directory, label, info, self.plan.tasks(label), now, planned, change)

    def _report(self, totals: Totals, logger: EventLogger, failure: BaseException | None) -> int:
        self.console.show(summary_table(totals))
        for domain, item in totals.domains.items():
            self._say(f"{domain}: mean reward {item.score.headline}")
        directory = self.folder.directory
        self._say(f"results: {directory}/results_<domain>.json ({', '.join(self.config.labels)})")
        if self.config.profile:
            logs = " ".join(str(events_path(self.config.log_dir, domain)) for domain in self.config.domains)
            self._say(f"next:    python analyze_timing_from_tau2_log.py --log_file {logs} --output_dir analysis_results/")
        if self.config.writes_events:
            self._say(f"events:  {directory}/events_<domain>.jsonl")
        if self.replaced:
            self._say(
                f"note: {self.replaced} simulations hold text or values that UTF-8 and JSON cannot hold; U+FFFD or a name took their place"
            )
        for note in (*self.notes, *self.ending.notes):
            self._say(f"note: {note}")
        if logger.failures:
            self._say(f"warning: {logger.failures} events could not be made; the first failure is in {self.config.log_dir}/eval_*.log")
        if failure is not None and not isinstance(failure, OSError):
            raise failure
        for problem in self.ending.problems:
            self._say(f"error: {problem}")
        if self.stop.end is not None:
            self._say(f"stopped: {self.stop.end.text}; {self.stop.end.advice}")
        unfinished = len(self.plan.units) - self.ending.kept
        if unfinished:
            self._say(
                f"{unfinished} of {len(self.plan.units)} simulations are not finished; go on with: python run_local.py --resume {directory}"
            )
        if self.stop.signal is not None:
            return 128 + int(self.stop.signal)
        return EXIT_OK if unfinished == 0 and not self.ending.problems else EXIT_FAILED


def _damaged(rows: Sequence[str]) -> str:
    more = f", and {len(rows) - 1} more" if len(rows) > 1 else ""
    return f"note: rows that were edited or damaged are passed over, what they stood for is run again: {rows[0]}{more}"


@contextmanager
def _signals(stop: _Stop, executor: Executor) -> Iterator[None]:
    """SIGINT and SIGTERM ask the run to stop; a second one ends the process the ordinary way."""

    def ask(number: int, frame: FrameType | None) -> None:
        stop.signal = signal.Signals(number)
        executor.reports.put(None)
        for name in before:
            signal.signal(name, before[name])

    names = (signal.SIGINT, signal.SIGTERM)
    try:
        before = {name: signal.signal(name, ask) for name in names}
    except ValueError:  # not the main thread: somebody else has the signals
        yield
        return
    try:
        yield
    finally:
        for name in names:
            signal.signal(name, before[name])
