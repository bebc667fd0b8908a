"""What the model servers say of themselves, beside what the run saw of them: waiting in a server's queue is not prefill."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from tau2_logging.analysis.tables.columns import column, numbers
from tau2_logging.events import MODEL_CALL_TYPES
from tau2_logging.events.kinds import SERVER_TIMES

if TYPE_CHECKING:
    import pandas as pd

    from tau2_logging.analysis.tables.log_data import LogData

_COUNTERS = ("prefix_queries", "prefix_hits", "preemptions", "prompt_tokens", "prompt_tokens_computed", "generation_tokens")
_TOTALS = ("prefill", "decode")
_GAUGES = {"running": "running", "waiting": "waiting", "kv_cache_share": "kv_cache_use"}
TIME_COLUMNS = ("requests", *(f"{name}_mean_ms" for name in SERVER_TIMES), "client_ttft_mean_ms", "client_mean_ms")
LOAD_COLUMNS = (
    "calls", "errors", "peak_running", "peak_waiting", "peak_kv_cache_share", "prefix_hit_share", "preemptions", "prompt_tokens",
    "generation_tokens", "prefill_total_ms", "decode_total_ms", "samples",
)  # fmt: skip


def server_table(log: LogData) -> pd.DataFrame:
    """Return one row a server that gave figures: endpoint, model, TIME_COLUMNS, LOAD_COLUMNS.

    `requests` are those it finished during the run, whatever client made them; means of queue, prefill, decode, ttft and e2e are by its
    own clock
    (sum over count, over the run), `client_*` by ours, of the run's successful calls there, in ms. `calls` and `errors` are the run's;
    peaks are the highest that a sample saw (kv_cache_share 0 to 1), prefix_hit_share is of the prompt tokens. `prefill_total_ms` and
    `decode_total_ms` are sums over all requests: a server that does not count those (llama.cpp) has the sums and no means. NaN if a
    server or the log does not say.
    """
    import pandas as pd

    samples = _samples(log)
    if samples.empty:
        return pd.DataFrame(columns=["endpoint", "model", *TIME_COLUMNS, *LOAD_COLUMNS])
    calls = log.select(["endpoint", "ttft_ms", "duration_ms", "error"], types=MODEL_CALL_TYPES)
    rows = [
        {**_of_server(str(endpoint), group), **_of_calls(calls[calls["endpoint"] == endpoint])}
        for endpoint, group in samples.groupby("endpoint", sort=False)
    ]
    return pd.DataFrame(rows, columns=["endpoint", "model", *TIME_COLUMNS, *LOAD_COLUMNS])


def _samples(log: LogData) -> pd.DataFrame:
    """Return each sample once: it is in the log of every domain of its run."""
    samples = log.select(types=["server_metrics"])
    if samples.empty:
        return samples.reindex(columns=["endpoint"])
    keys = [name for name in ("run", "endpoint", "sample", "start_ms") if name in samples]
    return samples.drop_duplicates(keys)


def _of_server(endpoint: str, samples: pd.DataFrame) -> dict[str, Any]:
    starts = numbers(samples, "sample") == 0
    grown = {name: increase(numbers(samples, name), starts) for name in _COUNTERS}
    counts = {name: increase(numbers(samples, f"{name}_count"), starts) for name in SERVER_TIMES}
    sums = {name: increase(numbers(samples, f"{name}_sum_ms"), starts) for name in SERVER_TIMES}
    models = column(samples, "model").dropna()
    return {
        "endpoint": endpoint,
        "model": models.iloc[-1] if len(models) else None,
        "requests": counts["e2e"],
        **{f"{name}_mean_ms": _ratio(sums[name], counts[name]) for name in SERVER_TIMES},
        **{f"peak_{name}": _peak(numbers(samples, field)) for name, field in _GAUGES.items()},
        "prefix_hit_share": _ratio(grown["prefix_hits"], _looked_up(grown)),
        **{name: grown[name] for name in ("preemptions", "prompt_tokens", "generation_tokens")},
        **{f"{name}_total_ms": sums[name] for name in _TOTALS},
        "samples": len(samples),
    }


def _looked_up(grown: dict[str, float]) -> float:
    """Return prompt tokens that the prefix cache was asked for: as counted, else all of the prompts."""
    known = (grown["prefix_queries"], grown["prompt_tokens"], grown["prompt_tokens_computed"] + grown["prefix_hits"])
    return next((value for value in known if not np.isnan(value)), float("nan"))


def _of_calls(calls: pd.DataFrame) -> dict[str, Any]:
    failed = calls["error"].astype("boolean").fillna(False).to_numpy(dtype=bool)
    return {
        "calls": len(calls),
        "errors": int(failed.sum()),
        "client_ttft_mean_ms": _mean(numbers(calls, "ttft_ms")[~failed]),
        "client_mean_ms": _mean(numbers(calls, "duration_ms")[~failed]),
    }


def increase(values: Any, starts: Any) -> float:
    """Return how much a counter has grown over its samples, in their order. As Prometheus' increase(): if it falls, the server started
    again, and what it shows then counts. `starts` marks the first sample of each start of the run: what happened between two starts is
    not the run's. NaN if no two samples know it.
    """
    total, known, before = 0.0, False, float("nan")
    for value, start in zip(values, starts, strict=True):
        before = float("nan") if start else before
        if np.isnan(value):
            continue
        if not np.isnan(before):
            total += value - before if value >= before else value
            known = True
        before = value
    return total if known else float("nan")


def _ratio(part: float, whole: float) -> float:
    return part / whole if whole > 0 else float("nan")


def _mean(values: Any) -> float:
    known = values[~np.isnan(values)]
    return float(known.mean()) if len(known) else float("nan")


def _peak(values: Any) -> float:
    known = values[~np.isnan(values)]
    return float(known.max()) if len(known) else float("nan")
