"""What is done beside the simulations: the servers' figures are taken, and those that were left out are asked again."""

from __future__ import annotations

import threading
from collections.abc import Callable

from tau2_logging.errors import Tau2LoggingError
from tau2_logging.logger.event_logger import EventLogger
from tau2_logging.models.servers.api import ServerApi
from tau2_logging.models.servers.endpoints import Endpoint, Endpoints
from tau2_logging.models.servers.scraped_metrics import read_metrics

_LOOK_S = 0.5


class MetricsWatch:
    """Writes a `server_metrics` event for each server at the start, every `interval_s` seconds, and at the end; none if it is None.

    Its thread never raises, and a server that hangs delays only it. A server without figures is told of once (`tell`) and left alone.
    """

    def __init__(
        self,
        endpoints: Endpoints,
        logger: EventLogger,
        interval_s: float | None,
        tell: Callable[[str], None],
        recheck: Callable[[], None] | None = None,
    ) -> None:
        self._endpoints = endpoints
        self._logger = logger
        self._interval_s = interval_s
        self._tell = tell
        self._look_again = recheck or endpoints.recheck
        self._samples: dict[str, int] = {}
        self._without: set[str] = set()
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._work, name="model servers", daemon=True)

    def start(self) -> None:
        """Take the first figures, and go on in a thread."""
        self.sample()
        self._thread.start()

    def stop(self) -> None:
        """End the thread and take the last figures."""
        self._stop.set()
        self._thread.join()
        self.sample()

    def sample(self) -> None:
        """Take everyone's figures now."""
        if self._interval_s is None:
            return
        for endpoint in self._endpoints.all:
            if endpoint.down is None and endpoint.name not in self._without:
                self._logger.attempt(self._sample, endpoint)

    def _work(self) -> None:
        clock = self._logger.clock
        every_s = self._interval_s or _LOOK_S
        due = clock.now_ns() + int(every_s * 1e9)
        while not self._stop.wait(min(_LOOK_S, every_s)):
            self._logger.attempt(self._look_again)
            if clock.now_ns() >= due:
                due += int(every_s * 1e9)
                self.sample()

    def _sample(self, endpoint: Endpoint) -> None:
        at_ns = self._logger.clock.now_ns()
        try:
            text = ServerApi(endpoint.address).metrics()
        except Tau2LoggingError as error:
            if endpoint.answered:  # in worker processes the calls are made elsewhere, and nobody here would know
                self._endpoints.failed(endpoint, str(error), broke_off=False)
            return
        figures = read_metrics(text) if text is not None else {}
        if not figures:
            self._without.add(endpoint.name)
            self._tell(
                f"{endpoint.name} has no /metrics that are known here (vLLM, llama.cpp with --metrics, SGLang with --enable-metrics): its "
                "queue and prefill stay unknown"
            )
            return
        endpoint.load = figures.get("running", 0) + figures.get("waiting", 0)
        number = self._samples.get(endpoint.name, 0)
        self._samples[endpoint.name] = number + 1
        fields = {
            "endpoint": endpoint.name,
            "model": ",".join(endpoint.models) or None,
            "sample": number,
            "start_ms": self._logger.since_start_ms(at_ns),
            **figures,
            "run": self._logger.run_id,
        }
        self._logger.emit("server_metrics", fields)
