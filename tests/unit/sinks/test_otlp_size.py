"""An endpoint that takes only so much at once: each hosted one has such a limit."""

from __future__ import annotations

import pytest

from tau2_logging.events import Event, decode, encode
from tau2_logging.sinks import otlp
from tau2_logging.sinks.otlp import OtlpSink, send_runs
from tests.support.otlp_receiver import Receiver
from tests.support.patience import until
from tests.unit.analysis.samples import llm, simulation

CALLS = 300
REFUSALS = [(413, ""), (400, "request body too large"), (400, "message exceeds the size limit")]


def events(long_one: int | None = None) -> list[Event]:
    """A simulation of many calls; one of them with an error message that no request can hold."""
    calls = [llm(start=10.0 * n, ms=5.0, span=f"a{n:x}", model="x" * (200_000 if n == long_one else 20)) for n in range(CALLS)]
    return [decode(encode(event)) for event in simulation(calls=calls, span="1")]


@pytest.mark.parametrize("too_large", REFUSALS)
def test_a_finished_log_is_sent_in_halves_until_it_fits(too_large: tuple[int, str]) -> None:
    with Receiver(most_bytes=20_000, too_large=too_large) as endpoint:
        assert send_runs([(0, events())], endpoint.url).startswith(f"{CALLS + 1} spans sent to")
    assert len({span.span for span in endpoint.spans}) == len(endpoint.spans) == CALLS + 1


def test_a_span_that_is_too_large_alone_is_left_out_and_said() -> None:
    with Receiver(most_bytes=20_000) as endpoint:
        said = send_runs([(0, events(long_one=CALLS // 2))], endpoint.url)
    assert said.startswith(f"{CALLS} spans sent to")
    assert ", 1 are too large for it: " in said
    assert len({span.span for span in endpoint.spans}) == CALLS


@pytest.mark.parametrize("long_one", [None, 5])
def test_while_a_run_goes_on_what_is_too_large_holds_up_nothing(long_one: int | None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(otlp, "EVERY_S", 0.02)
    said: list[str] = []
    with Receiver(most_bytes=20_000) as endpoint:
        sink = OtlpSink(endpoint.url, 0, say=said.append)
        for event in events(long_one):
            sink.write_event(event)
        until(lambda: sink.sent + sink.unsent == CALLS + 1)
        sink.close()
    assert (sink.sent, sink.unsent, len(said)) == ((CALLS, 1, 1) if long_one is not None else (CALLS + 1, 0, 0))
    assert len({span.span for span in endpoint.spans}) == len(endpoint.spans) == sink.sent
