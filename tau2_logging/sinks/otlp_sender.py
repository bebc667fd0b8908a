"""Spans and metrics to an OTLP/HTTP endpoint, and spans from model servers, by OpenTelemetry's own packages (requirements-otel.txt).

The only module that imports them."""

from __future__ import annotations

import logging
import re
import socket
import urllib.request
from collections.abc import Sequence
from typing import Any
from urllib.parse import urlsplit

from tau2_logging.errors import UserError
from tau2_logging.events import Event
from tau2_logging.events.semconv import METRICS, SCHEMA_URL, measurements
from tau2_logging.events.traces import Span
from tau2_logging.sinks.server_spans import ServerSpan
from tau2_logging.version import __version__

try:
    from opentelemetry.exporter.otlp.proto.http.metric_exporter import OTLPMetricExporter
    from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
    from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
    from opentelemetry.sdk.metrics import MeterProvider
    from opentelemetry.sdk.metrics.export import InMemoryMetricReader, MetricExportResult
    from opentelemetry.sdk.resources import Resource
    from opentelemetry.sdk.trace import Event as SpanEvent
    from opentelemetry.sdk.trace import ReadableSpan
    from opentelemetry.sdk.trace.export import SpanExportResult
    from opentelemetry.sdk.util.instrumentation import InstrumentationScope
    from opentelemetry.trace import SpanContext, SpanKind, TraceFlags
    from opentelemetry.trace.status import Status, StatusCode
except ImportError as missing:
    raise UserError(
        f"OpenTelemetry's packages are needed ({missing}); install them with: pip install -r requirements-otel.txt"
    ) from missing

TIMEOUT_S = 10.0
REACH_S = 1.0
"""How long an endpoint may take to accept a connection before it counts as unreachable."""

NAME = "tau2_logging"
_NUMBERS = ("int_value", "double_value")
_NO_METRICS = ("404", "405", "501")
_TOO_LARGE = re.compile(
    r"code: 413|too[ _-]large|larger than (the )?max|exceed\w* (the )?(max|limit|size)|size limit|RESOURCE_EXHAUSTED.*(size|larg)",
    re.IGNORECASE,
)
"""How endpoints refuse a request for its size: by status, or in words under another one."""


def base_url(endpoint: str) -> str:
    """Return the endpoint without `/v1/traces`, which is added again for each signal. Raises UserError if it is no http(s) address."""
    parts = urlsplit(endpoint)
    try:
        valid = parts.scheme in ("http", "https") and bool(parts.hostname) and (parts.port or 1) > 0
    except ValueError:
        valid = False
    if not valid:
        raise UserError(f"--otlp {endpoint} is no http address; give one such as http://127.0.0.1:4318 (Phoenix: http://127.0.0.1:6006)")
    return endpoint.rstrip("/").removesuffix("/v1/traces")


