"""The model servers of a run: started or found, asked for their models, watched, ended."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from rich.console import Console

from tau2_logging.errors import UserError
from tau2_logging.events.secrets.masking import mask_text
from tau2_logging.logger.event_logger import EventLogger
from tau2_logging.models.servers.api import ServerApi
from tau2_logging.models.servers.endpoints import Endpoint, Endpoints, NoEndpoint
from tau2_logging.models.servers.fleet import Fleet
from tau2_logging.models.servers.programs import health_page
from tau2_logging.models.servers.server_process import plan_servers
from tau2_logging.models.servers.server_settings import PROVIDER, ModelServerSettings
from tau2_logging.models.servers.tracing import with_spans
from tau2_logging.models.servers.watch import MetricsWatch
from tau2_logging.posix_only import require_posix
from tau2_logging.runner.model_calls.loading_status import loading_told
from tau2_logging.runner.model_calls.outages import Outages
from tau2_logging.runner.model_calls.routing import Routing
from tau2_logging.runner.model_calls.server_questions import ask, ask_addressed, ask_all, learn
from tau2_logging.runner.settings.config import RunConfig

_DEATH_NEWS_S = 2.0

Say = Callable[[str], None]


def routed_models(config: RunConfig) -> frozenset[str]:
    """Return the models whose calls go to the run's servers: hosted_vllm/... without an api_base of their own."""
    if config.servers is None:
        return frozenset()
    return frozenset(model.llm for model in config.models if model.llm.startswith(f"{PROVIDER}/") and not model.args.get("api_base"))


class ModelServers:
    """What a run does with its servers. Without any, nothing happens."""

    def __init__(
        self,
        settings: ModelServerSettings | None,
        routed: frozenset[str],
        endpoints: list[Endpoint],
        fleet: Fleet,
        say: Say,
        addressed: Iterable[Endpoint] = (),
        wait_s: float = 0.0,
    ) -> None:
        self.endpoints = Endpoints(endpoints, self._look, self._changed)
        self.addressed = Endpoints(addressed, self._look, self._changed)
        self.routed = routed
        self.outages = Outages(self.endpoints, routed, self.addressed, wait_s)
        self._groups = list(dict.fromkeys((*map(self.outages.servers_of, routed), *((one,) for one in self.addressed.all))))
        self._settings = settings
        self._fleet = fleet
        self._say = say
        self._logger: EventLogger | None = None

    @contextmanager
    def routing(self) -> Iterator[None]:
        """Calls of the routed models go to the servers."""
        if not self.routed:
            yield
            return
        layer = Routing(self.endpoints, self.routed)
        layer.install()
        try:
            yield
        finally:
            layer.uninstall()

    def program_at(self, endpoint: str) -> str | None:
        """Return what is known to answer at host:port."""
        everywhere = (*self.endpoints.all, *self.addressed.all)
        return next((one.program for one in everywhere if one.name == endpoint), None)

    def waits(self) -> str | None:
        """Return what calls wait for and for how long, in words; None if they do not. No simulation is to be started meanwhile."""
        return next((text for servers in self._groups if (text := self.outages.of(servers)) is not None), None)

    def lost(self) -> NoEndpoint | None:
        """Return the why calls of a model do not wait for its servers any longer; None if they do, or if there is no need."""
        return next((over for servers in self._groups if (over := self.outages.over(servers)) is not None), None)

    @property
    def urls(self) -> tuple[str, ...]:
        """The servers' URLs."""
        return tuple(endpoint.address.base_url for endpoint in self.endpoints.all)

    @contextmanager
    def watched(self, logger: EventLogger, samples: bool = True) -> Iterator[None]:
        """Their figures are written (`samples`), and those that fail are asked again."""
        if not self._groups and self._settings is None:
            yield
            return
        self._logger = logger
        interval_s = self._settings.metrics_interval if samples and self._settings is not None else None
        watch = MetricsWatch(self.endpoints, logger, interval_s, self._say, self._look_again)
        watch.start()
        try:
            yield
        finally:
            watch.stop()
            self._logger = None

    def _look_again(self) -> None:
        """Notice processes that have ended, and ask servers that are left out."""
        for endpoint in self.endpoints.all:
            if endpoint.down is None and (how := self._fleet.ended(endpoint.name)) is not None:
                self.endpoints.failed(endpoint, how)
        for servers in (self.endpoints, self.addressed):
            servers.waited_for = self.waits() is not None
            servers.recheck()

    def _look(self, endpoint: Endpoint) -> str | None:
        how = self._fleet.ended(endpoint.name)
        health_problem = _ailment(endpoint) if how is None else None
        if health_problem is not None:  # a process that has just died is not yet known to have
            how = self._fleet.ended(endpoint.name, _DEATH_NEWS_S)
        endpoint.gone = how is not None
        return how or health_problem

    def _changed(self, endpoint: Endpoint) -> None:
        logger = self._logger
        what = "answers again" if endpoint.down is None else f"is left out: {endpoint.down}"
        outage = " (no simulation starts until then)" if endpoint.down is not None and not endpoint.gone and self.waits() else ""
        self._say(f"{endpoint.name} {what}{outage}")
        if logger is None:
            return
        fields: dict[str, object] = {
            "endpoint": endpoint.name,
            "model": ",".join(endpoint.models) or None,
            "start_ms": logger.since_start_ms(logger.clock.now_ns()),
            "run": logger.run_id,
        }
        if endpoint.down is not None:
            fields["error_message"] = mask_text(endpoint.down)
        logger.emit("server_down" if endpoint.down is not None else "server_up", fields)


