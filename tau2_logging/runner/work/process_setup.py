"""Set up a process to run simulations: parse databases; wrap tau2, litellm and HTTP clients. All of it is undone at the end."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from contextlib import ExitStack
from typing import Any

from tau2_logging.environments import EnvironmentStates, FastDatabases, FastTools
from tau2_logging.events import LEVELS
from tau2_logging.events.secrets.known_secrets import KNOWN
from tau2_logging.instrument import Instrumentation, ToolDetails
from tau2_logging.instrument.instrumentor import installed_together
from tau2_logging.instrument.model_calls.taped_calls import TapedCalls
from tau2_logging.instrument.simulations.separate_evaluation import SeparateEvaluation
from tau2_logging.instrument.tau2_environments.injected_faults import FaultSource, InjectedFaults
from tau2_logging.instrument.tau2_environments.substitutes import DatabaseSubstitutes, ToolSubstitutes
from tau2_logging.logger.bridge import Bridge, ignore_known_warnings
from tau2_logging.logger.event_logger import EventLogger
from tau2_logging.models.recorded.recorded_provider import register as register_recorded
from tau2_logging.models.scripted.llm_args import USER_FAULTS
from tau2_logging.models.scripted.provider import register
from tau2_logging.models.scripted.task_script import TaskScripts, script_of
from tau2_logging.runner.harness.tau2_harness import Tau2Harness
from tau2_logging.runner.model_calls.limits import RateLimits, rate_limit, shared_out
from tau2_logging.runner.model_calls.litellm_settings import http_connections, quiet_litellm, warm_up
from tau2_logging.runner.model_calls.model_servers import ModelServers
from tau2_logging.runner.model_calls.recorded_models import recorded_answer
from tau2_logging.runner.model_calls.retries import Retries
from tau2_logging.runner.model_calls.retry_policy import RetryPolicy
from tau2_logging.runner.settings.secret_values import secret_values
from tau2_logging.runner.settings.tool_faults import ToolFaults, spoiled, unexecuted
from tau2_logging.runner.work.interpreter import frozen_heap, short_turns
from tau2_logging.runner.work.run_plan import Unit
from tau2_logging.runner.work.run_spec import RunSpec

Say = Callable[[str], None]


class ProcessSetup:
    """`prepare`, then `open`; both leave what has to be undone on the caller's stack. `notes` are what the user should know at the end.

    `slots` simulations run here at a time; `share` processes run simulations, and each keeps to its part of the rate limits.
    """

    def __init__(self, run_spec: RunSpec, harness: Tau2Harness, say: Say, slots: int, share: int = 1) -> None:
        self._run_spec = run_spec
        self._config = run_spec.config
        self._harness = harness
        self._say = say
        self._slots = slots
        self._share = share
        self._book = TaskScripts()
        self._databases: FastDatabases | None = None
        self.notes: list[str] = []

    def prepare(self, stack: ExitStack, units: Iterable[Unit] = ()) -> None:
        """Do what takes seconds and belongs to no simulation, before anything is measured."""
        ignore_known_warnings()
        stack.enter_context(KNOWN.knowing(secret_values(self._config)))
        for unit in units:
            self.learn(unit)
        for label, settings in self._run_spec.settings.items():
            if settings.agent_args.get("bad_writes") or any(name in settings.user_args for name in USER_FAULTS):
                self._book.add_write_tools(label, self._harness.write_tools(settings.domain))
        register(self._book)
        register_recorded(model.llm for model in self._config.models if model.recorded)
        warm_up()
        self._enter_environments(stack)
        self._harness.prepare(list(self._run_spec.settings.values()))

    def learn(self, unit: Unit) -> None:
        """Let the scripted models know a task."""
        self._book.add(unit.domain, script_of(unit.task))

    def open(self, stack: ExitStack, logger: EventLogger, servers: ModelServers) -> None:
        """Put everything that measures in place."""
        with installed_together():
            self._open(stack, logger, servers)

    def _open(self, stack: ExitStack, logger: EventLogger, servers: ModelServers) -> None:
        config = self._config
        separate = SeparateEvaluation()
        separate.install()
        stack.callback(separate.uninstall)
        if config.profile:
            bridge = Bridge(logger.text, LEVELS[config.log_level])
            bridge.install()
            stack.callback(bridge.uninstall)
            self._spoil_tools(stack)
            self._instrument(stack, servers)
        stack.enter_context(servers.routing())
        policy = RetryPolicy(config.max_retries, max_wait_s=config.max_retry_wait)
        retries = Retries(policy, config.request_timeout, notes=not config.profile, outages=servers.outages)
        retries.install()
        stack.callback(retries.uninstall)
        tape = TapedCalls(recorded_answer)
        tape.install()
        stack.callback(tape.uninstall)
        first = next(iter(self._run_spec.settings.values()))
        stack.enter_context(self._harness.judge(first.judge_llm, first.judge_args))
        stack.enter_context(http_connections(self._slots))
        stack.enter_context(quiet_litellm())
        stack.enter_context(short_turns())

    def _spoil_tools(self, stack: ExitStack) -> None:
        """Before what measures tools: it is to measure what the model meets."""
        if self._config.tool_faults:
            faults = ToolFaults.of(self._config.tool_faults)
            stack.enter_context(InjectedFaults(FaultSource(faults.drawn, unexecuted, spoiled, faults.wait_s)))

    def _instrument(self, stack: ExitStack, servers: ModelServers) -> None:
        config = self._config
        ttft = config.ttft if LEVELS[config.log_level] <= LEVELS["PROFILE"] else "off"
        limits = [shared_out(rate_limit(text), self._share) for text in config.rate_limits]
        details = ToolDetails(EnvironmentStates(self._databases), config.snapshot_writes)
        rate_limiter = RateLimits(limits) if limits else None
        instrumentation = Instrumentation(
            ttft=ttft, rate_limiter=rate_limiter, details=details, trace_header=config.trace_header, program_at=servers.program_at
        )
        instrumentation.install()
        self.notes = instrumentation.notes
        stack.callback(instrumentation.uninstall)

    def _enter_environments(self, stack: ExitStack) -> None:
        if not self._config.fast_env:
            self._try_environments()
            return
        self._databases = FastDatabases()
        own = self._harness.fast_databases()
        for databases in (self._databases, *own.values()):
            stack.callback(self._check_databases, databases)
        layers = [DatabaseSubstitutes(package, databases) for package, databases in {"tau2": self._databases, **own}.items()]
        for layer in (*layers, ToolSubstitutes(FastTools())):
            layer.install()
            stack.callback(layer.uninstall)
        self._try_environments()
        stack.enter_context(frozen_heap())

    def _try_environments(self) -> None:
        """Read the data now, not in the first simulations' time; what cannot be made is said before anything is paid."""
        for domain in self._config.domains:
            self._harness.try_environment(domain)

    def _check_databases(self, databases: Any) -> None:
        for path in databases.damaged():
            self._say(f"warning: a tool changed shared records of {path}; do not trust these results and run with --no-fast-env")
