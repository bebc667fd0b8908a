"""A simulated server in a thread of its own."""

from __future__ import annotations

import asyncio
import threading
from pathlib import Path
from types import TracebackType

from tau2_logging.errors import UserError
from tau2_logging.models.simulated_server.engine import Engine
from tau2_logging.models.simulated_server.journal import Exchange
from tau2_logging.models.simulated_server.protocols.completion import Reply
from tau2_logging.models.simulated_server.settings import ServerSettings
from tau2_logging.models.simulated_server.web import Site

LOOPBACK = ("127.0.0.1", "localhost")
_PATIENCE_S = 10.0


class SimulatedServer:
    """A server on loopback, from `start` (or `with`) to `stop`: a thread with an event loop, gone afterwards.

    `port` 0 takes a free one; `journal` is a file to which each exchange is appended as a JSON line. Raises UserError for a host that is
    not this machine and for a port that is taken.
    """

    def __init__(
        self, settings: ServerSettings | None = None, *, host: str = "127.0.0.1", port: int = 0, journal: Path | None = None
    ) -> None:
        if host not in LOOPBACK:
            raise UserError(f"simulated server: host is {host!r}; it serves this machine only, so give 127.0.0.1")
        self.settings = settings or ServerSettings()
        self._host, self._port, self._journal_path = "127.0.0.1", port, journal
        self._engine: Engine | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._thread: threading.Thread | None = None
        self._up = threading.Event()
        self._stop: asyncio.Event | None = None
        self._failed: OSError | None = None

    @property
    def endpoint(self) -> str:
        """host:port"""
        return f"{self._host}:{self._port}"

    @property
    def url(self) -> str:
        """http://host:port"""
        return f"http://{self.endpoint}"

    @property
    def base_url(self) -> str:
        """What OpenAI's clients want: the url with /v1. Anthropic's want `url`."""
        return f"{self.url}/v1"

    @property
    def journal(self) -> list[Exchange]:
        """Every request so far in order of arrival, as it is now: a copy, still there when the server has stopped."""
        return self._engine.journal.copy() if self._engine is not None else []

    def script(self, *replies: Reply) -> None:
        """Say exactly these to the next requests, in order of arrival; then the default again. Rejected requests use none up."""
        assert self._engine is not None, "the server has not been started"
        self._engine.script(*replies)

    def start(self) -> SimulatedServer:
        """Listen."""
        try:
            self._engine = Engine(self.settings, self._journal_path)
        except OSError as failed:
            raise UserError(f"simulated server: cannot write the journal {self._journal_path}: {failed.strerror}") from failed
        self._thread = threading.Thread(target=self._serve, name="simulated-server", daemon=True)
        self._thread.start()
        self._up.wait(_PATIENCE_S)
        if self._failed is not None:
            self._thread.join(_PATIENCE_S)
            raise UserError(f"simulated server: cannot listen at {self.endpoint}: {self._failed.strerror}; give another port, or 0")
        return self

    def stop(self) -> None:
        """Break off what is under way and end the thread."""
        if self._thread is None or self._loop is None or self._stop is None:
            return
        if self._thread.is_alive():
            self._loop.call_soon_threadsafe(self._stop.set)
        self._thread.join(_PATIENCE_S)
        if self._thread.is_alive():
            raise RuntimeError("the simulated server does not end")

    def __enter__(self) -> SimulatedServer:
        return self.start()

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.stop()

    def _serve(self) -> None:
        try:
            asyncio.run(self._until_stopped())
        finally:
            self._up.set()

    async def _until_stopped(self) -> None:
        assert self._engine is not None
        self._loop, self._stop = asyncio.get_running_loop(), asyncio.Event()
        site = Site(self._engine)
        try:
            self._port = await site.open(self._host, self._port)
            self._up.set()
            await self._stop.wait()
        except OSError as failed:
            self._failed = failed
        finally:
            await site.close()
            self._engine.close()