def _ailment(endpoint: Endpoint) -> str | None:
    if not endpoint.answered:
        return learn(endpoint)
    health_problem = ServerApi(endpoint.address, key=endpoint.key).health_problem(health_page(endpoint.program))
    return health_problem if health_problem != endpoint.unlisted else None


@contextmanager
def model_servers(
    config: RunConfig, log_directory: Path, console: Console, say: Say, vouched: bool = False, traces: str | None = None
) -> Iterator[ModelServers]:
    """Start the servers that are asked for, find those that run, and end the former afterwards, whatever happens. `vouched`: the
    endpoints have answered the run, and one that does not now is waited for. Servers that are started send their spans to `traces`.

    Raises UserError for what cannot be, ServerDied if a server does not come up.
    """
    settings, routed = config.servers, routed_models(config)
    with ExitStack() as stack:
        endpoints: list[Endpoint] = []
        fleet = Fleet([])
        if settings is not None:
            _check_used(settings, routed)
            endpoints = ask_all(settings, vouched)
            if settings.serve is not None:
                require_posix("--serve", "start the server yourself and name it with --endpoint URL")
                plans = plan_servers(settings, log_directory)
                fleet = stack.enter_context(Fleet(plans if traces is None else [with_spans(plan, traces) for plan in plans]))
                endpoints = [*_ready(fleet, settings, console, config.progress, say), *endpoints]
            _check_served(endpoints, routed, say)
        yield ModelServers(settings, routed, endpoints, fleet, say, ask_addressed(config.models), config.server_wait)


def _check_used(settings: ModelServerSettings, routed: frozenset[str]) -> None:
    if not routed:
        name = settings.served_name or "NAME"
        raise UserError(f"no role uses the model servers; name their model with --agent-llm, --user-llm or --judge-llm {PROVIDER}/{name}")


def _check_served(endpoints: list[Endpoint], routed: frozenset[str], say: Say) -> None:
    for endpoint in endpoints:
        if endpoint.down is not None:
            say(f"{endpoint.name} is left out for now: {endpoint.down}")
    for model in sorted(routed):
        name = model.partition("/")[2]
        if not any(endpoint.serves(name) for endpoint in endpoints):
            there = sorted({served for endpoint in endpoints for served in endpoint.models})
            raise UserError(
                f"no server has model {name!r}; they serve {', '.join(there) or 'none'}: write {PROVIDER}/{(there or ['NAME'])[0]}"
            )


def _ready(fleet: Fleet, settings: ModelServerSettings, console: Console, progress: bool, say: Say) -> list[Endpoint]:
    for process in fleet.processes:
        plan = process.plan
        for line in plan.said:
            say(line)
        gpus = f", GPU {plan.gpus}" if plan.gpus is not None else ""
        say(f"model server {plan.number}: {plan.address.name}, pid {process.pid}{gpus}, log {plan.log}")
    name = str(settings.served_name)
    with loading_told(console if progress else None, say) as tell:
        fleet.wait_ready(name, settings.serve_timeout, tell)
    say(f"model servers: {len(fleet.processes)} ready with {name}")
    return [ask(Endpoint(plan.address)) for plan in fleet.plans]
