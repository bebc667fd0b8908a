"""Where a run's events go besides its files: an OpenTelemetry endpoint, Prometheus. Their packages are imported when they are asked for."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from types import ModuleType
from typing import TYPE_CHECKING

from tau2_logging.events import Event
from tau2_logging.logger.sink import Sink
from tau2_logging.runner.model_calls.server_traces import check_receiving
from tau2_logging.runner.settings.config import RunConfig

if TYPE_CHECKING:
    from tau2_logging.sinks.otlp import OtlpSink


class Exports:
    """The sinks that `config` asks for. `notes` are for the start of the run; `finish` says what is to be said at its end.

    `started_wall`: seconds since 1970 when the run (not this start of it) started; `planned`: simulations of each domain.
    """

    def __init__(self, config: RunConfig, started_wall: float, planned: dict[str, int], say: Callable[[str], None]) -> None:
        self.sinks: list[Sink] = []
        self.notes: list[str] = []
        self._otlp: OtlpSink | None = None
        if config.prometheus is not None:
            prometheus = _prometheus()
            server = prometheus.PrometheusSink(config.prometheus, planned)
            self.sinks.append(server)
            self.notes.append(f"metrics for Prometheus: http://{prometheus.ADDRESS}:{server.port}/metrics")
        if config.otlp is not None:
            self._otlp = _otlp().OtlpSink(config.otlp, round(started_wall * 1e9), config.otlp_content, say)
            self.sinks.append(self._otlp)

    def __enter__(self) -> Exports:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()

    def finish(self) -> list[str]:
        """Send what is left."""
        self.close()
        return [self._otlp.report()] if self._otlp is not None else []

    def close(self) -> None:
        """Close the sinks. Idempotent."""
        for sink in self.sinks:
            sink.close()


def check_exports(config: RunConfig) -> None:
    """Raise UserError for an address that is none or a package that is missing, before anything is done or written."""
    check_receiving(config)
    if config.otlp is not None:
        from tau2_logging.sinks.otlp_sender import base_url  # needs OpenTelemetry's packages

        base_url(config.otlp)
    if config.prometheus is not None:
        _prometheus().check_port(config.prometheus)


def send_log(runs: Iterable[tuple[int, Iterable[Event]]], endpoint: str, content: bool = False) -> str:
    """Send finished runs to an OTLP endpoint: for each when it started (ns since 1970) and its events. The sentence that says how it
    went.

    Raises UserError if the endpoint is no address or does not take them.
    """
    sentence: str = _otlp().send_runs(runs, endpoint, content)
    return sentence


def _otlp() -> ModuleType:
    """Import the sink that needs OpenTelemetry's packages. Raises UserError if they are missing."""
    from tau2_logging.sinks import otlp

    return otlp


def _prometheus() -> ModuleType:
    """Import the sink that needs prometheus_client. Raises UserError if it is missing."""
    from tau2_logging.sinks import prometheus

    return prometheus
