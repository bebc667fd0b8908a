"""The only place that wraps other people's code."""

from __future__ import annotations

from tau2_logging.instrument.base import Instrumentor, distribution_version, has_module
from tau2_logging.instrument.httpx import HttpxInstrumentor
from tau2_logging.instrument.litellm import LitellmInstrumentor
from tau2_logging.instrument.tau2 import Tau2Instrumentor
from tau2_logging.instrument.threads import ThreadsInstrumentor
from tau2_logging.instrument.tool_details import ToolDetails
from tau2_logging.logger.event_logger import EventLogger


class Instrumentation:
    """All instrumentors as one: `install`, then `uninstall` to leave no trace. Usable as a context manager.

    `details` says how the structured events of tool calls are made; left out, no state is examined.
    """

    def __init__(self, logger: EventLogger | None = None, details: ToolDetails | None = None) -> None:
        self._parts: tuple[Instrumentor, ...] = (
            ThreadsInstrumentor(),
            Tau2Instrumentor(logger, details),
            LitellmInstrumentor(),
            HttpxInstrumentor(),
        )

    def install(self) -> None:
        """Wrap what is there; packages that are not installed are left out."""
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


__all__ = ["Instrumentation", "Instrumentor", "ToolDetails", "distribution_version", "has_module"]
