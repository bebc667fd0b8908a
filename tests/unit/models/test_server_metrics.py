"""Reading /metrics."""

from __future__ import annotations

from tau2_logging.events import KINDS
from tau2_logging.models.servers.scraped_metrics import read_metrics
from tau2_logging.models.simulated_server import ServerSettings, SimulatedServer

NEW = """\
# HELP vllm:num_requests_running Number of requests in model execution batches.
# TYPE vllm:num_requests_running gauge
vllm:num_requests_running{engine="0",model_name="a \\"b\\" {c}"} 3.0
vllm:num_requests_running{engine="1",model_name="a"} 1.0
vllm:num_requests_waiting{engine="0",model_name="a"} 5.0 1700000000000
vllm:kv_cache_usage_perc{engine="0",model_name="a"} 0.25
vllm:kv_cache_usage_perc{engine="1",model_name="a"} 0.75
vllm:prefix_cache_queries_total{engine="0"} 1000.0
vllm:prefix_cache_hits_total{engine="0"} 1e+02
vllm:request_queue_time_seconds_bucket{engine="0",le="0.3"} 7.0
vllm:request_queue_time_seconds_sum{engine="0"} 1.5
vllm:request_queue_time_seconds_count{engine="0"} 4.0
vllm:request_prefill_time_seconds_sum{engine="0"} NaN
python_gc_objects_collected_total{generation="0"} 12.0
"""
OLD = """\
vllm:gpu_cache_usage_perc{model_name="a"} 0.5
vllm:gpu_prefix_cache_queries{model_name="a"} 10
vllm:gpu_prefix_cache_hits_total{model_name="a"} 4
vllm:num_preemptions_total{model_name="a"} 2
vllm:time_in_queue_requests_sum{model_name="a"} 0.25
vllm:time_in_queue_requests_count{model_name="a"} 1
"""


def test_engines_are_added_up_and_seconds_become_milliseconds() -> None:
    """Labels with quotes and braces, timestamps and exponents are read; of the caches' use the highest counts; NaN is not known."""
    assert read_metrics(NEW) == {
        "running": 4, "waiting": 5, "kv_cache_use": 0.75, "prefix_queries": 1000, "prefix_hits": 100, "queue_sum_ms": 1500.0,
        "queue_count": 4,
    }  # fmt: skip


def test_the_older_names_mean_the_same() -> None:
    """Those that vLLM has renamed or dropped since."""
    assert read_metrics(OLD) == {
        "kv_cache_use": 0.5, "prefix_queries": 10, "prefix_hits": 4, "preemptions": 2, "queue_sum_ms": 250.0, "queue_count": 1,
    }  # fmt: skip


LLAMACPP = """\
# HELP llamacpp:prompt_tokens_total Number of prompt tokens processed.
# TYPE llamacpp:prompt_tokens_total counter
llamacpp:prompt_tokens_total 2385
llamacpp:prompt_seconds_total 5.582
llamacpp:tokens_predicted_total 1280
llamacpp:tokens_predicted_seconds_total 3.5625
llamacpp:n_decode_total 1301
llamacpp:n_busy_slots_per_decode 1.5
llamacpp:prompt_tokens_seconds 427.2
llamacpp:predicted_tokens_seconds nan
llamacpp:requests_processing 1
llamacpp:requests_deferred 2
"""
SGLANG = """\
sglang:num_running_reqs{model_name="m",tp_rank="0"} 4.0
sglang:num_queue_reqs{model_name="m"} 3.0
sglang:token_usage{model_name="m"} 0.94
sglang:cache_hit_rate{model_name="m"} 22.5
sglang:prompt_tokens_total{model_name="m"} 1000
sglang:cached_tokens_total{model_name="m",cache_source="device"} 600
sglang:generation_tokens_total{model_name="m"} 50
sglang:queue_time_seconds_sum{model_name="m"} 0.5
sglang:queue_time_seconds_count{model_name="m"} 5
sglang:time_to_first_token_seconds_sum{model_name="m"} 2
sglang:time_to_first_token_seconds_count{model_name="m"} 5
sglang:e2e_request_latency_seconds_sum{model_name="m"} 9
sglang:e2e_request_latency_seconds_count{model_name="m"} 5
"""


def test_llama_cpps_figures_are_named_for_what_they_are() -> None:
    """Its prompt tokens leave out those from the cache; its times are of requests that it does not count."""
    figures = {
        "running": 1, "waiting": 2, "prompt_tokens_computed": 2385, "generation_tokens": 1280, "decode_steps": 1301,
        "prefill_sum_ms": 5582.0, "decode_sum_ms": 3562.5,
    }  # fmt: skip
    assert read_metrics(LLAMACPP) == figures
    cached = "llamacpp:prompt_tokens_cached_total 11447\n"
    assert read_metrics(LLAMACPP + cached) == {**figures, "prefix_hits": 11447}
    assert read_metrics("llamacpp:kv_cache_usage_ratio 0.25\n") == {"kv_cache_use": 0.25}


def test_sglangs_figures_are_named_for_what_they_are() -> None:
    """It keeps no time of prefill or decode alone."""
    assert read_metrics(SGLANG) == {
        "running": 4, "waiting": 3, "kv_cache_use": 0.94, "prompt_tokens": 1000, "prefix_hits": 600, "generation_tokens": 50,
        "queue_sum_ms": 500.0, "queue_count": 5, "ttft_sum_ms": 2000.0, "ttft_count": 5, "e2e_sum_ms": 9000.0, "e2e_count": 5,
    }  # fmt: skip


def test_a_page_of_something_else_has_no_figures() -> None:
    """Whatever it holds."""
    assert read_metrics("<html>\nvllm:\nvllm:num_requests_running one\nprocess_cpu_seconds_total 1\n") == {}


def test_every_figure_of_the_event_is_read_from_a_server_that_has_all() -> None:
    """In the names of today and of yesterday; what only other programs have is left out."""
    own = set(KINDS["server_metrics"].fields) - {"endpoint", "model", "sample", "start_ms", "prompt_tokens_computed", "decode_steps"}
    for names in ("new", "old"):
        with SimulatedServer(ServerSettings(metric_names=names)) as server:
            from tau2_logging.models.servers.address import Address
            from tau2_logging.models.servers.api import ServerApi

            assert set(read_metrics(ServerApi(Address.of(server.url)).metrics() or "")) == own
