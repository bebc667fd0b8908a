"""Times that servers put into their answers become the call's own figures, under the names of what they are."""

from __future__ import annotations

from typing import Any

import pytest

from tau2_logging.instrument.model_calls.reply_times import server_times

LLAMACPP = {
    "cache_n": 236, "prompt_n": 1, "prompt_ms": 30.958, "prompt_per_second": 32.3, "predicted_n": 35, "predicted_ms": 661.064,
}  # fmt: skip
GROQ = {"prompt_tokens": 18, "queue_time": 0.0375, "prompt_time": 0.0007, "completion_time": 0.4633, "total_time": 0.464}
CEREBRAS = {"queue_time": 0.0836, "prompt_time": 0.005, "completion_time": 0.034, "total_time": 0.1246, "created": 1782671703.8}


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        (
            {"timings": LLAMACPP},
            {"server_prefill_ms": 30.958, "server_decode_ms": 661.064, "input_tokens": 237, "output_tokens": 35, "cached_tokens": 236},
        ),
        ({"timings": {"prompt_ms": 5, "predicted_ms": 7, "prompt_n": 3}}, {"server_prefill_ms": 5, "server_decode_ms": 7}),
        ({"usage": GROQ}, {"server_queue_ms": 37.5, "server_prefill_ms": 0.7, "server_decode_ms": 463.3}),
        (
            {"time_info": CEREBRAS, "usage": {"prompt_tokens": 4}},
            {"server_queue_ms": 83.6, "server_prefill_ms": 5.0, "server_decode_ms": 34.0, "server_e2e_ms": 124.6},
        ),
    ],
)
def test_each_servers_times_are_named_for_what_they_are(body: dict[str, Any], expected: dict[str, float]) -> None:
    """By the examples of their documentation; what a server does not say is left out."""
    assert server_times(body) == pytest.approx(expected)


@pytest.mark.parametrize(
    "body",
    [
        {}, {"timings": None}, {"timings": []}, {"timings": {"prompt_ms": "5"}}, {"timings": {"prompt_ms": -1.0}}, {"usage": None},
        {"usage": {"prompt_tokens": 5}}, {"time_info": {"queue_time": float("nan")}}, {"time_info": True, "usage": {"prompt_time": True}},
        {"time_info": {"total_time": 1.0}},
    ],
)  # fmt: skip
def test_what_is_no_time_is_unknown(body: dict[str, Any]) -> None:
    """Not 0, and nothing is raised."""
    assert server_times(body) == {}
