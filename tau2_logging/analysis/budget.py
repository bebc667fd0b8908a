"""Where the time of simulations went, by kind: service of models by role, their queues, waits before retries, tools, the rest."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from tau2_logging.analysis.simulations import KEY
from tau2_logging.analysis.summary import as_floats
from tau2_logging.analysis.waits import retry_waits
from tau2_logging.events import EXCLUSIVE_MS, MODEL_CALL_TYPES

if TYPE_CHECKING:
    import pandas as pd

    from tau2_logging.analysis.table import RunLog

_ROLE_MS = {"llm_call": "llm_ms", "user_sim": "user_ms", "expert_call": "expert_ms", "evaluator": "judge_ms"}
KINDS_OF_TIME = (
    "agent_service_ms", "user_service_ms", "expert_service_ms", "judge_service_ms", "queue_ms", "retry_wait_ms", "tool_ms", "evaluation_ms",
    "setup_ms", "other_ms", "untracked_ms",
)  # fmt: skip
_ROUNDING_MS = 0.0005 * (len(EXCLUSIVE_MS) + 2)
"""What may be off because each time in the log is rounded to a microsecond."""

_SERVICE = {"llm_ms": "agent_service_ms", "user_ms": "user_service_ms", "expert_ms": "expert_service_ms", "judge_ms": "judge_service_ms"}


def task_budget(log: RunLog) -> pd.DataFrame:
    """One row a simulation that ended: KEY, status, duration_ms, and `KINDS_OF_TIME`, which add up to duration_ms.

    Service is the exclusive time of a role's model calls without the part they queued in the runner's own process; queue stands apart,
    and so do the waits before retries and for servers that are down (retry_wait); untracked is what the log does not account for (0 but
    for rounding). Where a log has no exclusive times (the older runner's), they are the sums of the calls. In ms.
    """
    table = log.simulations.dropna(subset=["duration_ms"])
    if table.empty:
        return table.reindex(columns=[*KEY, "status", "duration_ms", *KINDS_OF_TIME])
    exclusive = _exclusive(log, table)
    queues = _sums(log, table, MODEL_CALL_TYPES, "queue_ms")
    result = table[[*KEY, "status", "duration_ms"]].copy()
    for type_, name in _ROLE_MS.items():
        queued = np.minimum(queues.get(type_, 0.0), exclusive[name])
        result[_SERVICE[name]] = exclusive[name] - queued
        result["queue_ms"] = result.get("queue_ms", 0.0) + queued
    between, evaluating = retry_waits(log, table)
    between, evaluating = np.minimum(between, exclusive["other_ms"]), np.minimum(evaluating, exclusive["evaluation_ms"])
    result["retry_wait_ms"] = between + evaluating
    for name in ("tool_ms", "setup_ms"):
        result[name] = exclusive[name]
    result["evaluation_ms"] = exclusive["evaluation_ms"] - evaluating
    result["other_ms"] = exclusive["other_ms"] - between
    untracked = as_floats(table["duration_ms"]) - sum(exclusive[name] for name in EXCLUSIVE_MS)
    result["untracked_ms"] = np.where(np.abs(untracked) < _ROUNDING_MS, 0.0, untracked)
    return result[[*KEY, "status", "duration_ms", *KINDS_OF_TIME]].reset_index(drop=True)


def _exclusive(log: RunLog, table: pd.DataFrame) -> dict[str, Any]:
    known = {name: as_floats(table[name]) for name in EXCLUSIVE_MS}
    if not np.isnan(known["llm_ms"]).all():
        return {name: np.nan_to_num(values) for name, values in known.items()}
    types = {**_ROLE_MS, "tool_call": "tool_ms", "evaluation": "evaluation_ms"}
    sums = _sums(log, table, tuple(types), "duration_ms")
    zeros = dict.fromkeys(EXCLUSIVE_MS, np.zeros(len(table)))
    return {**zeros, **{types[type_]: values for type_, values in sums.items()}}


def _sums(log: RunLog, table: pd.DataFrame, types: tuple[str, ...], column: str) -> dict[str, Any]:
    """Sums of a column over the events of each simulation's last attempt, by type of event, aligned with the table's rows."""
    events = log.select([*KEY, "type", "start_ms", column], types=types)
    spans = table[KEY].assign(begin=as_floats(table["start_ms"]), place=np.arange(len(table)))
    events = events.merge(spans, on=KEY, how="inner")
    events = events[~(as_floats(events["start_ms"]) < as_floats(events["begin"]) - 1e-3)]
    result = {}
    for type_, group in events.groupby("type", sort=False):
        result[str(type_)] = np.bincount(group["place"], weights=np.nan_to_num(as_floats(group[column])), minlength=len(table))
    return result


def total_budget(budget: pd.DataFrame) -> pd.DataFrame:
    """The budget of all simulations together: kind, total_ms, share (they add up to 1), mean_ms per simulation."""
    import pandas as pd

    totals = [float(np.nansum(as_floats(budget[kind]))) for kind in KINDS_OF_TIME]
    whole = float(np.nansum(as_floats(budget["duration_ms"])))
    names = [kind.removesuffix("_ms") for kind in KINDS_OF_TIME]
    shares = [total / whole if whole else float("nan") for total in totals]
    means = [total / len(budget) if len(budget) else float("nan") for total in totals]
    return pd.DataFrame({"kind": names, "total_ms": totals, "share": shares, "mean_ms": means})
