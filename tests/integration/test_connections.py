"""Real litellm and openai clients against a server on loopback: where a call went, and what of it was waiting in this process."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any

import pytest

from tau2_logging.events import Event
from tau2_logging.instrument import Instrumentation
from tau2_logging.logger import EventLogger, simulation_scope
from tau2_logging.models.simulated_server import Exchange, Reply, ServerSettings, SimulatedServer
from tau2_logging.sinks import MemorySink

litellm = pytest.importorskip("litellm", reason="litellm is not installed")
httpx = pytest.importorskip("httpx")

DELAY_S = 0.4
CALLS = 4


@contextmanager
def connections(number: int) -> Iterator[None]:
    """litellm's client with this many connections, closed afterwards (litellm never closes its own)."""
    before = litellm.client_session
    litellm.client_session = httpx.Client(limits=httpx.Limits(max_connections=number))
    litellm.in_memory_llm_clients_cache.flush_cache()
    yield
    litellm.client_session.close()
    litellm.client_session = before
    litellm.in_memory_llm_clients_cache.flush_cache()


def call(base: str) -> Any:
    return litellm.completion(model="openai/test", messages=[{"role": "user", "content": "hi"}], api_base=base, api_key="sk-secret-123456")


def calls_at_once(over: int) -> tuple[list[Event], list[Exchange]]:
    """Events and the server's own journal of CALLS calls over this many connections."""
    sink = MemorySink()
    with (
        connections(over),
        SimulatedServer(ServerSettings(models=("test",), ttft_ms=DELAY_S * 1000)) as server,
        Instrumentation(),
        simulation_scope(EventLogger("r", [sink]), "mock", "t", 0),
        ThreadPoolExecutor(CALLS) as pool,
    ):
        server.script(*[Reply(text="hello", prompt_tokens=10, completion_tokens=2, cached_tokens=4)] * CALLS)
        list(pool.map(call, [server.base_url] * CALLS))
    return sink.of("llm_call"), server.journal


def test_waiting_for_a_connection_is_queueing() -> None:
    """Four calls over one connection: each is one event, and all but the first show the time they waited as queue_ms."""
    events, journal = calls_at_once(over=1)
    assert len(events) == len(journal) == CALLS
    queued = sorted(float(event.get("queue_ms") or 0) for event in events)
    for place, waited in enumerate(queued):
        assert waited >= 0.8 * place * DELAY_S * 1000
    for event in events:
        assert float(event.get("duration_ms") or 0) - float(event.get("queue_ms") or 0) >= DELAY_S * 1000


def test_enough_connections_queue_nothing() -> None:
    """With a connection for each call none waits longer than a call takes."""
    events, _ = calls_at_once(over=CALLS)
    assert len(events) == CALLS
    assert max(float(event.get("queue_ms") or 0) for event in events) < DELAY_S * 1000


def test_a_call_says_where_it_went_and_not_with_which_key() -> None:
    """endpoint is host:port, call_type the protocol if the program is not known, tokens are the server's own; the key is nowhere."""
    events, journal = calls_at_once(over=CALLS)
    host = journal[0].headers["host"]
    for event in events:
        assert event.get("endpoint") == host
        assert event.get("call_type") == "openai_compatible"
        assert (event.get("input_tokens"), event.get("output_tokens"), event.get("cached_tokens")) == (10, 2, 4)
        assert event.get("finish_reason") == "stop"
        assert event.get("cost_usd") is None  # no price is known for this model
        assert "secret" not in str(event)


def test_the_pool_follows_the_concurrency() -> None:
    """tau2 v1.0.1 gives litellm 10 connections; a run of 32 simulations replaces that client and puts it back afterwards."""
    from tau2_logging.runner.model_calls.litellm_settings import http_connections

    small = httpx.Client(limits=httpx.Limits(max_connections=10))
    before, litellm.client_session = litellm.client_session, small
    try:
        with http_connections(32):
            assert litellm.client_session is not small
            assert litellm.client_session._transport._pool._max_connections >= 32 * 4
        assert litellm.client_session is small
    finally:
        litellm.client_session = before
        small.close()
