"""A server's figures, out of the text of its /metrics page, as fields of a `server_metrics` event.

Each program has names of its own, and one table here says which field each is. A field that a program has no figure for stays absent: a
figure that only resembles it does not take its place. Of names that were changed the new one comes first.

vLLM: https://docs.vllm.ai/en/stable/usage/metrics/
llama.cpp: https://github.com/ggml-org/llama.cpp/blob/master/tools/server/README.md (server started with --metrics)
SGLang: https://docs.sglang.ai/references/production_metrics.html (server started with --enable-metrics)
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field

_SAMPLE = re.compile(r"(?P<name>[A-Za-z_:][A-Za-z0-9_:]*)(?:\{.*\})?[ \t]+(?P<value>\S+)(?:[ \t]+-?\d+)?[ \t]*")

Names = Mapping[str, tuple[str, ...]]


@dataclass(frozen=True)
class _Program:
    """The names of a program's metrics, by field, without `prefix`: gauges, counters (whole numbers), counters of seconds (whose number of
    requests is not told), histograms of seconds. `shares` are gauges from 0 to 1.
    """

    prefix: str
    gauges: Names
    counters: Names
    shares: Names = field(default_factory=dict)
    seconds: Names = field(default_factory=dict)
    histograms: Names = field(default_factory=dict)


_VLLM = _Program(
    "vllm:",
    gauges={"running": ("num_requests_running",), "waiting": ("num_requests_waiting",)},
    shares={"kv_cache_use": ("kv_cache_usage_perc", "gpu_cache_usage_perc")},
    counters={
        "prefix_queries": ("prefix_cache_queries", "gpu_prefix_cache_queries"),
        "prefix_hits": ("prefix_cache_hits", "gpu_prefix_cache_hits"),
        "preemptions": ("num_preemptions",),
        "prompt_tokens": ("prompt_tokens",),
        "generation_tokens": ("generation_tokens",),
    },
    histograms={
        "queue": ("request_queue_time_seconds", "time_in_queue_requests"),
        "prefill": ("request_prefill_time_seconds",),
        "decode": ("request_decode_time_seconds",),
        "ttft": ("time_to_first_token_seconds",),
        "e2e": ("e2e_request_latency_seconds",),
    },
)
_LLAMACPP = _Program(
    "llamacpp:",
    gauges={"running": ("requests_processing",), "waiting": ("requests_deferred",)},
    shares={"kv_cache_use": ("kv_cache_usage_ratio",)},
    counters={
        "prompt_tokens_computed": ("prompt_tokens",),  # its prompt_tokens_total leaves out what came from the cache
        "prefix_hits": ("prompt_tokens_cached",),
        "generation_tokens": ("tokens_predicted",),
        "decode_steps": ("n_decode",),
    },
    seconds={"prefill": ("prompt_seconds",), "decode": ("tokens_predicted_seconds",)},
)
_SGLANG = _Program(
    "sglang:",
    gauges={"running": ("num_running_reqs",), "waiting": ("num_queue_reqs",)},
    shares={"kv_cache_use": ("token_usage",)},
    counters={
        "prefix_hits": ("cached_tokens",),
        "preemptions": ("num_retracted_requests",),
        "prompt_tokens": ("prompt_tokens",),
        "generation_tokens": ("generation_tokens",),
    },
    histograms={
        "queue": ("queue_time_seconds",),
        "ttft": ("time_to_first_token_seconds",),
        "e2e": ("e2e_request_latency_seconds",),
    },
)
_PROGRAMS = (_VLLM, _LLAMACPP, _SGLANG)

Figures = dict[str, "float | int"]


def read_metrics(text: str) -> Figures:
    """Return figures by field name: gauges and cumulative counters as served, sums of times in ms (`queue_sum_ms`) and how many requests
    they are of (`queue_count`). A figure the server does not have is absent. Several engines of one server are added up; of their caches'
    use, the highest counts.
    """
    return next((figures for program in _PROGRAMS if (figures := _read(program, text))), {})


def _read(program: _Program, text: str) -> Figures:
    found = _samples(text, program.prefix)
    figures: Figures = {}
    for name, names in program.gauges.items():
        _put(figures, name, _combined(found, names, sum), whole=True)
    for name, names in program.shares.items():
        _put(figures, name, _combined(found, names, max))
    for name, names in program.counters.items():
        _put(figures, name, _counter(found, names), whole=True)
    for name, names in program.seconds.items():
        _put_seconds(figures, name, _counter(found, names))
    for name, names in program.histograms.items():
        _put_seconds(figures, name, _combined(found, [f"{one}_sum" for one in names], sum))
        _put(figures, f"{name}_count", _combined(found, [f"{one}_count" for one in names], sum), whole=True)
    return figures


def _samples(text: str, prefix: str) -> dict[str, list[float]]:
    found: dict[str, list[float]] = {}
    for line in text.splitlines():
        if not line.startswith(prefix) or "_bucket{" in line:
            continue
        sample = _SAMPLE.fullmatch(line)
        value = _number(sample["value"]) if sample is not None else None
        if sample is not None and value is not None:
            found.setdefault(sample["name"].removeprefix(prefix), []).append(value)
    return found


def _counter(found: dict[str, list[float]], names: Iterable[str]) -> float | None:
    """Prometheus clients write a counter with `_total`, or without it."""
    return _combined(found, [form for name in names for form in (f"{name}_total", name)], sum)


def _number(text: str) -> float | None:
    try:
        value = float(text)
    except ValueError:
        return None
    return value if math.isfinite(value) else None


def _combined(found: dict[str, list[float]], names: Iterable[str], combine: Callable[[list[float]], float]) -> float | None:
    return next((combine(found[name]) for name in names if name in found), None)


def _put_seconds(figures: Figures, name: str, seconds: float | None) -> None:
    _put(figures, f"{name}_sum_ms", None if seconds is None else seconds * 1000)


def _put(figures: Figures, name: str, value: float | None, whole: bool = False) -> None:
    if value is not None:
        figures[name] = round(value) if whole else value
