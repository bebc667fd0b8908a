"""Which moment of a stream is the first token: that depends on the server."""

from __future__ import annotations

import time
from collections.abc import Iterator

import httpx
import pytest

from tau2_logging.events.levels import PROFILE
from tau2_logging.instrument import Instrumentation
from tau2_logging.logger import EventLogger, simulation_scope
from tau2_logging.sinks import MemorySink
from tests.support.odd_streams import STOP, chunk

HELD_BACK_S = 0.2


class HeldBack(httpx.SyncByteStream):
    """The role at once, the first content a fifth of a second later: as of a tool call that a parser has not understood yet."""

    def __iter__(self) -> Iterator[bytes]:
        yield chunk({"role": "assistant", "content": ""})
        time.sleep(HELD_BACK_S)
        yield chunk({"content": "hello"}) + STOP


@pytest.mark.parametrize(("program", "field"), [("vllm", "decode_ms"), ("openai_compatible", "ttft_ms")])
def test_the_first_chunk_counts_on_vllm_and_the_first_content_elsewhere(program: str, field: str) -> None:
    """What is held back is decoding on vLLM, whose first chunk comes with the first token, and waiting for the first token elsewhere."""
    sink = MemorySink(PROFILE)
    headers = {"content-type": "text/event-stream"}
    transport = httpx.MockTransport(lambda request: httpx.Response(200, stream=HeldBack(), headers=headers))
    scope = simulation_scope(EventLogger("r", [sink]), "mock", "t", 0)
    with httpx.Client(transport=transport) as client, Instrumentation(ttft="on", program_at=lambda endpoint: program), scope:
        client.post("http://server/v1/chat/completions", json={"model": "m", "messages": []})
    (event,) = sink.of("llm_call")
    assert event.get("call_type") == program
    assert float(event.get(field) or 0) >= HELD_BACK_S * 1000 * 0.99
