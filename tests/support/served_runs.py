"""The pages of a folder of logs, served in this process, and what a client gets from them."""

from __future__ import annotations

import asyncio
import http.client
import json
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

from tau2_logging.view.runs_folder import RunsFolder
from tau2_logging.view.runs_site import RunsSite
from tests.support.patience import LONG_S


@dataclass(frozen=True)
class Answer:
    """What a server said."""

    status: int
    headers: Mapping[str, str]
    text: str


@dataclass(frozen=True)
class ServedRuns:
    """A server on this machine."""

    port: int

    def get(self, target: str, method: str = "GET", body: bytes = b"", **headers: str) -> Answer:
        """Send a request as it is: nothing in the path is made simpler. `Host` and others may be given."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=LONG_S)
        try:
            connection.putrequest(method, target, skip_host="Host" in headers, skip_accept_encoding=True)
            for name, value in headers.items():
                connection.putheader(name.replace("_", "-"), value)
            if body:
                connection.putheader("Content-Length", str(len(body)))
            connection.endheaders(body or None)
            answer = connection.getresponse()
            return Answer(answer.status, dict(answer.headers), answer.read().decode())
        finally:
            connection.close()

    def json(self, path: str, **parameters: str) -> Any:
        """Return the data of an answer, which must be 200."""
        answer = self.get(f"{path}?{urlencode(parameters)}")
        assert answer.status == 200, answer
        return json.loads(answer.text)

    def statuses(self) -> dict[str, str]:
        """Return how each run stands."""
        return {row["run"]: row["status"] for row in self.json("/api/runs")["runs"]}


@contextmanager
def served(folder: Path) -> Iterator[ServedRuns]:
    """Serve a folder in a thread of this process."""
    site, loop = RunsSite(RunsFolder(folder)), asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever)
    thread.start()
    try:
        yield ServedRuns(asyncio.run_coroutine_threadsafe(site.open(0), loop).result(LONG_S))
    finally:
        asyncio.run_coroutine_threadsafe(site.close(), loop).result(LONG_S)
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.close()
