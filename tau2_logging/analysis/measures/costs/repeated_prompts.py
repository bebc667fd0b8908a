"""Input tokens that a model was sent again: a conversation's next prompt starts with the one before, which a provider's cache can hold."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import polars as pl

from tau2_logging.analysis.measures.costs.prices import PriceTable, default_prices
from tau2_logging.analysis.tables.columns import as_floats
from tau2_logging.events import MODEL_CALL_TYPES

if TYPE_CHECKING:
    import pandas as pd

    from tau2_logging.analysis.tables.log_data import LogData

COLUMNS = ["type", "model", "calls", "input_tokens", "repeated_tokens", "cached_tokens", "repeated_share", "caching_saves_usd"]
LEAST_CACHED = 1024
"""Shorter prompts are not cached by OpenAI and most of Anthropic's models."""


def repeated_prompts(log: LogData, prices: PriceTable | None = None) -> pd.DataFrame:
    """Return COLUMNS by type of call and model, of successful calls whose tokens are known.

    `repeated_tokens`: of each prompt that is at least as long as the one before in its conversation, the length of that one; a shorter
    prompt was rebuilt, and counts as new. `cached_tokens`: NaN if no call said. `caching_saves_usd`: what repeated prompts of at least
    LEAST_CACHED tokens cost more than they would if the provider had cached them; NaN if prices or cached tokens are not known.
    """
    columns = ["simulation_number", "type", "model", "input_tokens", "cached_tokens"]
    calls = log.select(columns, types=MODEL_CALL_TYPES, where=pl.col("input_tokens").is_not_null() & ~pl.col("error").fill_null(False))
    sent, cached = as_floats(calls["input_tokens"]), as_floats(calls["cached_tokens"])
    before = as_floats(calls.assign(sent=sent).groupby(["simulation_number", "type", "model"], dropna=False, sort=False)["sent"].shift(1))
    again = np.where(sent >= before, before, 0.0)
    missed = np.fmax(np.where(again >= LEAST_CACHED, again, 0.0) - np.nan_to_num(cached), 0.0)
    calls = calls.assign(sent=sent, cached=cached, again=again, missed=missed)
    groups = calls.groupby(["type", "model"], sort=False)
    table = groups.agg(calls=("sent", "size"), input_tokens=("sent", "sum"), repeated_tokens=("again", "sum"), missed=("missed", "sum"))
    table = table.assign(cached_tokens=groups["cached"].sum(min_count=1)).reset_index()
    rates = table["model"].map(lambda model: _saved_per_token(str(model), prices or default_prices()))
    saves = as_floats(rates) * as_floats(table["missed"])
    return table.assign(
        repeated_share=table["repeated_tokens"] / table["input_tokens"].where(table["input_tokens"] > 0),
        caching_saves_usd=np.where(table["cached_tokens"].isna(), np.nan, saves),
    )[COLUMNS]


def _saved_per_token(model: str, prices: PriceTable) -> float:
    """Return what a cached token costs less than a fresh one, in USD; NaN if prices are not known or do not differ by caching."""
    price = prices.find(model)
    if price is None or price.cached is None:
        return float("nan")
    return float(price.of(1, 0, 0) - price.of(0, 1, 0))
