"""What servers say of their own times in the body of a chat completion, each by its own documentation. The reply is only read.

llama.cpp has `timings` (tools/server/README.md), Groq adds times to `usage`, Cerebras has `time_info` (their API references). vLLM, SGLang
and Ollama say nothing in the answers of this protocol.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

Times = dict[str, object]


def server_times(body: Mapping[str, Any]) -> Times:
    """As fields of `server_call`, in ms; empty if the body says nothing. What it leaves out is left out: llama.cpp does not measure its
    queue, and Groq's total is without it."""
    timings, groq, cerebras = (found if isinstance(found := body.get(name), Mapping) else {} for name in ("timings", "usage", "time_info"))
    if _number(timings, "prompt_ms") is not None:
        return _llamacpp(timings)
    if _number(groq, "prompt_time") is not None:
        return _seconds(groq)
    times = _seconds(cerebras)
    total = _number(cerebras, "total_time")
    return {**times, "server_e2e_ms": 1000 * total} if times and total is not None else times


def _llamacpp(timings: Mapping[str, Any]) -> Times:
    computed, cached = _number(timings, "prompt_n"), _number(timings, "cache_n")
    written = _number(timings, "predicted_n")
    found = {
        "server_prefill_ms": _number(timings, "prompt_ms"),
        "server_decode_ms": _number(timings, "predicted_ms"),
        "input_tokens": None if computed is None or cached is None else int(computed + cached),
        "output_tokens": None if written is None else int(written),
        "cached_tokens": None if cached is None else int(cached),
    }
    return {name: value for name, value in found.items() if value is not None}


def _seconds(times: Mapping[str, Any]) -> Times:
    names = {"queue_time": "server_queue_ms", "prompt_time": "server_prefill_ms", "completion_time": "server_decode_ms"}
    return {field: 1000 * value for name, field in names.items() if (value := _number(times, name)) is not None}


def _number(source: Mapping[str, Any], name: str) -> float | None:
    value = source.get(name)
    valid = isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value) and value >= 0
    return value if valid else None
