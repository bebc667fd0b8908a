"""How far the durations of two runs differ. The task is the unit: calls and trials of one task depend on each other.

A task's value is the median duration of its calls (of its simulations, for `task_end`). Tasks that both runs did are paired: the mean of
their differences with Student's t interval. Without a common task, the means of both are compared by Welch's (1947, Biometrika 34).
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from tau2_logging.analysis.measures.provenance import left_out
from tau2_logging.analysis.tables.columns import as_floats
from tau2_logging.analysis.tables.simulations import TIMED_TYPES
from tau2_logging.statistics.distribution_functions import t_quantile, t_two_sided
from tau2_logging.statistics.multiplicity import holm

if TYPE_CHECKING:
    from tau2_logging.analysis.tables.log_data import LogData

PAIR = ["domain", "task", "trial"]
TASK = ["domain", "task"]
CONFIDENCE = 0.95
LEAST_TASKS = 5
"""Fewer tasks (on either side, if they are not paired) give no interval and no verdict."""

DIFFERENCE_NOTE = (
    "A task counts once, with the median of its calls; shown are means over tasks, their difference and its 95 % interval (Student's t). "
    f"Beyond noise: p below 5 % after Holm's adjustment over the rows. Fewer than {LEAST_TASKS} tasks give no interval and no verdict."
)

COLUMNS = (
    "type", "n", "n_other", "tasks", "median_ms", "median_other_ms", "difference_ms", "low_ms", "high_ms", "change", "p", "p_holm",
    "significant", "remark",
)  # fmt: skip


def duration_differences(this: LogData, other: LogData, pairs: pd.DataFrame) -> pd.DataFrame:
    """Return a row for task durations and each type of call in both runs: COLUMNS. `pairs`: the simulations (PAIR) that both did.

    `n`: calls; `tasks`: units. `median_ms`: mean over tasks of a task's median; `difference_ms` is this minus other and `change` its share
    of the other. `p_holm` is Holm's over the rows; `significant` is whether it is below 5 %, None if there is no verdict.
    """
    rows, absent = [], not_compared(this, other)
    for type_ in ("task_end", *TIMED_TYPES):
        if type_ in absent:
            continue
        calls = [_durations(log, type_, pairs if len(pairs) else log.simulations) for log in (this, other)]
        if all(len(side) for side in calls):
            rows.append({"type": type_, "n": len(calls[0]), "n_other": len(calls[1]), **_row(*(_by_task(side) for side in calls))})
    table = pd.DataFrame(rows, columns=list(COLUMNS))
    table["p_holm"] = holm([float(p) for p in table["p"]])
    known = table["p_holm"].notna()
    table["significant"] = (table["p_holm"] < 1 - CONFIDENCE).astype(object).where(known, None)
    return table


def not_compared(this: LogData, other: LogData) -> dict[str, str]:
    """Return the types of calls that cannot be compared, and why: a log's level leaves them out, or they are in one log alone."""
    levels = [left_out(log) for log in (this, other)]
    held = [[len(log.select(["type"], types=[type_])) > 0 for type_ in TIMED_TYPES] for log in (this, other)]
    reasons = {type_: _why(type_ in levels[0], type_ in levels[1], *has) for type_, *has in zip(TIMED_TYPES, *held, strict=True)}
    return {type_: why for type_, why in reasons.items() if why}


def _why(out_here: bool, out_there: bool, here: bool, there: bool) -> str:
    if out_here and out_there:
        return "both logs were written at a level such as INFO, which leaves them out"
    if out_here or out_there:
        return f"{'this' if out_here else 'the other'} log was written at a level such as INFO, which leaves them out"
    return "" if here == there else f"only in {'this' if here else 'the other'} log"


def _durations(log: LogData, type_: str, simulations: pd.DataFrame) -> pd.DataFrame:
    """Return the durations of the calls of some simulations; of a simulation that ended twice, the last."""
    calls = log.select([*PAIR, "duration_ms"], types=[type_]).dropna(subset=["duration_ms"])
    if type_ == "task_end":
        calls = calls.drop_duplicates(PAIR, keep="last")
    return calls.merge(simulations[PAIR].drop_duplicates(), on=PAIR)


def _by_task(calls: pd.DataFrame) -> pd.Series[float]:
    return calls.groupby(TASK, dropna=False)["duration_ms"].median()


def _row(this: pd.Series[float], other: pd.Series[float]) -> dict[str, Any]:
    both = pd.concat([this, other], axis=1, join="inner", keys=["this", "other"])
    if both.empty:
        first, second, tasks = as_floats(this), as_floats(other), min(len(this), len(other))
        error, degrees = _welch(first, second)
    else:
        first, second, tasks = as_floats(both["this"]), as_floats(both["other"]), len(both)
        error, degrees = _error(first - second), tasks - 1.0
    difference, was = float(first.mean() - second.mean()), float(second.mean())
    change = difference / was if was else math.nan
    figures = {"tasks": tasks, "median_ms": difference + was, "median_other_ms": was, "difference_ms": difference, "change": change}
    if tasks < LEAST_TASKS:
        return {
            **figures,
            "p": math.nan,
            "remark": f"not measured: {tasks} task{'' if tasks == 1 else 's'}, at least {LEAST_TASKS} are needed",
        }
    return {**figures, **_tested(difference, error, degrees)}


def _tested(difference: float, error: float, degrees: float) -> dict[str, float]:
    """Return interval and p of Student's t; without any spread the difference is certain."""
    reach = t_quantile(0.5 + CONFIDENCE / 2, degrees) * error if error else 0.0
    p = t_two_sided(difference / error, degrees) if error else float(difference == 0)
    return {"low_ms": difference - reach, "high_ms": difference + reach, "p": p}


def _error(values: Any) -> float:
    """Return the standard error of a mean."""
    return float(np.std(values, ddof=1)) / math.sqrt(len(values)) if len(values) > 1 else math.nan


def _welch(first: Any, second: Any) -> tuple[float, float]:
    """Return the standard error of a difference of two means, and its degrees of freedom (Welch and Satterthwaite)."""
    parts = [_error(values) ** 2 for values in (first, second)]
    whole = sum(parts)
    below = sum(part**2 / (len(values) - 1) for part, values in zip(parts, (first, second), strict=True) if len(values) > 1)
    return math.sqrt(whole), whole**2 / below if below else math.inf
