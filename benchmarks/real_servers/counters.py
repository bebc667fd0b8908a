"""What a server has counted itself, out of its /metrics, between two looks at it."""

from __future__ import annotations

import re
from collections import defaultdict
from dataclasses import dataclass

_SAMPLE = re.compile(r"^([A-Za-z_:][A-Za-z0-9_:]*)(?:\{[^}]*\})? ([0-9.eE+-]+)$", re.MULTILINE)


@dataclass(frozen=True)
class Counters:
    """Requests that were finished, tokens, and seconds summed over requests. None: the server does not count it."""

    requests: int | None
    prompt_tokens: int
    cached_tokens: int
    output_tokens: int
    queue_s: float | None
    ttft_s: float | None
    prefill_s: float
    decode_s: float
    e2e_s: float | None


def samples(page: str) -> dict[str, float]:
    """Figures by name, added up over their labels."""
    found: dict[str, float] = defaultdict(float)
    for name, value in _SAMPLE.findall(page):
        found[name] += float(value)
    return found


def between(before: str, after: str) -> Counters:
    """What a server has counted from one look to the next. Raises ValueError for a page of neither vLLM nor llama.cpp."""
    first, last = samples(before), samples(after)
    grown = defaultdict(float, {name: value - first.get(name, 0.0) for name, value in last.items()})
    if "vllm:prompt_tokens_total" in last:
        return _vllm(grown)
    if "llamacpp:prompt_tokens_total" in last:
        return _llama(grown)
    raise ValueError("neither vLLM's nor llama.cpp's /metrics")


def _vllm(grown: dict[str, float]) -> Counters:
    return Counters(
        requests=round(grown["vllm:e2e_request_latency_seconds_count"]),
        prompt_tokens=round(grown["vllm:prompt_tokens_total"]),
        cached_tokens=round(grown["vllm:prompt_tokens_cached_total"]),
        output_tokens=round(grown["vllm:generation_tokens_total"]),
        queue_s=grown["vllm:request_queue_time_seconds_sum"],
        ttft_s=grown["vllm:time_to_first_token_seconds_sum"],
        prefill_s=grown["vllm:request_prefill_time_seconds_sum"],
        decode_s=grown["vllm:request_decode_time_seconds_sum"],
        e2e_s=grown["vllm:e2e_request_latency_seconds_sum"],
    )


def _llama(grown: dict[str, float]) -> Counters:
    """llama.cpp counts prompt tokens that it computed; those from its cache come on top. It counts no requests."""
    cached = round(grown["llamacpp:prompt_tokens_cached_total"])
    return Counters(
        requests=None,
        prompt_tokens=round(grown["llamacpp:prompt_tokens_total"]) + cached,
        cached_tokens=cached,
        output_tokens=round(grown["llamacpp:tokens_predicted_total"]),
        queue_s=None,
        ttft_s=None,
        prefill_s=grown["llamacpp:prompt_seconds_total"],
        decode_s=grown["llamacpp:tokens_predicted_seconds_total"],
        e2e_s=None,
    )
