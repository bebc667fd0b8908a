"""A server's figures, out of the text of its /metrics page, as fields of a `server_metrics` event.

The names are vLLM's; where it has renamed one, the new name comes first and the old ones after it.
https://docs.vllm.ai/en/stable/usage/metrics/
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterable

_SAMPLE = re.compile(r"(?P<name>[A-Za-z_:][A-Za-z0-9_:]*)(?:\{.*\})?[ \t]+(?P<value>\S+)(?:[ \t]+-?\d+)?[ \t]*")

_GAUGES: dict[str, tuple[str, ...]] = {
    "running": ("num_requests_running",),
    "waiting": ("num_requests_waiting",),
    "kv_cache_use": ("kv_cache_usage_perc", "gpu_cache_usage_perc"),
}
_COUNTERS: dict[str, tuple[str, ...]] = {
    "prefix_queries": ("prefix_cache_queries", "gpu_prefix_cache_queries"),
    "prefix_hits": ("prefix_cache_hits", "gpu_prefix_cache_hits"),
    "preemptions": ("num_preemptions",),
    "prompt_tokens": ("prompt_tokens",),
    "generation_tokens": ("generation_tokens",),
}
_HISTOGRAMS: dict[str, tuple[str, ...]] = {
    "queue": ("request_queue_time_seconds", "time_in_queue_requests"),
    "prefill": ("request_prefill_time_seconds",),
    "decode": ("request_decode_time_seconds",),
    "ttft": ("time_to_first_token_seconds",),
    "e2e": ("e2e_request_latency_seconds",),
}


def read_metrics(text: str) -> dict[str, float | int]:
    """Figures by field name: gauges and cumulative counters as served, sums of histograms in ms (`queue_sum_ms`) and their counts
    (`queue_count`). A figure the server does not have is absent. Several engines of one server are added up; of their caches' use,
    the highest counts.
    """
    found = _samples(text)
    figures: dict[str, float | int] = {}
    for field, names in _GAUGES.items():
        _put(figures, field, _combined(found, names, max if field == "kv_cache_use" else sum), whole=field != "kv_cache_use")
    for field, names in _COUNTERS.items():
        _put(figures, field, _combined(found, [form for name in names for form in (f"{name}_total", name)], sum), whole=True)
    for field, names in _HISTOGRAMS.items():
        seconds = _combined(found, [f"{name}_sum" for name in names], sum)
        _put(figures, f"{field}_sum_ms", None if seconds is None else seconds * 1000)
        _put(figures, f"{field}_count", _combined(found, [f"{name}_count" for name in names], sum), whole=True)
    return figures


def _samples(text: str) -> dict[str, list[float]]:
    found: dict[str, list[float]] = {}
    for line in text.splitlines():
        if not line.startswith("vllm:") or "_bucket{" in line:
            continue
        sample = _SAMPLE.fullmatch(line)
        value = _number(sample["value"]) if sample is not None else None
        if sample is not None and value is not None:
            found.setdefault(sample["name"].removeprefix("vllm:"), []).append(value)
    return found


def _number(text: str) -> float | None:
    try:
        value = float(text)
    except ValueError:
        return None
    return value if math.isfinite(value) else None


def _combined(found: dict[str, list[float]], names: Iterable[str], combine: Callable[[list[float]], float]) -> float | None:
    return next((combine(found[name]) for name in names if name in found), None)


def _put(figures: dict[str, float | int], field: str, value: float | None, whole: bool = False) -> None:
    if value is not None:
        figures[field] = round(value) if whole else value