class Sender:
    """Sends to one endpoint. `reason` says why the last attempt failed. Not for several threads at once.

    Headers, for a key, come from OTEL_EXPORTER_OTLP_HEADERS; attributes of the resource from OTEL_RESOURCE_ATTRIBUTES.
    """

    def __init__(self, endpoint: str, timeout_s: float = TIMEOUT_S) -> None:
        self.endpoint = base_url(endpoint)
        self.reason = ""
        self.metrics_refused = ""
        self._reached = self._interrupted = False
        self._resource = Resource.create({"service.name": NAME, "service.version": __version__})
        self._scope = InstrumentationScope(NAME, __version__, SCHEMA_URL)
        self._spans = OTLPSpanExporter(endpoint=f"{self.endpoint}/v1/traces", timeout=timeout_s)
        self._metrics = OTLPMetricExporter(endpoint=f"{self.endpoint}/v1/metrics", timeout=timeout_s)
        self._reader = InMemoryMetricReader()
        self._provider = MeterProvider([self._reader], self._resource, shutdown_on_exit=False)
        meter = self._provider.get_meter(NAME, __version__, SCHEMA_URL)
        self._histograms = {
            metric.name: meter.create_histogram(metric.name, metric.unit, explicit_bucket_boundaries_advisory=metric.bounds)
            for metric in METRICS
        }
        self._heard = _Heard(type(exporter).__module__ for exporter in (self._spans, self._metrics))

    def send(self, spans: Sequence[Span]) -> bool:
        """Return whether the endpoint took them. Tries for `timeout_s` at most, and REACH_S if nothing listens."""
        if not self._reached and not self._reach():
            return False
        self._heard.texts.clear()
        self._reached = self._spans.export([self._readable(span) for span in spans]) is SpanExportResult.SUCCESS
        if not self._reached:
            self.reason = "no answer before the end of the run" if self._interrupted else self._heard.reason()
        return self._reached

    @property
    def too_large(self) -> bool:
        """Whether the last attempt failed only because it was too much at once."""
        return not self._interrupted and _TOO_LARGE.search(self.reason) is not None

    def record(self, event: Event) -> None:
        """Add a model call to the metrics."""
        for name, value, attributes in measurements(event):
            self._histograms[name].record(value, attributes)

    def send_metrics(self) -> bool:
        """Send the metrics as they are. An endpoint that takes none (Phoenix, MLflow) is not asked again."""
        data = self._reader.get_metrics_data()
        if data is None or self.metrics_refused or not self._reached:
            return False
        self._heard.texts.clear()
        sent: bool = self._metrics.export(data) is MetricExportResult.SUCCESS
        reason = "" if sent else self._heard.reason()
        if any(f"code: {code}" in reason for code in _NO_METRICS):
            self.metrics_refused = reason
        return sent

    def interrupt(self) -> None:
        """Give up what is being sent; from another thread."""
        self._interrupted = True
        self._spans.shutdown()  # type: ignore[no-untyped-call,unused-ignore]
        self._metrics.shutdown()

    def close(self) -> None:
        """Release everything."""
        self.interrupt()
        self._provider.shutdown()
        self._heard.remove()

    def _reach(self) -> bool:
        parts = urlsplit(self.endpoint)
        host = str(parts.hostname)
        if parts.scheme in urllib.request.getproxies() and not urllib.request.proxy_bypass(host):
            return True  # the way leads through a proxy, which says itself what it cannot reach
        try:
            socket.create_connection((host, parts.port or (443 if parts.scheme == "https" else 80)), REACH_S).close()
        except OSError as error:
            self.reason = str(error)
            return False
        return True

    def _readable(self, span: Span) -> ReadableSpan:
        parent = None if span.parent_id is None else _context(span.trace_id, span.parent_id)
        return ReadableSpan(
            name=span.name,
            context=_context(span.trace_id, span.span_id),
            parent=parent,
            resource=self._resource,
            attributes=span.attributes,
            events=[SpanEvent(moment.name, moment.attributes, moment.at_ns) for moment in span.moments],
            kind=SpanKind.CLIENT if span.leaves_process else SpanKind.INTERNAL,
            status=Status() if span.error is None else Status(StatusCode.ERROR, span.error),
            start_time=span.start_ns,
            end_time=span.end_ns,
            instrumentation_scope=self._scope,
        )


def _context(trace_id: int, span_id: int) -> SpanContext:
    return SpanContext(trace_id, span_id, is_remote=False, trace_flags=TraceFlags(TraceFlags.SAMPLED))


def read_spans(body: bytes) -> list[ServerSpan]:
    """Return the spans of an OTLP request in protobuf. Raises ValueError if it is none."""
    try:
        request = ExportTraceServiceRequest.FromString(body)
    except Exception as error:  # protobuf's own, of a package that nothing else here needs
        raise ValueError(f"no OTLP trace request: {error}") from error
    return [_server_span(span) for resource in request.resource_spans for scope in resource.scope_spans for span in scope.spans]


def _server_span(span: Any) -> ServerSpan:
    numbers = {item.key: getattr(item.value, kind) for item in span.attributes if (kind := item.value.WhichOneof("value")) in _NUMBERS}
    parent = int.from_bytes(span.parent_span_id, "big")
    return ServerSpan(int.from_bytes(span.span_id, "big"), parent or None, numbers)


class _Heard(logging.Filter):
    """What the exporters log of a failure: kept for the one sentence that we say, and passed on to nobody."""

    def __init__(self, loggers: Any) -> None:
        super().__init__()
        self.texts: list[str] = []
        self._loggers = [logging.getLogger(name) for name in loggers]
        for logger in self._loggers:
            logger.addFilter(self)

    def filter(self, record: logging.LogRecord) -> bool:
        self.texts.append(record.getMessage())
        return False

    def reason(self) -> str:
        """Return the first thing that went wrong."""
        return self.texts[0] if self.texts else "the exporter does not say why"

    def remove(self) -> None:
        """Let the exporters' messages through again."""
        for logger in self._loggers:
            logger.removeFilter(self)


__all__ = ["Sender", "base_url", "read_spans"]
