"""`/metrics` as vLLM has it: names, kinds, labels and bucket limits of its V1 engine, or the names of older ones."""

from __future__ import annotations

from bisect import bisect_left
from collections import Counter
from collections.abc import Iterator

from tau2_logging.models.simulated_server.journal import Exchange

_TTFT_LIMITS = (
    0.001, 0.005, 0.01, 0.02, 0.04, 0.06, 0.08, 0.1, 0.25, 0.5, 0.75, 1.0, 2.5, 5.0, 7.5, 10.0, 20.0, 40.0, 80.0, 160.0, 640.0, 2560.0,
)  # fmt: skip
_TOKEN_LIMITS = (
    0.01, 0.025, 0.05, 0.075, 0.1, 0.15, 0.2, 0.3, 0.4, 0.5, 0.75, 1.0, 2.5, 5.0, 7.5, 10.0, 20.0, 40.0, 80.0,
)  # fmt: skip
_REQUEST_LIMITS = (
    0.3, 0.5, 0.8, 1.0, 1.5, 2.0, 2.5, 5.0, 10.0, 15.0, 20.0, 30.0, 40.0, 50.0, 60.0, 120.0, 240.0, 480.0, 960.0, 1920.0, 7680.0,
)  # fmt: skip
HISTOGRAMS = {
    "time_to_first_token_seconds": _TTFT_LIMITS,
    "inter_token_latency_seconds": _TOKEN_LIMITS,
    "request_queue_time_seconds": _REQUEST_LIMITS,
    "request_prefill_time_seconds": _REQUEST_LIMITS,
    "request_decode_time_seconds": _REQUEST_LIMITS,
    "e2e_request_latency_seconds": _REQUEST_LIMITS,
}
OLD_NAMES = {
    "kv_cache_usage_perc": "gpu_cache_usage_perc",
    "prefix_cache_queries_total": "gpu_prefix_cache_queries_total",
    "prefix_cache_hits_total": "gpu_prefix_cache_hits_total",
    "inter_token_latency_seconds": "time_per_output_token_seconds",
}
"""What vLLM called these before it renamed them."""
FINISH_REASONS = ("stop", "length", "abort")


class Histogram:
    """Counts at most each limit, as Prometheus has them."""

    def __init__(self, limits: tuple[float, ...]) -> None:
        self.limits = limits
        self.counts = [0] * (len(limits) + 1)
        self.sum = 0.0

    def observe(self, value: float, times: int = 1) -> None:
        """Count a value, in seconds."""
        self.counts[bisect_left(self.limits, value)] += times
        self.sum += value * times

    def lines(self, name: str, labels: str) -> Iterator[str]:
        """In Prometheus' text format."""
        total = 0
        for limit, count in zip((*map(str, self.limits), "+Inf"), self.counts, strict=True):
            total += count
            yield f'{name}_bucket{{{labels},le="{limit}"}} {total}'
        yield f"{name}_count{{{labels}}} {total}"
        yield f"{name}_sum{{{labels}}} {self.sum:.6f}"


class Metrics:
    """What the server counts, of all its models together."""

    def __init__(self, model: str, names: str) -> None:
        self._labels = f'engine="0",model_name="{model}"'
        self._old = names == "old"
        self._counters: Counter[str] = Counter()
        self._finished: Counter[str] = Counter()
        self._histograms = {name: Histogram(limits) for name, limits in HISTOGRAMS.items()}

    def begin(self, prompt_tokens: int, cached_tokens: int) -> None:
        """A request has got its place, and its prompt has been looked up."""
        self._counters["prefix_cache_queries_total"] += prompt_tokens
        self._counters["prefix_cache_hits_total"] += cached_tokens

    def end(self, exchange: Exchange) -> None:
        """A request that had a place is over."""
        finish = {"finished": exchange.finish_reason}.get(exchange.ended) or "abort"
        self._finished["length" if finish == "length" else finish if finish == "abort" else "stop"] += 1
        self._counters["prompt_tokens_total"] += exchange.prompt_tokens or 0
        self._counters["generation_tokens_total"] += exchange.completion_tokens or 0
        for name, value_ms, times in observed(exchange):
            self._histograms[name].observe(value_ms / 1000, times)

    def text(self, running: int, waiting: int, cache_use: float) -> str:
        """Return everything, in Prometheus' text format."""
        gauges = {"num_requests_running": running, "num_requests_waiting": waiting, "kv_cache_usage_perc": cache_use}
        lines = [line for name, value in gauges.items() for line in self._one(name, "gauge", value)]
        for name in (
            "prefix_cache_queries_total", "prefix_cache_hits_total", "num_preemptions_total", "prompt_tokens_total",
            "generation_tokens_total",
        ):  # fmt: skip
            lines += self._one(name, "counter", self._counters[name])
        lines.append("# TYPE vllm:request_success_total counter")
        lines += [
            f'vllm:request_success_total{{{self._labels},finished_reason="{reason}"}} {self._finished[reason]}' for reason in FINISH_REASONS
        ]
        for name, histogram in self._histograms.items():
            lines += [f"# TYPE {self._name(name)} histogram", *histogram.lines(self._name(name), self._labels)]
        return "\n".join(lines) + "\n"

    def _one(self, name: str, kind: str, value: float) -> list[str]:
        return [f"# TYPE {self._name(name)} {kind}", f"{self._name(name)}{{{self._labels}}} {value:.10g}"]

    def _name(self, name: str) -> str:
        return f"vllm:{OLD_NAMES.get(name, name) if self._old else name}"


def observed(exchange: Exchange) -> Iterator[tuple[str, float, int]]:
    """Yield (histogram, milliseconds, how many times) of an exchange: what has happened of it."""
    queued = exchange.queue_ms or 0.0
    yield "request_queue_time_seconds", queued, 1
    if exchange.ended_s is not None:
        yield "e2e_request_latency_seconds", (exchange.ended_s - exchange.arrived_s) * 1000, 1
    if exchange.ttft_sent_ms is None:
        return
    yield "time_to_first_token_seconds", exchange.ttft_sent_ms, 1
    yield "request_prefill_time_seconds", exchange.ttft_sent_ms - queued, 1
    decoded, further = exchange.decode_sent_ms or 0.0, (exchange.completion_tokens or 0) - 1
    yield "request_decode_time_seconds", decoded, 1
    if further > 0:
        yield "inter_token_latency_seconds", decoded / further, further
