"""The only place that wraps other people's code."""

from __future__ import annotations

from tau2_logging.instrument.helper_threads import ThreadsInstrumentor
from tau2_logging.instrument.http import HttpInstrumentor
from tau2_logging.instrument.instrumentor import Instrumentor, distribution_version, has_module, installed_together
from tau2_logging.instrument.litellm import LitellmInstrumentor
from tau2_logging.instrument.maseval import MasevalInstrumentor
from tau2_logging.instrument.model_calls.call_types import ProgramAt, nothing_known
from tau2_logging.instrument.model_calls.rate_limiter import RateLimiter
from tau2_logging.instrument.requests.streaming import TTFT_MODES, Streaming
from tau2_logging.instrument.simulations.tool_details import ToolDetails
from tau2_logging.instrument.tau2 import Tau2Instrumentor
from tau2_logging.logger.event_logger import EventLogger


class Instrumentation:
    """All instrumentors as one: `install`, then `uninstall` to leave no trace. Usable as a context manager.

    `ttft`: whether plain calls are made as streaming requests, to measure the time to the first token: `auto` (at hosts whose streams are
    known to give the same answers), `on` (everywhere; a server's parser of streamed tool calls may change what the agent gets) or `off`.
    `rate_limiter` may delay calls. `details` makes the structured events of tool calls; without it, no state is examined. `trace_header`:
    send a W3C `traceparent` header with each model call, so that a server's own spans can be joined with it. `program_at` returns which
    program answers at a host:port; calls there get it as `call_type`.
    """

    def __init__(
        self,
        logger: EventLogger | None = None,
        ttft: str = "auto",
        rate_limiter: RateLimiter | None = None,
        details: ToolDetails | None = None,
        trace_header: bool = True,
        program_at: ProgramAt = nothing_known,
    ) -> None:
        self._streaming = Streaming(ttft)
        self._parts: tuple[Instrumentor, ...] = (
            ThreadsInstrumentor(),
            Tau2Instrumentor(logger, details),
            MasevalInstrumentor(logger),
            LitellmInstrumentor(self._streaming, rate_limiter),
            HttpInstrumentor("httpx", self._streaming, rate_limiter, trace_header, program_at),
            HttpInstrumentor("httpx2", self._streaming, rate_limiter, trace_header, program_at),
        )

    @property
    def notes(self) -> list[str]:
        """What the user should know of servers that could not stream, a sentence each; grows as it is found."""
        return self._streaming.notes

    def install(self) -> None:
        """Wrap what is there; packages that are not installed are left out."""
        with installed_together():
            for part in self._parts:
                part.install()

    def uninstall(self) -> None:
        """Take everything off, last first."""
        for part in reversed(self._parts):
            part.uninstall()

    def __enter__(self) -> Instrumentation:
        self.install()
        return self

    def __exit__(self, *details: object) -> None:
        self.uninstall()


__all__ = ["TTFT_MODES", "Instrumentation", "Instrumentor", "RateLimiter", "ToolDetails", "distribution_version", "has_module"]
