"""Sampling the servers' figures."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from tau2_logging.logger import EventLogger
from tau2_logging.models.servers.address import Address
from tau2_logging.models.servers.api import ServerApi
from tau2_logging.models.servers.endpoints import Endpoint, Endpoints
from tau2_logging.models.servers.watch import MetricsWatch
from tau2_logging.sinks import MemorySink


@contextmanager
def pages(content: dict[str, str]) -> Iterator[Address]:
    """A server on loopback with these pages and no others."""

    class Pages(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            body = content.get(self.path)
            self.send_response(200 if body is not None else 404)
            self.end_headers()
            self.wfile.write((body or "").encode())

        def log_message(self, *words: object) -> None:
            return

    server = ThreadingHTTPServer(("127.0.0.1", 0), Pages)
    thread = threading.Thread(target=server.serve_forever, args=(0.02,))
    thread.start()
    try:
        yield Address.of(f"127.0.0.1:{server.server_port}")
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def watched(*endpoints: Endpoint, interval_s: float = 60.0, samples: int = 0) -> tuple[MemorySink, list[str]]:
    """What a watch writes and tells of these servers, from its start to its end; `samples` more are taken in between."""
    sink, told = MemorySink(), []
    looked = Endpoints(endpoints, lambda one: ServerApi(one.address).health_problem(), lambda one: told.append(f"{one.name} {one.down}"))
    watch = MetricsWatch(looked, EventLogger("r", [sink]), interval_s, told.append)
    watch.start()
    for _ in range(samples):
        watch.sample()
    watch.stop()
    return sink, told


def test_a_server_without_figures_is_told_of_once_and_left_alone() -> None:
    """Whether it has no /metrics or one in other names."""
    with pages({"/health": ""}) as bare, pages({"/metrics": "other_requests 1\n"}) as other:
        sink, told = watched(Endpoint(bare), Endpoint(other), samples=2)
    assert sink.of("server_metrics") == []
    assert [text.split(" has no /metrics")[0] for text in told] == [bare.name, other.name]


def test_figures_are_taken_at_the_start_and_at_the_end_and_give_the_load() -> None:
    """One server's silence keeps nobody from another's figures; one that is left out is not asked."""
    text = 'vllm:num_requests_running{model_name="m"} 3\nvllm:num_requests_waiting{model_name="m"} 4\n'
    with pages({"/metrics": text}) as there:
        silent, left_out = Endpoint(Address.of("127.0.0.1:9")), Endpoint(there, down="ill", gone=True)
        endpoint = Endpoint(there, ("m",))
        sink, told = watched(silent, left_out, endpoint)
    samples = [(event.get("sample"), event.get("running"), event.get("waiting"), event.get("model")) for event in sink.of("server_metrics")]
    assert samples == [(0, 3, 4, "m"), (1, 3, 4, "m")]
    assert endpoint.load == 7
    assert told == []


def test_a_server_that_stops_answering_is_noticed_where_no_calls_are_made() -> None:
    """As in the process of a run whose simulations run in others."""
    with pages({"/metrics": "vllm:num_requests_running 0\n"}) as there:
        endpoint = Endpoint(there, ("m",), answered=True)
    _, told = watched(endpoint)
    assert endpoint.down == "connection refused"
    assert told == [f"{endpoint.name} connection refused"]


def test_a_server_without_health_is_well_when_it_lists_its_models() -> None:
    """As programs other than vLLM do."""
    with pages({"/v1/models": '{"data": [{"id": "m"}]}'}) as lists, pages({"/v1/models": "<html>"}) as other, pages({}) as nothing:
        assert ServerApi(lists).health_problem() is None
        assert ServerApi(lists).models() == ["m"]
        assert "is not a list of models" in str(ServerApi(other).health_problem())
        assert ServerApi(nothing).health_problem() == "/v1/models answers 404"
