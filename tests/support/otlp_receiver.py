"""An OTLP/HTTP endpoint on loopback that keeps what it is sent, decoded with OpenTelemetry's own protobuf definitions."""

from __future__ import annotations

import gzip
import threading
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest


@dataclass
class Received:
    """One span as it came over the wire; ids are hex."""

    trace: str
    span: str
    parent: str
    name: str
    kind: int
    start_ns: int
    end_ns: int
    failed: bool
    attributes: dict[str, Any]
    events: list[tuple[str, dict[str, Any]]]


@dataclass
class Receiver:
    """`with Receiver() as endpoint:`. `spans` and `points` (metric name, attributes, count, sum) grow; `status` is what it answers; a
    request of spans of more than `most_bytes` is refused with `too_large`."""

    status: int = 200
    most_bytes: int | None = None
    too_large: tuple[int, str] = (413, "")
    spans: list[Received] = field(default_factory=list)
    metrics: list[ExportMetricsServiceRequest] = field(default_factory=list)
    resources: list[dict[str, Any]] = field(default_factory=list)
    scopes: set[tuple[str, str]] = field(default_factory=set)
    requests: int = 0
    bodies: list[bytes] = field(default_factory=list)
    """What was taken, unpacked: texts are in it as UTF-8."""

    def __enter__(self) -> Receiver:
        receiver = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                size = int(self.headers["Content-Length"])
                body = self.rfile.read(size)
                if receiver.most_bytes is not None and size > receiver.most_bytes and "traces" in self.path:
                    self.refuse(*receiver.too_large)
                    return
                if self.headers.get("Content-Encoding") == "gzip":
                    body = gzip.decompress(body)
                receiver.take(self.path, body)
                self.send_response(receiver.status)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def refuse(self, status: int, said: str) -> None:
                receiver.requests += 1
                self.send_response(status, said or None)
                self.send_header("Content-Length", str(len(said)))
                self.end_headers()
                self.wfile.write(said.encode())

            def log_message(self, format: str, *args: Any) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,))
        self._thread.start()
        self.url = f"http://127.0.0.1:{self._server.server_port}"
        return self

    def __exit__(self, *error: object) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()

    def take(self, path: str, body: bytes) -> None:
        """One request."""
        self.requests += 1
        if self.status != 200:
            return
        self.bodies.append(body)
        if path == "/v1/metrics":
            self.metrics.append(ExportMetricsServiceRequest.FromString(body))
            return
        assert path == "/v1/traces", path
        for resource in ExportTraceServiceRequest.FromString(body).resource_spans:
            self.resources.append(plain(resource.resource.attributes))
            for scope in resource.scope_spans:
                self.scopes.add((scope.scope.name, scope.schema_url))
                self.spans += [received(span) for span in scope.spans]

    def points(self) -> dict[tuple[str, tuple[tuple[str, Any], ...]], tuple[int, float]]:
        """(name of the metric, its attributes) -> (count, sum), as last sent."""
        return {
            (metric.name, tuple(sorted(plain(point.attributes).items()))): (point.count, point.sum)
            for resource in self.metrics[-1].resource_metrics
            for scope in resource.scope_metrics
            for metric in scope.metrics
            for point in metric.histogram.data_points
        }


def received(span: Any) -> Received:
    """A span of the protobuf message as a plain object."""
    events = [(event.name, plain(event.attributes)) for event in span.events]
    ids = (span.trace_id.hex(), span.span_id.hex(), span.parent_span_id.hex())
    times = (span.start_time_unix_nano, span.end_time_unix_nano)
    return Received(*ids, span.name, span.kind, *times, span.status.code == 2, plain(span.attributes), events)


def plain(attributes: Any) -> dict[str, Any]:
    """Attributes as Python values."""
    return {item.key: _value(item.value) for item in attributes}


def _value(value: Any) -> Any:
    kind = value.WhichOneof("value")
    return [_value(item) for item in value.array_value.values] if kind == "array_value" else getattr(value, kind)
