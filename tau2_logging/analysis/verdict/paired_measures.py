"""What else differs: cost, tokens, calls, time, each paired by task."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from tau2_logging.analysis.verdict.sides import TASK, ComparedRun, Task
from tau2_logging.statistics.distribution_functions import t_quantile, t_two_sided
from tau2_logging.statistics.mean_difference import LEAST_TASKS
from tau2_logging.statistics.permutation import sign_flip_p

COST, COST_PER_SUCCESS, WALL = "cost_usd", "cost_per_success_usd", "wall_s"


@dataclass(frozen=True)
class Measure:
    """A measure's name in files, what it is called, and its unit."""

    name: str
    title: str
    unit: str


MEASURES = (
    Measure(COST, "cost of a simulation", "usd"),
    Measure(COST_PER_SUCCESS, "cost of a solved one", "usd"),
    Measure("input_tokens", "input tokens", "count"),
    Measure("output_tokens", "output tokens", "count"),
    Measure("agent_calls", "agent's model calls", "count"),
    Measure("failed_agent_calls", "failed model calls", "count"),
    Measure("tool_calls", "tool calls", "count"),
    Measure("failed_tool_calls", "failed tool calls", "count"),
    Measure(WALL, "wall time", "s"),
    Measure("model_s", "agent's model time", "s"),
)


def measure_rows(a: ComparedRun, b: ComparedRun, tasks: Sequence[Task]) -> list[dict[str, Any]]:
    """Return a row for each measure that both sides know: means over tasks, B minus A with its 95 % interval (Student's t), the ratio with
    its own, and p. A task counts once, with the mean of its simulations.
    """
    means = [_by_task(side, tasks) for side in (a, b)]
    rows = []
    for measure in MEASURES:
        found = _row(means, measure.name)
        if found is not None and (found["value_a"] or found["value_b"]):
            rows.append({"measure": measure.name, **found})
    return rows


def _by_task(side: ComparedRun, tasks: Sequence[Task]) -> pd.DataFrame:
    rows = side.simulations
    names = [measure.name for measure in MEASURES if measure.name != COST_PER_SUCCESS]
    solved = rows.assign(solved=rows["outcome"].eq(1).astype(float))
    means = solved.groupby(TASK, sort=False)[[*names, "solved"]].mean()
    gaps = rows[COST].isna().groupby([rows[name] for name in TASK], sort=False).any()
    means[COST] = means[COST].where(~gaps)  # a task of which one price is unknown has no cost
    return means.reindex(pd.MultiIndex.from_tuples(list(tasks), names=TASK)) if tasks else means.iloc[:0]


def _row(means: Sequence[pd.DataFrame], name: str) -> dict[str, Any] | None:
    per = name == COST_PER_SUCCESS
    tables = [table[[COST if per else name, "solved"]].to_numpy(dtype=float) for table in means]
    both = ~(np.isnan(tables[0]).any(axis=1) | np.isnan(tables[1]).any(axis=1))
    (one, won), (other, won_b) = ((table[both, 0], table[both, 1] if per else np.ones(int(both.sum()))) for table in tables)
    if len(one) < LEAST_TASKS or not won.sum() or not won_b.sum() or not (one.any() or other.any()):
        return None
    ratio, low, high, p = ratio_interval(one, won, other, won_b)
    values = {"tasks": len(one), "value_a": float(one.sum() / won.sum()), "value_b": float(other.sum() / won_b.sum())}
    change = {"difference": values["value_b"] - values["value_a"]}
    if not per:
        reach, p = _reach(other - one), sign_flip_p(other - one)
        change |= {"low": change["difference"] - reach, "high": change["difference"] + reach}
    return {**values, **change, "ratio": ratio, "ratio_low": low, "ratio_high": high, "p": p}


def _reach(values: Any) -> float:
    return t_quantile(0.975, len(values) - 1) * float(np.std(values, ddof=1)) / math.sqrt(len(values))


def ratio_interval(a: Any, a_of: Any, b: Any, b_of: Any) -> tuple[float | None, float | None, float | None, float]:
    """Return (Σb/Σb_of) / (Σa/Σa_of) with its 95 % interval and p, over tasks: delete-one jackknife of the logarithm, Student's t.

    None where a sum is 0. Tasks with nothing at all, as of failed calls, leave too few to judge the spread by: then there is the ratio
    alone. Source: Tukey (1958); Miller (1974), "The jackknife - a review", Biometrika 61.
    """
    if not a.sum() or not b.sum():
        return None, None, None, 1.0 if a.sum() == b.sum() else float("nan")
    n = len(a)
    whole = _log_ratio(a.sum(), a_of.sum(), b.sum(), b_of.sum())
    with np.errstate(divide="ignore", invalid="ignore"):
        left = _log_ratio(a.sum() - a, a_of.sum() - a_of, b.sum() - b, b_of.sum() - b_of)
    if not np.isfinite(left).all() or not (a > 0).all() or not (b > 0).all():
        return float(np.exp(whole)), None, None, float("nan")
    error = math.sqrt((n - 1) / n * float(((left - left.mean()) ** 2).sum()))
    reach = t_quantile(0.975, n - 1) * error
    p = t_two_sided(float(whole) / error, n - 1) if error else float(abs(whole) < 1e-12)
    return float(np.exp(whole)), float(np.exp(whole - reach)), float(np.exp(whole + reach)), p


def _log_ratio(a: Any, a_of: Any, b: Any, b_of: Any) -> Any:
    return np.log(b) - np.log(b_of) - np.log(a) + np.log(a_of)
