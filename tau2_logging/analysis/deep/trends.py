"""What changes over a run, and over a simulation."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from tau2_logging.analysis.deep.reading.messages import moment
from tau2_logging.analysis.deep.reading.recorded import RUN_KEY, Recorded, Row, cluster_codes
from tau2_logging.analysis.deep.rewards import solved
from tau2_logging.statistics.intervals import (
    LEAST_CLUSTERS,
    LEAST_FOR_TEST,
    TOO_SMALL,
    Rate,
    cliffs_delta,
    ranks,
    rate_columns,
    rate_of,
    score_test,
)
from tau2_logging.statistics.multiplicity import holm

BINS = 8


def simulations_in_time(recorded: Recorded) -> pd.DataFrame:
    """Return the simulations with `began`, seconds since the first one of their run started; without those whose start is not known."""
    began = [moment(text) if isinstance(text, str) else None for text in recorded.simulations["started"]]
    table = recorded.simulations.assign(began=pd.Series(began, dtype=float), solved=solved(recorded.simulations))
    table = table[table["began"].notna()]
    return table.assign(began=table["began"] - table.groupby("run")["began"].transform("min"))


def over_the_run(recorded: Recorded) -> pd.DataFrame:
    """Return solved simulations by when they started, in up to 8 spans of equally many simulations: from_s, to_s, solved of scored with
    interval."""
    return _binned(simulations_in_time(recorded), "began", "solved", ("success", "solved", "simulations"), "_s")


def errors_over_the_run(recorded: Recorded) -> pd.DataFrame:
    """Return failed calls by when they were made in the run, in up to 8 spans of equally many calls: from_s, to_s, errors of calls with
    interval.
    """
    return _binned(_calls_in_time(recorded), "made", "error", ("error", "errors", "calls"), "_s")


def errors_over_the_simulation(recorded: Recorded) -> pd.DataFrame:
    """Return failed calls by their number in the simulation (from 1): the first calls one by one, later ones together in spans."""
    calls = recorded.calls.assign(number=recorded.calls["position"].astype(float) + 1)
    return _binned(calls, "number", "error", ("error", "errors", "calls"), "_call")


def _calls_in_time(recorded: Recorded) -> pd.DataFrame:
    began = simulations_in_time(recorded)[[*RUN_KEY, "began"]]
    calls = recorded.calls.merge(began, on=RUN_KEY, how="inner")
    return calls.assign(made=calls["began"] + calls["at_s"]).dropna(subset=["made"])


def _binned(table: pd.DataFrame, when: str, hit: str, names: tuple[str, str, str], unit: str) -> pd.DataFrame:
    rows: list[Row] = []
    rates: list[Rate] = []
    table = table[table[hit].notna()]
    for domain, group in table.groupby("domain", dropna=False):
        clusters = cluster_codes(group)
        values = group[when].to_numpy(dtype=float)
        for places in spans(values):
            rows.append({"domain": domain, f"from{unit}": values[places].min(), f"to{unit}": values[places].max()})
            rates.append(rate_of(group[hit].astype(float).to_numpy()[places], clusters[places]))
    table = pd.DataFrame(rows, columns=["domain", f"from{unit}", f"to{unit}"])
    return table.assign(**rate_columns(rates, *names))


def spans(values: Any, bins: int = BINS) -> list[Any]:
    """Return the places of values in spans of about equally many, in order; equal values stay together."""
    values = np.asarray(values, dtype=float)
    edges = np.unique(np.quantile(values, np.linspace(0, 1, bins + 1)[1:-1])) if len(values) else values
    codes = np.searchsorted(edges, values, side="left")
    return [np.flatnonzero(codes == code) for code in np.unique(codes)]


def trends(recorded: Recorded) -> pd.DataFrame:
    """Does it get better or worse? By domain: success over the run, failed calls over the run, failed calls over the simulation.

    `delta` is Cliff's (above 0: later ones rather have the outcome), p the score test on ranks clustered by task, p_holm over the table.
    Simulations start in the order of tasks: what looks like a trend over the run may be the tasks that came late.
    """
    sources = (
        ("success over the run", simulations_in_time(recorded), "began", "solved"),
        ("failed calls over the run", _calls_in_time(recorded), "made", "error"),
        ("failed calls over the simulation", recorded.calls, "position", "error"),
    )
    rows = [
        {"domain": domain, "trend": name, **_trend(group, when, hit)}
        for name, table, when, hit in sources
        for domain, group in table[table[hit].notna()].groupby("domain", dropna=False)
    ]
    table = pd.DataFrame(rows, columns=["domain", "trend", "n", "with_outcome", "tasks", "delta", "p", "remark"])
    table.insert(7, "p_holm", holm([float(p) for p in table["p"]]))
    return table


def _trend(table: pd.DataFrame, when: str, hit: str) -> Row:
    truth, clusters = table[hit].astype(bool).to_numpy(), cluster_codes(table)
    row: Row = {"n": len(table), "with_outcome": int(truth.sum()), "tasks": len(np.unique(clusters))}
    if len(table) < LEAST_FOR_TEST or not 0 < truth.sum() < len(table) or row["tasks"] < LEAST_CLUSTERS:
        return {**row, "delta": np.nan, "p": np.nan, "remark": f"{TOO_SMALL}, or all alike"}
    values = table[when].to_numpy(dtype=float)
    return {**row, "delta": cliffs_delta(values, truth), "p": score_test(ranks(values), truth, clusters)[1]}
