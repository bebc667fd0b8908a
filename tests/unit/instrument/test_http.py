"""How long a request waits for a connection, and where it goes, is noted with the call it is made for."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from time import perf_counter_ns

import httpx
import pytest

from tau2_logging.instrument.http import HttpInstrumentor
from tau2_logging.instrument.model_calls.model_call import CURRENT_CALL, ModelCall
from tau2_logging.logger import EventLogger, Simulation

ANSWER_S = 0.2


class Slow(BaseHTTPRequestHandler):
    """Answers after a twentieth of a second."""

    def do_GET(self) -> None:
        threading.Event().wait(ANSWER_S)
        self.send_response(200)
        self.send_header("Content-Length", "2")
        self.end_headers()
        self.wfile.write(b"ok")

    def log_message(self, *details: object) -> None:
        """Say nothing."""


@pytest.fixture
def address() -> Iterator[str]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), Slow)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield f"127.0.0.1:{server.server_port}"
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture
def instrumented() -> Iterator[None]:
    instrumentor = HttpInstrumentor("httpx")
    instrumentor.install()
    yield
    instrumentor.uninstall()


def new_call() -> ModelCall:
    """A call that is being made."""
    return ModelCall(Simulation(EventLogger("run", []), "retail", "7"), "m", "openai")


def get(client: httpx.Client, address: str, **extensions: object) -> ModelCall:
    """A request made for a call."""
    call = new_call()
    token = CURRENT_CALL.set(call)
    try:
        assert client.get(f"http://{address}/", extensions=extensions).text == "ok"
    finally:
        CURRENT_CALL.reset(token)
    return call


@pytest.mark.usefixtures("instrumented")
def test_a_request_that_waits_for_a_connection_is_seen_to_wait(address: str) -> None:
    """Of three at once over one connection, the last waits for the other two; where it went is noted."""
    together = threading.Barrier(3)

    def request(client: httpx.Client) -> ModelCall:
        together.wait()
        return get(client, address)

    with httpx.Client(limits=httpx.Limits(max_connections=1)) as client, ThreadPoolExecutor(3) as pool:
        calls = sorted(pool.map(request, [client] * 3), key=lambda call: call.queue_ns)
    assert [call.endpoint for call in calls] == [address] * 3
    assert calls[0].queue_ns < calls[1].queue_ns < calls[2].queue_ns
    assert calls[2].queue_ns > ANSWER_S * 1e9


@pytest.mark.usefixtures("instrumented")
def test_a_request_with_connections_enough_does_not_wait(address: str) -> None:
    """The server's time is not counted as waiting; a trace of the caller's own still hears everything."""
    heard: list[str] = []
    with httpx.Client() as client:
        begun = perf_counter_ns()
        call = get(client, address, trace=lambda name, info: heard.append(name))
        took = perf_counter_ns() - begun
    assert took - call.queue_ns >= ANSWER_S * 1e9
    assert "http11.receive_response_headers.complete" in heard


@pytest.mark.usefixtures("instrumented")
def test_an_async_request_is_noted_too(address: str) -> None:
    """Through the async transport."""

    async def request() -> ModelCall:
        call = new_call()
        token = CURRENT_CALL.set(call)
        async with httpx.AsyncClient() as client:
            assert (await client.get(f"http://{address}/")).text == "ok"
        CURRENT_CALL.reset(token)
        return call

    assert asyncio.run(request()).endpoint == address


def test_a_request_outside_of_a_call_or_after_uninstalling_is_let_alone(address: str) -> None:
    """No trace is added to it."""
    instrumentor = HttpInstrumentor("httpx")
    with httpx.Client() as client:
        instrumentor.install()
        response = client.get(f"http://{address}/")
        assert "trace" not in response.request.extensions
        instrumentor.uninstall()
        assert get(client, address).endpoint is None
