"""What the recorded tokens would cost at other prices, with a prompt cache or without one, and without failed calls."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from tau2_logging.analysis.measures.costs.cost_tables import cost_summary, priced_calls, table_prices
from tau2_logging.analysis.measures.costs.prices import PriceTable, default_prices
from tau2_logging.analysis.tables.columns import as_floats
from tau2_logging.analysis.tables.simulations import KEY
from tau2_logging.units import money, plural

if TYPE_CHECKING:
    import pandas as pd

    from tau2_logging.analysis.tables.log_data import LogData
    from tau2_logging.analysis.what_if.scenario import Scenario

CACHE_BLOCK, CACHE_LEAST = 128, 1024
"""Tokens: providers cache a prompt's starting in blocks, from a least length on (OpenAI's figures)."""


@dataclass(frozen=True)
class Money:
    """USD before and after; None is unknown. `rests_on`: sentences."""

    before: float | None
    after: float | None
    rests_on: tuple[str, ...] = ()


def money_if(log: LogData, scenario: Scenario, prices: PriceTable | None = None) -> Money:
    """Return the cost of the run as recorded and in the scenario."""
    table = prices or default_prices()
    calls = priced_calls(log, prices)
    changed = _without_failures(log, calls) if scenario.retries == 0 else calls
    reprices = scenario.price is not None or scenario.cache is not None
    price = _repriced(changed, scenario, table) if reprices else as_floats(changed["price_usd"])
    before = cost_summary(log, prices)["total_usd"]
    return Money(before, _total(price), tuple(_rests_on(changed, price, scenario, table)))


def _repriced(calls: pd.DataFrame, scenario: Scenario, table: PriceTable) -> Any:
    """Return the price of each call; one that failed without using a token is free."""
    priced = calls.assign(model=scenario.price) if scenario.price is not None else calls
    if scenario.cache is not None:
        priced = _cached(priced, table) if scenario.cache == "on" else priced.assign(cached_tokens=0.0, cache_write_tokens=0.0)
    unused = (calls["price_source"] == "free").to_numpy(dtype=bool)
    return np.where(unused, 0.0, table_prices(priced, table))


def _cached(calls: pd.DataFrame, table: PriceTable) -> pd.DataFrame:
    """Return the calls with what they read from a cache that keeps each simulation's last prompt, and what they write if that has a
    price."""
    sent = as_floats(calls["input_tokens"])
    before = as_floats(calls.assign(sent=sent).groupby([*KEY, "type", "model"], dropna=False, sort=False)["sent"].shift())
    blocks = np.floor(before / CACHE_BLOCK) * CACHE_BLOCK
    known = np.where((before >= CACHE_LEAST) & (sent >= before), blocks, 0.0)
    read = np.fmax(known, np.nan_to_num(as_floats(calls["cached_tokens"])))
    writes = {model for model in calls["model"].dropna().unique() if (price := table.find(str(model))) and price.cache_write is not None}
    written = np.where(calls["model"].isin(writes), sent - read, 0.0)
    return calls.assign(cached_tokens=read, cache_write_tokens=written)


def _without_failures(log: LogData, calls: pd.DataFrame) -> pd.DataFrame:
    """Return the calls but for the failed ones of simulations that had retries."""
    retried = log.select(KEY, types=["retry"]).drop_duplicates().assign(retried=True)
    found = calls[KEY].merge(retried, on=KEY, how="left")["retried"].notna().to_numpy()
    return calls[~(found & calls["error"].fillna(False).to_numpy(dtype=bool))]


def _total(price: Any) -> float | None:
    return None if np.isnan(price).any() else float(price.sum())


def _rests_on(calls: pd.DataFrame, price: Any, scenario: Scenario, table: PriceTable) -> list[str]:
    sides = {side: _total(price[(calls["side"] == side).to_numpy()]) for side in ("agent", "benchmark")}
    found = [f"Cost: agent {money(sides['agent'])}, user and judge {money(sides['benchmark'])}."]
    if scenario.price is not None:
        found.append(
            f"Prices of {scenario.price} as of {table.date}, for the recorded tokens of every call; another model needs other "
            "tokens, and takes another time."
        )
    if scenario.cache == "on":
        found.append(
            f"Cache: each prompt reads what the same simulation sent before, in blocks of {CACHE_BLOCK} tokens from {CACHE_LEAST:,} on; "
            "the time that saves is not known."
        )
    unknown = int(np.isnan(price).sum())
    if unknown:
        found.append(f"The price of {plural(unknown, 'call')} is not known ({_unpriced(calls, price)}); give it with --prices FILE.")
    return found


def _unpriced(calls: pd.DataFrame, price: Any) -> str:
    return ", ".join(sorted({str(model) for model in calls["model"][np.isnan(price)].dropna().unique()})[:3]) or "model unknown"
