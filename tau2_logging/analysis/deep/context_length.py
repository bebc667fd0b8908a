"""Success against the length of the context, with the difficulty of the task held fixed.

Long conversations are those of hard tasks: plain success by length shows the mix of tasks, and a "cliff" that no limit causes. So trials
are compared with other trials of the *same* task: directly (share of pairs), by Mantel and Haenszel's common odds ratio with each task a
stratum (J. National Cancer Institute 22, 1959; variance by Robins, Breslow and Greenland, Biometrics 42, 1986), and by what the other
trials of the task lead one to expect. Only tasks that were sometimes solved and sometimes not can tell anything. What remains is still no
cause: a trial that goes wrong may grow long because it goes wrong.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from tau2_logging.analysis.deep.correlations import simulation_features
from tau2_logging.analysis.deep.reading.recorded import TASK_KEY, Recorded, Row, cluster_codes, frame
from tau2_logging.analysis.deep.trends import spans
from tau2_logging.statistics.distribution_functions import chi_square_above, normal_quantile
from tau2_logging.statistics.intervals import TOO_SMALL, Rate, rate_columns, rate_of

LEAST_TASKS = 5
"""Fewer tasks that were both solved and not give no figure."""


@dataclass(frozen=True)
class CommonOddsRatio:
    """Mantel-Haenszel over 2x2 tables: the odds ratio with its 95 % interval, chi-square (without continuity correction) and its p."""

    ratio: float
    low: float
    high: float
    chi_square: float
    p: float


def mantel_haenszel(tables: Iterable[tuple[float, float, float, float]]) -> CommonOddsRatio:
    """Of tables (a, b, c, d): exposed with and without the outcome, not exposed with and without. Those that say nothing change nothing."""
    a, b, c, d = np.array([table for table in tables if sum(table) > 1], dtype=float).reshape(-1, 4).T
    n = a + b + c + d
    r, s = a * d / n, b * c / n
    variance = (a + b) * (c + d) * (a + c) * (b + d) / (n**2 * (n - 1))
    difference, spread = float((a - (a + b) * (a + c) / n).sum()), float(variance.sum())
    chi = difference**2 / spread if spread else float("nan")
    p = chi_square_above(chi, 1) if spread else float("nan")
    if not r.sum() or not s.sum():
        return CommonOddsRatio(float("inf") if r.sum() else 0.0 if s.sum() else float("nan"), float("nan"), float("nan"), chi, p)
    ratio = float(r.sum() / s.sum())
    reach = normal_quantile(0.975) * math.sqrt(_log_variance(a, b, c, d, n, r, s))
    return CommonOddsRatio(ratio, ratio * math.exp(-reach), ratio * math.exp(reach), chi, p)


def _log_variance(a: Any, b: Any, c: Any, d: Any, n: Any, r: Any, s: Any) -> float:
    p, q = (a + d) / n, (b + c) / n
    return float((p * r).sum() / (2 * r.sum() ** 2) + (p * s + q * r).sum() / (2 * r.sum() * s.sum()) + (q * s).sum() / (2 * s.sum() ** 2))


def scored_contexts(recorded: Recorded) -> pd.DataFrame:
    """Return scored simulations whose longest prompt is known: domain, task, peak_prompt_tokens, solved, expected (share of the task's
    other trials that were solved; NaN if there is no other).
    """
    table = simulation_features(recorded)
    table = table[table["solved"].notna() & table["peak_prompt_tokens"].notna()].astype({"solved": float, "peak_prompt_tokens": float})
    groups = table.groupby(TASK_KEY, dropna=False)["solved"]
    others = groups.transform("size") - 1
    return table.assign(expected=(groups.transform("sum") - table["solved"]) / others.where(others > 0))


def success_by_context(recorded: Recorded, bins: int = 4) -> pd.DataFrame:
    """By domain and span of the longest prompt (about equally many simulations each): solved of simulations with interval, and beside it
    `expected_rate`, what the other trials of the same tasks make one expect; `beyond_task_mix_share` is the difference over the simulations
    that have other trials. A fall in success_rate that expected_rate shares is task mix.
    """
    rows: list[Row] = []
    rates: list[Rate] = []
    for domain, group in scored_contexts(recorded).groupby("domain"):
        clusters, tokens = cluster_codes(group), group["peak_prompt_tokens"].to_numpy()
        for places in spans(tokens, bins):
            span = group.iloc[places]
            known = span[span["expected"].notna()]
            rows.append({
                "domain": domain, "from_tokens": int(tokens[places].min()), "to_tokens": int(tokens[places].max()),
                "expected_rate": known["expected"].mean(), "beyond_task_mix_share": (known["solved"] - known["expected"]).mean(),
            })  # fmt: skip
            rates.append(rate_of(span["solved"], clusters[places]))
    names = ["domain", "from_tokens", "to_tokens", "expected_rate", "beyond_task_mix_share"]
    table, figures = pd.DataFrame(rows, columns=names), pd.DataFrame(rate_columns(rates, "success", "solved", "simulations"))
    return pd.concat([table[names[:3]], figures, table[names[3:]]], axis=1)


WITHIN_COLUMNS = (
    "domain", "tasks", "informative_tasks", "pairs", "shorter", "shorter_share", "odds_ratio", "odds_ratio_low", "odds_ratio_high",
    "chi_square", "p", "remark",
)  # fmt: skip


def within_tasks(recorded: Recorded) -> pd.DataFrame:
    """By domain, from tasks with solved and unsolved trials alone: in how many of the pairs (one solved, one not, same task) the solved
    trial had the shorter context (`shorter_share`, ties half; 0.5 is no relation), and the common odds ratio of being solved with a context
    longer than the median of the task's trials (below 1: longer ones are solved less often), with interval and p. Needs at least 5 such
    tasks.
    """
    rows = [{"domain": domain, **_within(group)} for domain, group in scored_contexts(recorded).groupby("domain")]
    return frame(rows, WITHIN_COLUMNS)


def _within(group: pd.DataFrame) -> Row:
    strata = [task for _, task in group.groupby("task") if 0 < task["solved"].sum() < len(task)]
    wins, numbers = zip(*map(_pairs, strata), strict=True) if strata else ((), ())
    row: Row = {"tasks": group["task"].nunique(), "informative_tasks": len(strata), "pairs": sum(numbers)}
    if len(strata) < LEAST_TASKS:
        return {**row, "remark": f"{TOO_SMALL}: {len(strata)} tasks were both solved and not, {LEAST_TASKS} are needed (more trials)"}
    found = mantel_haenszel(_table(task) for task in strata)
    return {
        **row, "shorter": sum(wins), "shorter_share": sum(wins) / sum(numbers), "odds_ratio": found.ratio, "odds_ratio_low": found.low,
        "odds_ratio_high": found.high, "chi_square": found.chi_square, "p": found.p,
        "remark": None if 0 < found.ratio < math.inf else "no interval: complete separation",
    }  # fmt: skip


def _pairs(task: pd.DataFrame) -> tuple[float, int]:
    """Return (pairs in which the solved trial had the shorter context, ties half; pairs)."""
    good = task.loc[task["solved"] == 1, "peak_prompt_tokens"].to_numpy()[:, None]
    bad = task.loc[task["solved"] == 0, "peak_prompt_tokens"].to_numpy()[None, :]
    return float((good < bad).sum() + (good == bad).sum() / 2), good.size * bad.size


def _table(task: pd.DataFrame) -> tuple[float, float, float, float]:
    long = task["peak_prompt_tokens"] > task["peak_prompt_tokens"].median()
    good = task["solved"] == 1
    return float((long & good).sum()), float((long & ~good).sum()), float((~long & good).sum()), float((~long & ~good).sum())
