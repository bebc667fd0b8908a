"""Counters and histograms of a run for Prometheus, on http://127.0.0.1:PORT/metrics. The only module that imports prometheus_client."""

from __future__ import annotations

import socket
import threading
from typing import Any

from tau2_logging.errors import UserError
from tau2_logging.events import MODEL_CALL_TYPES, Event
from tau2_logging.events.levels import PROFILE
from tau2_logging.logger.sink import Sink

try:
    from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, start_http_server
except ImportError as missing:
    raise UserError(f"--prometheus needs prometheus_client ({missing}); install it with: pip install -r requirements-otel.txt") from missing

ADDRESS = "127.0.0.1"
_CALL_S = (0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 20, 40, 80, 160, 320)
_TOOL_S = (0.0001, 0.001, 0.01, 0.1, 1, 10)
_TASK_S = (1, 5, 15, 30, 60, 120, 300, 600, 1200, 3600)


def check_port(port: int) -> None:
    """Raise UserError if the port cannot be listened on."""
    try:
        with socket.create_server((ADDRESS, port)):
            pass
    except (OSError, OverflowError) as error:
        raise UserError(f"--prometheus {port}: cannot listen on {ADDRESS}:{port} ({error}); choose another port") from error


class PrometheusSink(Sink):
    """Serves the run's figures until it is closed. `planned`: simulations of each domain; `port` 0 takes a free one, see `port`.

    Raises UserError if the port cannot be had.
    """

    level = PROFILE
    wants_events = True

    def __init__(self, port: int, planned: dict[str, int]) -> None:
        registry = CollectorRegistry()
        self._meters = _Meters(registry)
        for domain, number in planned.items():
            self._meters.planned.labels(domain).set(number)
        check_port(port)
        self._server, self._thread = start_http_server(port, addr=ADDRESS, registry=registry)
        self.port = self._server.server_port
        self._closing = threading.Lock()
        self._closed = False

    def write_event(self, event: Event) -> None:
        """Count an event in the metrics that it belongs to."""
        self._meters.take(event)

    def close(self) -> None:
        """Stop serving. Idempotent."""
        with self._closing:
            if self._closed:
                return
            self._closed = True
        self._server.shutdown()
        self._server.server_close()
        self._thread.join(5)


class _Meters:
    def __init__(self, registry: Any) -> None:
        def counter(name: str, text: str, *labels: str) -> Any:
            return Counter(name, text, labels, registry=registry)

        def histogram(name: str, text: str, bounds: tuple[float, ...], *labels: str) -> Any:
            return Histogram(name, text, labels, buckets=bounds, registry=registry)

        call = ("domain", "type", "model")
        self.planned = Gauge("tau2_simulations_planned", "Simulations of the run", ("domain",), registry=registry)
        self.in_flight = Gauge("tau2_simulations_in_flight", "Simulations that have started and not ended", ("domain",), registry=registry)
        self.ended = counter("tau2_simulations", "Simulations that ended", "domain", "status")
        self.model_failures = counter("tau2_model_failures", "Simulations that the agent's own model ended", "domain", "error_type")
        self.reward = counter("tau2_reward", "Sum of the rewards; over ok simulations this is the mean", "domain")
        self.task_s = histogram("tau2_simulation_duration_seconds", "Length of simulations", _TASK_S, "domain")
        self.calls = counter("tau2_model_calls", "Model calls", *call, "error_type")
        self.call_s = histogram("tau2_model_call_duration_seconds", "Length of model calls", _CALL_S, *call)
        self.ttft_s = histogram("tau2_time_to_first_token_seconds", "Time to first token", _CALL_S, *call)
        self.tokens = counter("tau2_tokens", "Tokens; input ones include cached ones", *call, "direction")
        self.cost = counter("tau2_cost_usd", "Price of model calls whose price is known", *call)
        self.tools = counter("tau2_tool_calls", "Live tool calls", "domain", "function", "error_type")
        self.tool_s = histogram("tau2_tool_call_duration_seconds", "Length of tool calls", _TOOL_S, "domain", "function")
        self.retries = counter("tau2_retries", "Repeated model calls", "domain", "error_type")
        self.stuck = counter("tau2_stuck", "Simulations past their time limit", "domain", "waiting_on")

    def take(self, event: Event) -> None:
        """Count an event."""
        domain = str(event.get("domain"))
        if event.type in MODEL_CALL_TYPES:
            self._call(event, (domain, event.type, str(event.get("model"))))
        elif event.type == "tool_call":
            self.tools.labels(domain, str(event.get("function")), str(event.get("error_type") or "")).inc()
            self.tool_s.labels(domain, str(event.get("function"))).observe(_seconds(event, "duration_ms"))
        elif event.type == "task_start":
            self.in_flight.labels(domain).inc()
        elif event.type == "task_end":
            self._end(event, domain)
        elif event.type == "retry":
            self.retries.labels(domain, str(event.get("error_type"))).inc()
        elif event.type == "stuck":
            self.stuck.labels(domain, str(event.get("waiting_on"))).inc()

    def _call(self, event: Event, labels: tuple[str, str, str]) -> None:
        self.calls.labels(*labels, str(event.get("error_type") or "")).inc()
        self.call_s.labels(*labels).observe(_seconds(event, "duration_ms"))
        if event.get("ttft_ms") is not None:
            self.ttft_s.labels(*labels).observe(_seconds(event, "ttft_ms"))
        for direction in ("input", "output"):
            self.tokens.labels(*labels, direction).inc(_number(event, f"{direction}_tokens"))
        self.cost.labels(*labels).inc(_number(event, "cost_usd"))

    def _end(self, event: Event, domain: str) -> None:
        self.in_flight.labels(domain).dec()
        self.ended.labels(domain, str(event.get("status"))).inc()
        if event.get("termination") == "agent_error":
            self.model_failures.labels(domain, str(event.get("error_type") or "")).inc()
        self.reward.labels(domain).inc(_number(event, "reward"))
        self.task_s.labels(domain).observe(_seconds(event, "duration_ms"))


def _number(event: Event, name: str) -> float:
    value = event.get(name)
    return max(float(value), 0.0) if isinstance(value, int | float) else 0.0


def _seconds(event: Event, name: str) -> float:
    return _number(event, name) / 1000


__all__ = ["PrometheusSink", "check_port"]
