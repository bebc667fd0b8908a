"""The model servers: where their time went, and how full they were."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from tau2_logging.analysis.reports.text.sections.section import Section, Show, section, text
from tau2_logging.units import count, share
from tau2_logging.units import milliseconds as ms

if TYPE_CHECKING:
    from tau2_logging.analysis.run_log import RunLog

SERVER_NOTE = (
    "By the servers' own clocks, over the run: queue is the wait at the server for a place in its batch, prefill the work on the prompt, "
    "TTFT both and the work around them (templates, tokenizing). Client figures are of the run's calls there; requests may be others' too. "
    "Peaks are those of samples."
)
WAITING_NOTE = (
    "Means, in ms. By the server's own clock, call by call, of those calls that it told of: queue is the wait for a place in its batch, "
    "prefill the work on the prompt, decode the tokens after the first, TTFT from the request's arrival to the first token. At the server "
    "is all of it, with the server's own work around the model. The rest of a call is the network, proxies and the client. A figure that "
    "the server does not tell is left out."
)
_WAITING: dict[str, tuple[str, Show]] = {
    "role": ("role", text), "model": ("model", text), "endpoint": ("server", text), "source": ("told by", text), "told": ("told", count),
    "calls": ("of calls", count), "server_queue_mean_ms": ("queue mean", ms), "server_queue_p95_ms": ("queue p95", ms),
    "server_prefill_mean_ms": ("prefill mean", ms), "server_decode_mean_ms": ("decode mean", ms), "server_ttft_mean_ms": ("TTFT mean", ms),
    "server_e2e_mean_ms": ("at the server", ms), "network_mean_ms": ("rest", ms), "call_mean_ms": ("whole call", ms),
}  # fmt: skip


def server_sections(log: RunLog) -> Iterator[Section]:
    """Yield the model servers: where their time went, and how full they were."""
    table = log.model_servers()
    where: dict[str, tuple[str, Show]] = {"endpoint": ("server", text)}
    times: dict[str, tuple[str, Show]] = {"requests": ("requests", count), "queue_mean_ms": ("queue mean ms", ms),
        "prefill_mean_ms": ("prefill mean", ms), "decode_mean_ms": ("decode mean", ms), "ttft_mean_ms": ("TTFT mean", ms),
        "client_ttft_mean_ms": ("TTFT, client", ms),
        "e2e_mean_ms": ("whole mean", ms), "client_mean_ms": ("whole, client", ms)}  # fmt: skip
    yield section("Model servers", table, {**where, **times}, SERVER_NOTE, key=True)
    load: dict[str, tuple[str, Show]] = {"calls": ("our calls", count), "errors": ("errors", count), "peak_running": ("running", count),
        "peak_waiting": ("waiting", count), "peak_kv_cache_share": ("KV cache", share), "prefix_hit_share": ("prefix hits", share),
        "preemptions": ("preemptions", count), "prefill_total_ms": ("prefill ms, all", ms), "decode_total_ms": ("decode ms, all", ms),
        "samples": ("samples", count)}  # fmt: skip
    note = "Running, waiting and KV cache at their peak; prefill and decode summed over all requests."
    yield section("Waiting at the server", log.waiting_at_servers(), _WAITING, WAITING_NOTE, key=True)
    yield section("Load of the model servers", table, {**where, **load}, note, key=True)
