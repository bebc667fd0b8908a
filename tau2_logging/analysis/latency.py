"""How long calls took: by type of event and by anything else the log says about them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from tau2_logging.analysis.summary import SUMMARY_COLUMNS, as_floats, percentile, summarize
from tau2_logging.events import MODEL_CALL_TYPES

if TYPE_CHECKING:
    import pandas as pd

    from tau2_logging.analysis.table import RunLog

LATENCY_TYPES = (*MODEL_CALL_TYPES, "tool_call", "evaluation", "step_complete", "task_end")
DIMENSIONS = ("domain", "model", "function", "expert", "requestor", "host", "worker")

METRIC_NOTES = (
    "TTFT, TPOT, E2E latency and goodput as vLLM's serving benchmark defines them: E2E latency is the whole call, TTFT the time to the "
    "first token, TPOT = (E2E latency - TTFT) / (output tokens - 1) of calls with more than one output token. The log keeps no time of "
    "each token, so that of inter-token latency (ITL) only the mean is known: all decode time over all tokens after the first. "
    "Percentiles interpolate linearly (numpy's method='linear'); the standard deviation has ddof=1."
)

_COLUMNS = ("type", "duration_ms", "total_duration_ms", "error", "ttft_ms", "decode_ms", "output_tokens")


def shown_dimensions(log: RunLog) -> list[str]:
    """The dimensions that are worth a table: of domains, hosts and workers there have to be several."""
    places = log.select(["domain", "host", "worker"], types=["task_end"])
    several = {name for name in places if places[name].nunique() > 1}
    return [name for name in DIMENSIONS if name not in places or name in several]


def latency_table(log: RunLog, by: str | Sequence[str] = "type") -> pd.DataFrame:
    """Durations by type, or by type and other columns (`domain`, `model`, `function`, `expert`, `requestor`, any field).

    Columns: the keys, n, errors, mean_ms, std_ms (ddof=1), min_ms, p50_ms, p90_ms, p95_ms, p99_ms, max_ms, total_ms, share (of the time all
    simulations took; calls of different roles are disjoint, steps and tasks contain them), and for model calls p50 of TTFT and TPOT
    (vLLM's definitions), mean_itl_ms and output_tokens_per_s (tokens of all calls over the time of all calls).
    """
    import pandas as pd

    keys = list(dict.fromkeys(["type", *([by] if isinstance(by, str) else by)]))
    whole_ms = total_time(log)
    rows = []
    for type_ in LATENCY_TYPES:  # one at a time: memory for the columns of one type only
        calls = log.select(dict.fromkeys([*_COLUMNS, *keys]), types=[type_])
        rows += sorted(_rows(calls, keys, whole_ms), key=lambda row: -row["total_ms"])
    return pd.DataFrame(rows, columns=[*keys, *SUMMARY_COLUMNS, "share", *_TOKEN_COLUMNS])


def _rows(calls: pd.DataFrame, keys: list[str], whole_ms: float) -> list[dict[str, Any]]:
    calls = calls.assign(ms=calls["duration_ms"].fillna(calls["total_duration_ms"]), tpot_ms=tpot_ms(calls))
    extra = [key for key in keys if key != "type"]
    calls = calls.dropna(subset=extra) if extra else calls
    rows = []
    for key, group in calls.groupby(keys, sort=False, dropna=False):
        figures = summarize(as_floats(group["ms"]), int(group["error"].fillna(False).sum()))
        share = figures["total_ms"] / whole_ms if whole_ms else float("nan")
        rows.append({**dict(zip(keys, key, strict=True)), **figures, "share": share, **_token_figures(group)})
    return rows


_TOKEN_COLUMNS = ("p50_ttft_ms", "p95_ttft_ms", "p50_tpot_ms", "mean_itl_ms", "output_tokens_per_s")


def _token_figures(group: pd.DataFrame) -> dict[str, float]:
    ttft, tpot, output = (as_floats(group[name]) for name in ("ttft_ms", "tpot_ms", "output_tokens"))
    ms = as_floats(group["ms"])
    timed = ~np.isnan(output) & ~np.isnan(ms)
    decode = ~np.isnan(tpot)
    later_tokens = float(np.sum(output[decode] - 1))
    return {
        "p50_ttft_ms": percentile(ttft[~np.isnan(ttft)], 50),
        "p95_ttft_ms": percentile(ttft[~np.isnan(ttft)], 95),
        "p50_tpot_ms": percentile(tpot[decode], 50),
        "mean_itl_ms": float(np.sum(tpot[decode] * (output[decode] - 1))) / later_tokens if later_tokens else float("nan"),
        "output_tokens_per_s": _rate(output[timed], ms[timed]),
    }


def _rate(tokens: Any, ms: Any) -> float:
    time = float(np.sum(ms))
    return float(np.sum(tokens)) / time * 1000 if time else float("nan")


def tpot_ms(calls: pd.DataFrame) -> Any:
    """vLLM's time per output token, (E2E latency - TTFT) / (output tokens - 1), in ms; NaN without TTFT or a second token."""
    output = as_floats(calls["output_tokens"])
    later = np.where(output > 1, output - 1, np.nan)
    return (as_floats(calls["duration_ms"]) - as_floats(calls["ttft_ms"])) / later


def total_time(log: RunLog) -> float:
    """The time all simulations took together, in ms; of unfinished ones nothing is known."""
    return float(np.nansum(as_floats(log.simulations["duration_ms"])))
