"""What a run will cost and how long it will take: from an earlier run's simulations, or from typical ones at list prices."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd

from tau2_logging.analysis import RunLog
from tau2_logging.analysis.measures.costs.cost_tables import table_prices
from tau2_logging.analysis.measures.costs.prices import SCRIPTED_PREFIX, PriceTable
from tau2_logging.analysis.tables.columns import as_floats
from tau2_logging.analysis.tables.simulations import KEY
from tau2_logging.events import MODEL_CALL_TYPES
from tau2_logging.events.domain_label import plain_domain
from tau2_logging.events.roles import MODEL_ROLES, TOKEN_FIELDS
from tau2_logging.experiments.planning.cost_forecast import typical_usd
from tau2_logging.runner.settings.simulation_settings import SimulationSettings
from tau2_logging.statistics.mean_difference import mean_interval
from tau2_logging.units import plural

OK = "ok"


@dataclass(frozen=True)
class SimulationForecast:
    """Of simulations of one label: what one costs in USD with a 95 % interval, and how long it takes in ms. None is not known, and
    `basis` says why, or what it rests on.
    """

    usd: float | None
    low: float | None
    high: float | None
    ms: float | None
    basis: str


def forecast(settings: SimulationSettings, label: str, log: RunLog | None, prices: PriceTable) -> SimulationForecast:
    """Return what one simulation of a label costs and how long it takes, by an earlier run if there is one that compares."""
    if log is None:
        return _typical(settings, prices, "no earlier run")
    calls = _calls(log, label)
    if calls.empty:
        return _typical(settings, prices, "the earlier run finished none")
    models = {role: getattr(settings, f"{role}_llm", None) for role in MODEL_ROLES}
    wanted = calls["role"].map(models).fillna(calls["model"])
    if ((wanted != calls["model"]) & calls["model"].str.startswith(SCRIPTED_PREFIX)).any():
        return _typical(settings, prices, "the earlier run was played by scripted models, whose conversations are shorter")
    return _measured(log, label, calls, wanted, prices)


def _calls(log: RunLog, label: str) -> pd.DataFrame:
    """Return the model calls of a domain's finished simulations."""
    columns = [*KEY, "role", "model", "error", *TOKEN_FIELDS, "cache_write_tokens", "cost_usd"]
    calls = log.select(columns, types=MODEL_CALL_TYPES)
    done = log.simulations.loc[log.simulations["status"] == OK, KEY]
    calls = calls[calls["domain"].map(plain_domain) == plain_domain(label)]
    return calls.merge(done, on=KEY, how="inner")


def _measured(log: RunLog, label: str, calls: pd.DataFrame, wanted: pd.Series, prices: PriceTable) -> SimulationForecast:
    same = wanted == calls["model"]
    logged = np.where(same, as_floats(calls["cost_usd"]), np.nan)
    usd = np.where(np.isnan(logged), table_prices(calls.assign(model=wanted), prices), logged)
    unasked = calls["error"].fillna(False).to_numpy(dtype=bool) & np.isnan(as_floats(calls["input_tokens"]))
    usd = np.where(unasked & np.isnan(usd), 0.0, usd)
    each = calls.assign(usd=usd).groupby(KEY, dropna=False)["usd"].sum(min_count=1)
    what = f"{plural(len(each), 'simulation')} of run {', '.join(map(str, calls['run'].unique()))}"
    others = sorted(set(calls["model"][~same].dropna()))
    ms = None if others else _duration(log, label)
    if np.isnan(usd).any():
        unknown = ", ".join(sorted(set(wanted[np.isnan(usd)].dropna())))
        return SimulationForecast(None, None, None, ms, f"no price is known for {unknown}; give one with --prices FILE")
    found = mean_interval(each.groupby("task").mean().to_numpy(), bounds=(0.0, np.inf))
    low, high = (None, None) if np.isnan(found.low) else (found.low, found.high)
    return SimulationForecast(float(each.mean()), low, high, ms, what + (f", whose tokens were of {', '.join(others)}" if others else ""))


def _duration(log: RunLog, label: str) -> float | None:
    rows = log.simulations[(log.simulations["status"] == OK) & (log.simulations["domain"].map(plain_domain) == plain_domain(label))]
    return float(rows["duration_ms"].mean()) if rows["duration_ms"].notna().any() else None


def _typical(settings: SimulationSettings, prices: PriceTable, why: str) -> SimulationForecast:
    usd = typical_usd(settings, prices)
    if usd is None:
        unknown = [llm for llm in (settings.agent_llm, settings.user_llm) if prices.find(llm) is None]
        return SimulationForecast(None, None, None, None, f"{why}, and no price is known for {', '.join(dict.fromkeys(unknown))}")
    return SimulationForecast(usd, None, None, None, f"{why}; conversations of typical length at list prices of {prices.date}")


@dataclass(frozen=True)
class RunForecast:
    """Of a whole run. None is not known."""

    usd: float | None
    low: float | None
    high: float | None
    seconds: float | None


def total(forecasts: Mapping[str, SimulationForecast], planned: Mapping[str, int], at_once: int) -> RunForecast:
    """Return the sums over labels; the time is that of simulations that never wait for each other, `at_once` at a time."""

    def summed(name: str) -> float | None:
        values = [getattr(forecasts[label], name) for label in planned]
        known = [value * number for value, number in zip(values, planned.values(), strict=True) if value is not None]
        return sum(known) if len(known) == len(values) else None

    work, longest = summed("ms"), max((item.ms or 0.0 for item in forecasts.values()), default=0.0)
    seconds = None if work is None else max(work / min(at_once, max(sum(planned.values()), 1)), longest) / 1000
    return RunForecast(summed("usd"), summed("low"), summed("high"), seconds)
