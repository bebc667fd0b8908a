"""What the analysis makes of the servers' figures."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tau2_logging.analysis import ReportOptions
from tau2_logging.analysis.measures.servers.server_load import increase
from tau2_logging.analysis.reports.text.sections.groups import all_sections
from tau2_logging.events import Event
from tests.unit.analysis.samples import event, llm, log_of, simulation


@pytest.mark.parametrize(
    ("values", "starts", "grown"),
    [
        ([10, 15, 40], [1, 0, 0], 30.0),
        ([10, 15, 3, 7], [1, 0, 0, 0], 12.0),  # fell to 3: began anew, so 5 + 3 + 4
        ([10, 15, 100, 101], [1, 0, 1, 0], 6.0),  # what happened between two starts of the run is not the run's
        ([10, math.nan, 12], [1, 0, 0], 2.0),
        ([10], [1], math.nan),
        ([math.nan, math.nan], [1, 0], math.nan),
    ],
)
def test_a_counter_grows_as_prometheus_says(values: list[float], starts: list[int], grown: float) -> None:
    assert increase(np.array(values, dtype=float), np.array(starts) == 1) == pytest.approx(grown, nan_ok=True)


def sample(endpoint: str, number: int, at_ms: float, **fields: Any) -> Event:
    return event("server_metrics", None, at_ms / 1000, endpoint=endpoint, sample=number, start_ms=at_ms, model="m", **fields)


def test_queue_and_prefill_stand_apart_and_beside_what_the_client_saw(tmp_path: Path) -> None:
    """Means are of the requests between the first and the last sample; calls are the run's own at that server; a sample that stands in
    the logs of two domains counts once."""
    times = {"queue_sum_ms": 500.0, "queue_count": 10, "prefill_sum_ms": 100.0, "prefill_count": 10, "e2e_count": 10}
    later = {"queue_sum_ms": 2500.0, "queue_count": 30, "prefill_sum_ms": 1300.0, "prefill_count": 30, "e2e_count": 30}
    first = sample("h:1", 0, 0.0, **times, running=0, waiting=0, prefix_hits=0, prefix_queries=100)
    last = sample("h:1", 1, 900.0, **later, running=4, waiting=9, prefix_hits=30, prefix_queries=200)
    calls = [llm(start=0.0, endpoint="h:1", ttft_ms=90.0), llm(start=200.0, endpoint="h:1", ttft_ms=110.0), llm(endpoint="h:2")]
    failed = llm(start=400.0, endpoint="h:1", error=True, error_type="Timeout", ms=9000.0)
    log = log_of(tmp_path, [first, *simulation(calls=[*calls, failed]), last, last, sample("h:3", 0, 0.0, running=0)])
    table = log.model_servers().set_index("endpoint")
    row = table.loc["h:1"]
    assert list(table.index) == ["h:1", "h:3"]
    assert row["queue_mean_ms"] == 100.0
    assert row["prefill_mean_ms"] == 60.0
    assert (row["requests"], row["calls"], row["errors"], row["samples"]) == (20, 3, 1, 2)
    assert (row["client_ttft_mean_ms"], row["client_mean_ms"]) == (100.0, 100.0)
    assert (row["peak_running"], row["peak_waiting"], row["prefix_hit_share"]) == (4, 9, 0.3)
    assert math.isnan(row["decode_mean_ms"])
    shown = {section.title: section for section in all_sections(log, ReportOptions())}
    assert shown["Model servers"].rows[0][:4] == ["h:1", "20", "100.0", "60.00"]
    assert shown["Load of the model servers"].rows[0][:5] == ["h:1", "3", "1", "4", "9"]


def test_a_server_that_does_not_count_its_requests_has_sums_and_no_means(tmp_path: Path) -> None:
    """As llama.cpp; the share of the cache is of computed and cached tokens together."""
    first = sample("h:1", 0, 0.0, prompt_tokens_computed=100, prefix_hits=10, prefill_sum_ms=1000.0, decode_sum_ms=50.0)
    last = sample("h:1", 1, 900.0, prompt_tokens_computed=300, prefix_hits=610, prefill_sum_ms=3500.0, decode_sum_ms=150.0)
    table = log_of(tmp_path, [first, *simulation(calls=[llm(endpoint="h:1")]), last]).model_servers().set_index("endpoint")
    row = table.loc["h:1"]
    assert (row["prefill_total_ms"], row["decode_total_ms"], row["prefix_hit_share"]) == (2500.0, 100.0, 600 / 800)
    assert all(math.isnan(row[name]) for name in ("requests", "prefill_mean_ms", "decode_mean_ms", "queue_mean_ms"))


def test_a_log_without_servers_has_no_section_of_them(tmp_path: Path) -> None:
    log = log_of(tmp_path, simulation(calls=[llm()]))
    assert log.model_servers().empty
    assert not [section.title for section in all_sections(log, ReportOptions()) if "ervers" in section.title]
