"""What the calls of a run cost, by role and model, by task, by solved task."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from tau2_logging.analysis.measures.costs.prices import PriceTable, default_prices
from tau2_logging.analysis.measures.provenance import left_out
from tau2_logging.analysis.tables.columns import as_floats
from tau2_logging.analysis.tables.keyed import kept
from tau2_logging.analysis.tables.simulations import KEY, solved, with_key
from tau2_logging.events.roles import MODEL_CALL_TYPES, SIDES, TOKEN_FIELDS

if TYPE_CHECKING:
    import pandas as pd

    from tau2_logging.analysis.tables.log_data import LogData

_PRICED = ("input_tokens", "output_tokens", "cached_tokens", "cache_write_tokens")


@kept
def priced_calls(log: LogData, prices: PriceTable | None = None) -> pd.DataFrame:
    """Return the model calls with `price_usd` and `price_source` (log, table or unknown) and `side`.

    The price that the run logged is used, unless `prices` is given and knows the model. A call that failed without using a token is free;
    a call whose price or tokens are not known has price NaN, never 0.
    """
    calls = log.select(
        [*KEY, "simulation_number", "type", "role", "expert", "model", "error", *TOKEN_FIELDS, "cache_write_tokens", "cost_usd"],
        types=MODEL_CALL_TYPES,
    )
    logged = as_floats(calls["cost_usd"])
    price = logged.copy() if prices is None else table_prices(calls, prices)
    unknown = np.isnan(price)
    price[unknown] = table_prices(calls[unknown], default_prices()) if prices is None else logged[unknown]
    free = calls["error"].fillna(False).to_numpy(dtype=bool) & np.isnan(as_floats(calls["input_tokens"])) & np.isnan(price)
    source = np.where(np.isnan(price), "unknown", np.where(price == logged, "log", "table"))
    return calls.assign(price_usd=np.where(free, 0.0, price), price_source=np.where(free, "free", source), side=calls["role"].map(SIDES))


def table_prices(calls: pd.DataFrame, prices: PriceTable) -> Any:
    """Return the price of each call from its tokens, in USD; NaN if the model is not in the table or the tokens are not known."""
    result = np.full(len(calls), np.nan)
    sent, output, cached, written = (as_floats(calls[name]) for name in _PRICED)
    cached, written = np.nan_to_num(cached), np.nan_to_num(written)
    fresh = sent - cached - written
    for model, places in calls.groupby("model", dropna=True).indices.items():
        price = prices.find(str(model))
        if price is not None:
            result[places] = price.of(fresh[places], cached[places], output[places], written[places])
    return result


def cost_table(log: LogData, by: Sequence[str] = ("side", "role", "model"), prices: PriceTable | None = None) -> pd.DataFrame:
    """Return calls, tokens and money by role and model (or other columns of `priced_calls`).

    Columns: the keys, calls, errors, input_tokens, output_tokens, cached_tokens, reasoning_tokens, cost_usd (NaN as soon as the price of
    one call is unknown), known_cost_usd (of the others), unknown_calls. Every call that was made counts, also those of simulations that
    were started again later.
    """
    calls = priced_calls(log, prices)
    return summed(calls, list(by))


def summed(calls: pd.DataFrame, keys: list[str]) -> pd.DataFrame:
    """Return the sums of priced calls by some columns."""
    calls = calls.assign(unknown=calls["price_usd"].isna(), failed=calls["error"].fillna(False).astype(bool))
    groups = calls.groupby(keys, sort=False, dropna=False)
    table = groups.agg(calls=("price_usd", "size"), errors=("failed", "sum"))
    table[list(TOKEN_FIELDS)] = groups[list(TOKEN_FIELDS)].sum(min_count=1)
    table["known_cost_usd"], table["unknown_calls"] = groups["price_usd"].sum(), groups["unknown"].sum()
    table.insert(len(TOKEN_FIELDS) + 2, "cost_usd", table["known_cost_usd"].where(table["unknown_calls"] == 0))
    return with_key(table.reset_index()).sort_values(keys, kind="stable", ignore_index=True)


def task_costs(log: LogData, prices: PriceTable | None = None) -> pd.DataFrame:
    """Return money by simulation: KEY, agent_cost_usd, benchmark_cost_usd, cost_usd; NaN if a call's price is unknown.

    Of a log whose level leaves out calls it is what the ends of simulations say.
    """
    calls = priced_calls(log, prices)
    result = log.simulations[KEY].copy()
    numbers = result.merge(calls.drop_duplicates("simulation_number")[[*KEY, "simulation_number"]], on=KEY, how="left")["simulation_number"]
    for side in ("agent", "benchmark"):
        sums = calls[calls["side"] == side].groupby("simulation_number")["price_usd"].agg(["sum", "size", "count"])
        found = sums["sum"].where(sums["size"] == sums["count"]).reindex(numbers)
        result[f"{side}_cost_usd"] = np.where(numbers.isin(sums.index), as_floats(found), 0.0)
    result["cost_usd"] = result["agent_cost_usd"] + result["benchmark_cost_usd"]
    return result.assign(**_noted_costs(log)) if _without_calls(log, calls) else result


def _without_calls(log: LogData, calls: pd.DataFrame) -> bool:
    """Return whether the calls are not what was paid for: a voice run, or a log whose level leaves out all calls, or all but the failed
    ones."""
    return len(log.simulations) > 0 and (calls.empty or not set(MODEL_CALL_TYPES).isdisjoint(left_out(log)))


def _noted_costs(log: LogData) -> dict[str, Any]:
    """Return what the ends of all attempts say, by simulation; NaN if one does not say it, or never ended."""
    names = ["cost_usd", "agent_cost_usd"]
    ends = log.select([*KEY, *names], types=["task_end"]).groupby(KEY, dropna=False)[names]
    told = with_key(ends.sum().join(ends.count().add_suffix("_told")).reset_index())
    started = with_key(log.attempts.groupby(KEY, dropna=False).size().rename("started").reset_index())
    found = log.simulations[KEY].merge(told, on=KEY, how="left").merge(started, on=KEY, how="left")
    whole, agent = (as_floats(found[name].where(found[f"{name}_told"] >= found["started"].fillna(1))) for name in names)
    return {"agent_cost_usd": agent, "benchmark_cost_usd": whole - agent, "cost_usd": whole}


def cost_summary(log: LogData, prices: PriceTable | None = None) -> dict[str, float | int | None]:
    """Return totals in USD: of the run, the agent's and the benchmark's share, per simulation and per solved one. None is unknown."""
    calls = priced_calls(log, prices)
    simulations = log.simulations
    good = int(solved(simulations).sum())
    total, agent, benchmark = (_total(calls if side is None else calls[calls["side"] == side]) for side in (None, "agent", "benchmark"))
    if len(simulations) and (_without_calls(log, calls) or (calls["price_source"] == "free").all()):
        noted = {side: float(sum(values)) for side, values in _noted_costs(log).items()}
        if noted["cost_usd"] > 0 or _without_calls(log, calls):
            total, agent, benchmark = (_known(noted[f"{side}cost_usd"]) for side in ("", "agent_", "benchmark_"))
    return {
        "total_usd": total,
        "agent_usd": agent,
        "benchmark_usd": benchmark,
        "known_usd": float(np.nansum(as_floats(calls["price_usd"]))) if total is None else total,
        "unknown_calls": int(calls["price_usd"].isna().sum()),
        "simulations": len(simulations),
        "solved": good,
        "per_simulation_usd": total / len(simulations) if total is not None and len(simulations) else None,
        "per_solved_usd": total / good if total is not None and good else None,
        "agent_per_solved_usd": agent / good if agent is not None and good else None,
    }


def _known(value: float) -> float | None:
    return None if np.isnan(value) else value


def _total(calls: pd.DataFrame) -> float | None:
    return None if calls["price_usd"].isna().any() else float(calls["price_usd"].sum())


PRICED_AS_COLUMNS = ["model", "agent_usd", "benchmark_usd", "all_usd", "known_usd", "unknown_calls"]


def priced_as(log: LogData, models: Sequence[str], prices: PriceTable | None = None) -> pd.DataFrame:
    """Return what the tokens of this run would cost on other models: PRICED_AS_COLUMNS and price_date.

    NaN is unknown: everything of a model without price, else a side with a call whose tokens are not known. `unknown_calls` counts such
    calls, `known_usd` is the price of the others; a call that failed and used no token is free.
    """
    import pandas as pd

    prices = prices or default_prices()
    calls = priced_calls(log, prices)
    used = calls[calls["price_source"] != "free"]
    nothing = 0.0 if len(calls) or log.simulations.empty else np.nan
    rows = []
    for model in models:
        priced = used.assign(price_usd=table_prices(used.assign(model=model), prices))
        unknown = priced["price_usd"].isna().sum() if prices.find(model) else np.nan
        costs = {side: priced.loc[priced["side"] == side, "price_usd"].sum(skipna=False) for side in ("agent", "benchmark")}
        sides = {f"{side}_usd": cost + nothing for side, cost in costs.items()}
        known = priced["price_usd"].sum(min_count=1)
        rows.append({"model": model, **sides, "all_usd": sum(sides.values()), "known_usd": known, "unknown_calls": unknown})
    return pd.DataFrame(rows, columns=PRICED_AS_COLUMNS).assign(price_date=prices.date)
