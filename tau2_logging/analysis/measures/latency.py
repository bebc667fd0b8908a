"""How long calls took: by type of event and by anything else the log says about them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from tau2_logging.analysis.measures.percentiles import SUMMARY_COLUMNS, percentile, summarize
from tau2_logging.analysis.tables.columns import as_floats, numbers
from tau2_logging.analysis.tables.frames import all_columns
from tau2_logging.analysis.tables.outcomes import is_error
from tau2_logging.events.roles import WORK_TYPES

if TYPE_CHECKING:
    import pandas as pd

    from tau2_logging.analysis.tables.log_data import LogData

LATENCY_TYPES = (*WORK_TYPES, "step_complete", "task_end")
DIMENSIONS = ("domain", "model", "function", "expert", "requestor", "host", "worker")

METRIC_NOTES = (
    "E2E latency is the whole call; TTFT the time to the first token and TPOT = (time from the first token to the last) / (output tokens - "
    "1), of calls with more than one, both without the wait in the runner's own queue. The log keeps no time of each token, so that of "
    "inter-token latency (ITL) only the mean is known: all decode time over all tokens after the first; out tok/s is its inverse. They "
    "rest on `timed` calls: of a call whose reply came as a whole they are unknown. Percentiles interpolate linearly (numpy's "
    "method='linear'); the standard deviation has ddof=1."
)

SHARE_NOTE = (
    "Times in ms; of n calls those `untimed`, if any, have no known duration. Share of the total time of all simulations, repeated ones "
    "included. Steps and tasks contain the calls. A simulation that ended in an error or a timeout is an error of task_end. "
)

_COLUMNS = (
    "type",
    "duration_ms",
    "total_duration_ms",
    "queue_ms",
    "error",
    "status",
    "termination",
    "ttft_ms",
    "decode_ms",
    "output_tokens",
)


def shown_dimensions(log: LogData) -> list[str]:
    """Return the dimensions that are worth a table: of domains, hosts and workers there have to be several."""
    places = log.select(["domain", "host", "worker"], types=["task_end"])
    several = {name for name in places if places[name].nunique() > 1}
    return [name for name in DIMENSIONS if name not in places or name in several]


def latency_table(log: LogData, by: str | Sequence[str] = "type") -> pd.DataFrame:
    """Return durations by type, or by type and other columns (`domain`, `model`, `function`, `expert`, `requestor`, any field).

    Columns: the keys, n, errors (of simulations also timeouts), mean_ms, std_ms (ddof=1), min_ms, p50_ms, p90_ms, p95_ms, p99_ms, max_ms,
    total_ms, share (of the time all attempts at simulations took, those that were run again included, as are their calls; steps and tasks
    contain the calls), and for model calls p50 of TTFT and TPOT, mean_itl_ms and output_tokens_per_s (while the model wrote, without
    queues), and `timed`, the calls these rest on. `untimed`, if there are any: those of n without a known duration, which are in no
    figure but n and errors.
    """
    import pandas as pd

    keys = list(dict.fromkeys(["type", *([by] if isinstance(by, str) else by)]))
    whole_ms = total_time(log)
    rows = []
    told = [type_ for type_ in LATENCY_TYPES if set(keys) <= set(all_columns(log.store, [type_]))]
    for type_ in told:  # one at a time: memory for the columns of one type only
        calls = log.select(dict.fromkeys([*_COLUMNS, *keys]), types=[type_])
        rows += sorted(_rows(calls, keys, whole_ms), key=lambda row: -np.nan_to_num(row["total_ms"]))
    return _shown(pd.DataFrame(rows, columns=[*keys, *SUMMARY_COLUMNS, "share", *_TOKEN_COLUMNS, _UNTIMED]))


def _rows(calls: pd.DataFrame, keys: list[str], whole_ms: float) -> list[dict[str, Any]]:
    extra = [key for key in keys if key != "type"]
    calls = calls.dropna(subset=extra) if extra else calls
    if calls.empty:
        return []
    calls = calls.assign(ms=calls["duration_ms"].fillna(calls["total_duration_ms"]), tpot_ms=tpot_ms(calls))
    values = {name: as_floats(calls[name]) for name in ("ms", "ttft_ms", "tpot_ms", "output_tokens")}
    failed = failures(calls)
    rows = []
    for key, places in _groups(calls[keys]):
        mine = {name: column[places] for name, column in values.items()}
        figures = summarize(mine["ms"], int(failed[places].sum()))
        share = figures["total_ms"] / whole_ms if whole_ms else float("nan")
        rows.append({**dict(zip(keys, key, strict=True)), **figures, "share": share, **_token_figures(mine)})
    return rows


def _groups(keys: pd.DataFrame) -> Iterator[tuple[tuple[Any, ...], Any]]:
    """Yield each key with the places of its rows. A frame for each of 10,000 models would take a minute."""
    if keys.empty:
        return
    codes = keys.groupby(list(keys.columns), sort=False, dropna=False).ngroup().to_numpy()
    order = np.argsort(codes, kind="stable")
    places = np.split(order, np.flatnonzero(np.diff(codes[order])) + 1)
    firsts = keys.iloc[[rows[0] for rows in places]]
    yield from zip(firsts.itertuples(index=False, name=None), places, strict=True)


_UNTIMED = "untimed"
_TOKEN_COLUMNS = ("p50_ttft_ms", "p95_ttft_ms", "p50_tpot_ms", "mean_itl_ms", "output_tokens_per_s", "timed")


def _shown(table: pd.DataFrame) -> pd.DataFrame:
    """Without `untimed` if every duration is known."""
    return table if table[_UNTIMED].any() else table.drop(columns=_UNTIMED)


def failures(calls: pd.DataFrame) -> Any:
    """Return which events tell of a failure: a call with an error, a simulation that ended in error or timeout."""
    failed = calls["error"].fillna(False).to_numpy(dtype=bool)
    ended = calls["status"].isin(["error", "timeout"]).to_numpy(dtype=bool)
    said = calls["termination"].notna().any()  # by simulations alone: not every one of half a million calls is asked
    return failed | ended | (calls["termination"].map(is_error).to_numpy(dtype=bool) if said else False)


def _token_figures(values: Mapping[str, Any]) -> dict[str, float | int]:
    ttft, tpot, output = (values[name] for name in ("ttft_ms", "tpot_ms", "output_tokens"))
    timed = ~np.isnan(tpot)
    tokens = float(np.sum(output[timed] - 1))
    decode_ms = float(np.sum(tpot[timed] * (output[timed] - 1)))
    return {
        "p50_ttft_ms": percentile(ttft[~np.isnan(ttft)], 50),
        "p95_ttft_ms": percentile(ttft[~np.isnan(ttft)], 95),
        "p50_tpot_ms": percentile(tpot[timed], 50),
        "mean_itl_ms": decode_ms / tokens if tokens else float("nan"),
        "output_tokens_per_s": tokens / decode_ms * 1000 if decode_ms else float("nan"),
        "timed": int(timed.sum()),
    }


_TPOT_COLUMNS = ("duration_ms", "queue_ms", "ttft_ms", "decode_ms", "output_tokens")


def tpot_ms(calls: pd.DataFrame) -> Any:
    """Return time per output token after the first, in ms, of each call; NaN without the time of the first token or a second one.

    The log says how long the model wrote (`decode_ms`); if it does not, that is what is left of the call without the runner's own queue.
    """
    duration, queue, ttft, decode, output = (numbers(calls, name) for name in _TPOT_COLUMNS)
    later = np.where(output > 1, output - 1, np.nan)
    left = duration - np.nan_to_num(queue) - ttft
    return np.where(np.isnan(decode), left, decode) / later


def total_time(log: LogData) -> float:
    """Return the time all simulations took together, in ms, those that were run again included; what their calls are a share of."""
    table = log.attempts if len(log.attempts) else log.simulations
    return float(np.nansum(as_floats(table["duration_ms"])))
