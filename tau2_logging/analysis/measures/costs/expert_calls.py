"""What each expert model was asked, how long it took and what it cost, by alias."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tau2_logging.analysis.measures.costs.cost_tables import priced_calls, summed
from tau2_logging.analysis.measures.latency import latency_table

if TYPE_CHECKING:
    import pandas as pd

    from tau2_logging.analysis.measures.costs.prices import PriceTable
    from tau2_logging.analysis.tables.log_data import LogData

EXPERT_COLUMNS = (
    "expert", "model", "calls", "errors", "mean_ms", "p95_ms", "share", "input_tokens", "output_tokens", "cost_usd", "unknown_calls",
)  # fmt: skip


def expert_table(log: LogData, prices: PriceTable | None = None) -> pd.DataFrame:
    """Return calls by alias and model, failed attempts included: EXPERT_COLUMNS. Empty if no expert was called.

    `share` is of the time all simulations took; experts that are asked at the same time each count their own. cost_usd is NaN as soon as
    the price of one call is unknown, which `unknown_calls` counts.
    """
    keys = ["expert", "model"]
    calls = priced_calls(log, prices)
    calls = calls[calls["type"] == "expert_call"]
    times = latency_table(log, keys)[[*keys, "mean_ms", "p95_ms", "share"]]
    return summed(calls, keys).merge(times, on=keys, how="left")[list(EXPERT_COLUMNS)]
