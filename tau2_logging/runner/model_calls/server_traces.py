"""Whether a run receives the spans of its model servers, where, and what is to be said of it."""

from __future__ import annotations

from collections.abc import Callable
from types import ModuleType
from typing import TYPE_CHECKING

from tau2_logging.errors import UserError
from tau2_logging.events import LEVELS
from tau2_logging.logger.event_logger import EventLogger
from tau2_logging.logger.sink import Sink
from tau2_logging.models.servers.tracing import FLAG, obstacle
from tau2_logging.runner.settings.config import RunConfig
from tau2_logging.sinks.server_calls import JoinCounts, ServerCalls

if TYPE_CHECKING:
    from tau2_logging.sinks.span_receiver import SpanReceiver

_LOOPBACK = "127.0.0.1"
_EVERYWHERE = ("", "0.0.0.0", "::")

Say = Callable[[str], None]


class ServerTraces:
    """A context manager. `sinks` are for the run's logger; `endpoint` is where servers that we start send their spans, None for nowhere.

    Spans are received where --receive-traces says, and on loopback if vLLM is started. Raises UserError for an address that cannot be
    had, and if OpenTelemetry's packages are missing for --receive-traces.
    """

    def __init__(self, config: RunConfig, say: Say) -> None:
        self.sinks: list[Sink] = []
        self.endpoint: str | None = None
        self._calls: ServerCalls | None = None
        self._receiver: SpanReceiver | None = None
        self._at = ""
        starts = _starts_tracing_servers(config, say)
        if config.receive_traces is not None:
            self._receive(*address_of(config.receive_traces))
            say(f"spans of model servers are received at {self._at}")
        elif starts and _installed(say):
            self._receive(_LOOPBACK, 0)
        if starts and self.sinks:
            self.endpoint = self._at

    def _receive(self, host: str, port: int) -> None:
        receiving = _span_receiver()
        self._calls = ServerCalls()
        self._receiver = receiver = receiving.SpanReceiver(host, port, self._calls.take)
        self.sinks.append(self._calls)
        reached = _LOOPBACK if host in _EVERYWHERE else host
        self._at = f"http://{f'[{reached}]' if ':' in reached else reached}:{receiver.port}{receiving.PATH}"

    def write_with(self, logger: EventLogger) -> None:
        """Events are written by this logger from now on."""
        if self._calls is not None:
            self._calls.write_with(logger)

    def finish(self, stopped: Callable[[], bool]) -> list[str]:
        """Wait for the last spans, unless the run has been stopped; receive no more. The sentence on how it went."""
        if self._calls is None:
            return []
        counts = self._calls.wait(stopped)
        self._close()
        return [self._sentence(counts)] if counts.calls or counts.foreign else []

    def _sentence(self, counts: JoinCounts) -> str:
        foreign = f"; {counts.foreign} spans of requests belong to none of them" if counts.foreign else ""
        if not counts.joined and not counts.foreign:
            return (
                f"no span of a model request came to {self._at}: the server's part of each call is unknown. Start vLLM with {FLAG} (see "
                "docs/vllm.md)"
            )
        return f"{counts.joined} of {counts.calls} successful model calls have their server's own times (server_call events){foreign}"

    def _close(self) -> None:
        if self._receiver is not None:
            self._receiver.close()
            self._receiver = None

    def __enter__(self) -> ServerTraces:
        return self

    def __exit__(self, *error: object) -> None:
        self._close()


def address_of(text: str) -> tuple[str, int]:
    """Return HOST:PORT as host and port. Raises UserError."""
    host, colon, port = text.rpartition(":")
    if not colon or not port.isascii() or not port.isdigit() or int(port) > 65_535:
        raise UserError(f"--receive-traces is {text!r}; give HOST:PORT, as 127.0.0.1:4318 (0.0.0.0 for every address of this machine)")
    return host.strip("[]"), int(port)


def check_receiving(config: RunConfig) -> None:
    """Raise UserError if --receive-traces cannot work, before anything is done."""
    if config.receive_traces is None:
        return
    address_of(config.receive_traces)
    if not _records(config):
        raise UserError(
            "--receive-traces writes what is joined with model calls; it cannot go with --no-profile or --log-level above PROFILE"
        )
    if not config.trace_header:
        raise UserError("--receive-traces needs the traceparent header of each call; omit --no-trace-header")
    _span_receiver()


def _span_receiver() -> ModuleType:
    """Import the receiver, which needs OpenTelemetry's packages. Raises UserError if they are missing."""
    from tau2_logging.sinks import span_receiver

    return span_receiver


def _records(config: RunConfig) -> bool:
    return config.profile and LEVELS[config.log_level] <= LEVELS["PROFILE"]


def _starts_tracing_servers(config: RunConfig, say: Say) -> bool:
    if config.servers is None or config.servers.serve is None or not config.trace_header or not _records(config):
        return False
    why = obstacle(config.servers)
    if why is not None:
        say(_not_asked(why))
    return why is None


def _installed(say: Say) -> bool:
    try:
        _span_receiver()
    except UserError as missing:
        say(_not_asked(str(missing)))
        return False
    return True


def _not_asked(why: str) -> str:
    return f"note: model servers are started without tracing: {why}"
