"""What Prometheus reads on loopback is what the log says."""

from __future__ import annotations

import socket
import urllib.error
import urllib.request

import pytest

pytest.importorskip("prometheus_client", reason="pip install -r requirements-otel.txt")

from prometheus_client.parser import text_string_to_metric_families

from tau2_logging.errors import UserError
from tau2_logging.events import Event
from tau2_logging.sinks.prometheus import PrometheusSink, check_port

Sample = tuple[str, frozenset[tuple[str, str]]]


def scraped(port: int) -> dict[Sample, float]:
    """Every sample, read by the client library's own parser."""
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics") as answer:
        families = text_string_to_metric_families(answer.read().decode())
        return {(item.name, frozenset(item.labels.items())): item.value for family in families for item in family.samples}


def event(type_: str, **fields: object) -> Event:
    """An event of mock."""
    return Event(15, "2026-11-20 17:45:01.123", "7", 1, type_, {"domain": "mock", **fields})  # type: ignore[dict-item]


def test_a_scrape_shows_the_run_as_it_stands() -> None:
    """Counts, sums and what is in flight follow the events, while they come."""
    sink = PrometheusSink(0, {"mock": 3})
    try:
        sink.write_event(event("task_start"))
        sink.write_event(event("llm_call", model="m", duration_ms=2500.0, ttft_ms=400.0, input_tokens=100, output_tokens=7, cost_usd=0.5))
        sink.write_event(event("llm_call", model="m", duration_ms=500.0, error=True, error_type="Timeout"))
        sink.write_event(event("tool_call", function="f", duration_ms=2.0, error=False))
        sink.write_event(event("retry", error_type="Timeout"))
        during = scraped(sink.port)
        sink.write_event(event("task_end", status="ok", reward=1.0, duration_ms=4000.0))
        after = scraped(sink.port)
    finally:
        sink.close()
        sink.close()
    mock, call = ("domain", "mock"), {("domain", "mock"), ("type", "llm_call"), ("model", "m")}
    assert during["tau2_simulations_planned", frozenset({mock})] == 3
    assert during["tau2_simulations_in_flight", frozenset({mock})] == 1
    assert during["tau2_model_calls_total", frozenset(call | {("error_type", "")})] == 1
    assert during["tau2_model_calls_total", frozenset(call | {("error_type", "Timeout")})] == 1
    assert during["tau2_model_call_duration_seconds_sum", frozenset(call)] == 3.0
    assert during["tau2_model_call_duration_seconds_bucket", frozenset(call | {("le", "1.0")})] == 1
    assert during["tau2_time_to_first_token_seconds_count", frozenset(call)] == 1
    assert during["tau2_tokens_total", frozenset(call | {("direction", "input")})] == 100
    assert during["tau2_cost_usd_total", frozenset(call)] == 0.5
    assert during["tau2_tool_calls_total", frozenset({mock, ("function", "f"), ("error_type", "")})] == 1
    assert after["tau2_simulations_in_flight", frozenset({mock})] == 0
    assert after["tau2_simulations_total", frozenset({mock, ("status", "ok")})] == 1
    assert after["tau2_reward_total", frozenset({mock})] == 1.0
    with pytest.raises(urllib.error.URLError):
        scraped(sink.port)


def test_a_port_that_is_taken_is_bad_input() -> None:
    """Said with the address and what to do."""
    with socket.create_server(("127.0.0.1", 0)) as other, pytest.raises(UserError, match="choose another port"):
        check_port(other.getsockname()[1])
