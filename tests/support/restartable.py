"""A simulated model server as a process of its own, which can be killed and started again at the same port."""

from __future__ import annotations

import subprocess
import sys

from tests.support.command import environment
from tests.support.forked import Forked


class Restartable:
    """Runs inside a `with` block; `kill` and `start` as often as needed."""

    def __init__(self, *options: str) -> None:
        self._options = options
        self._port = 0
        self._process: Forked | None = None

    @property
    def endpoint(self) -> str:
        """host:port."""
        return f"127.0.0.1:{self._port}"

    @property
    def url(self) -> str:
        """What OpenAI's clients want."""
        return f"http://{self.endpoint}/v1"

    def start(self) -> None:
        """Return when it listens."""
        command = [sys.executable, "-m", "tau2_logging.models.simulated_server", "sim", "--port", str(self._port), "--lifetime", "300"]
        self._process = Forked([*command, *self._options], stdout=subprocess.PIPE, env=environment())
        assert self._process.stdout is not None
        self._port = int(self._process.stdout.readline().rpartition(":")[2])

    def kill(self) -> None:
        """As a crash would."""
        if self._process is not None and self._process.poll() is None:
            self._process.kill()
            self._process.communicate()

    def __enter__(self) -> Restartable:
        self.start()
        return self

    def __exit__(self, *details: object) -> None:
        self.kill()
