"""Where the time of simulations went, by kind: service of models by role, their queues, waits before retries, tools, the rest."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from tau2_logging.analysis.measures.provenance import is_recorded
from tau2_logging.analysis.measures.run_time.waits import retry_waits
from tau2_logging.analysis.tables.columns import as_floats
from tau2_logging.analysis.tables.simulations import KEY
from tau2_logging.events.roles import EXCLUSIVE_MS, MODEL_CALL_TYPES, MODEL_ROLES, ROLE_OF_TIME, ROLES

if TYPE_CHECKING:
    import pandas as pd

    from tau2_logging.analysis.tables.log_data import LogData

_SERVICE = {ms: f"{ROLE_OF_TIME[ms]}_service_ms" for ms in EXCLUSIVE_MS if ROLE_OF_TIME.get(ms) in MODEL_ROLES}
"""Exclusive time of a role that calls models -> the part of it that is service."""
_WORK = tuple(role.exclusive_ms for role in ROLES if role.name not in MODEL_ROLES)
KINDS_OF_TIME = (*_SERVICE.values(), "queue_ms", "retry_wait_ms", *_WORK, "setup_ms", "other_ms", "untracked_ms")
_WITH_DOCUMENTS = ("embedding_service_ms", "retrieval_ms")
"""Kinds that most domains have none of: they are in a budget if there is any."""
_TIME_OF_EVENT = {role.event: role.exclusive_ms for role in ROLES}
_ROUNDING_MS = 0.0005 * (len(EXCLUSIVE_MS) + 2)
"""What may be off because each time in the log is rounded to a microsecond."""


def task_budget(log: LogData) -> pd.DataFrame:
    """Return one row a simulation that ended: KEY, status, duration_ms, and `KINDS_OF_TIME`, which add up to duration_ms.

    Service is the exclusive time of a role's model calls without the part they queued in the runner's own process; queue is separate, and
    so are the waits before retries and for servers that are down (retry_wait). If a log has no exclusive times (the older runner's), they
    are the sums of the calls. A kind that the log does not tell of is NaN; untracked is what is not accounted for. In ms.
    """
    table = log.simulations.dropna(subset=["duration_ms"])
    if table.empty:
        return table.reindex(columns=[*KEY, "status", "duration_ms", *KINDS_OF_TIME])
    result = table[[*KEY, "status", "duration_ms"]].assign(**_parts(log, table))
    untracked = as_floats(table["duration_ms"]) - np.nansum([as_floats(result[kind]) for kind in KINDS_OF_TIME[:-1]], axis=0)
    result["untracked_ms"] = np.where(np.abs(untracked) < _ROUNDING_MS, 0.0, untracked)
    return result[[*KEY, "status", "duration_ms", *KINDS_OF_TIME]].reset_index(drop=True)


def _parts(log: LogData, table: pd.DataFrame) -> dict[str, Any]:
    """Return every kind of time but untracked."""
    exclusive = _exclusive(log, table)
    never_told = np.nan if is_recorded(log) or table[list(EXCLUSIVE_MS)].isna().all(axis=None) else 0.0
    queues = {_TIME_OF_EVENT[type_]: sums for type_, sums in _sums(log, table, MODEL_CALL_TYPES, "queue_ms").items()}
    queued = {name: np.fmin(np.nan_to_num(queues.get(name, 0.0)), np.nan_to_num(exclusive[name])) for name in _SERVICE}
    waited = retry_waits(log, table)
    between, evaluating = (np.fmin(waits, exclusive[name]) for waits, name in zip(waited, ("other_ms", "evaluation_ms"), strict=True))
    return {
        **{kind: exclusive[name] - queued[name] for name, kind in _SERVICE.items()},
        "queue_ms": _or_unknown(sum(queued.values()), never_told),
        "retry_wait_ms": _or_unknown(between + evaluating, never_told),
        **{name: exclusive[name] for name in (*_WORK, "setup_ms")},
        "evaluation_ms": exclusive["evaluation_ms"] - evaluating,
        "other_ms": exclusive["other_ms"] - between,
    }


def _or_unknown(values: Any, never_told: float) -> Any:
    """Nothing is unknown rather than 0 in a log that never tells."""
    return np.where(values > 0, values, values + never_told)


def _exclusive(log: LogData, table: pd.DataFrame) -> dict[str, Any]:
    """Return the exclusive times of simulations, NaN if neither their ends nor the lengths of their calls tell."""
    known = {name: as_floats(table[name]) for name in EXCLUSIVE_MS}
    if not all(np.isnan(values).all() for values in known.values()):
        return known
    sums = _sums(log, table, tuple(_TIME_OF_EVENT), "duration_ms")
    return {**known, **{_TIME_OF_EVENT[type_]: values for type_, values in sums.items()}}


def _sums(log: LogData, table: pd.DataFrame, types: tuple[str, ...], column: str) -> dict[str, Any]:
    """Return the sums of a column over the events of each simulation's last attempt, by type of event, aligned with the table's rows; NaN
    if no event has it.
    """
    events = log.select(["type", "start_ms", column, "place"], types=types, of=table)
    events = events[~(as_floats(events["start_ms"]) < as_floats(table["start_ms"])[events["place"]] - 1e-3)]
    result = {}
    for type_, group in events.groupby("type", sort=False):
        values = as_floats(group[column])
        told = np.bincount(group["place"], weights=~np.isnan(values), minlength=len(table)) > 0
        result[str(type_)] = np.where(told, np.bincount(group["place"], weights=np.nan_to_num(values), minlength=len(table)), np.nan)
    return result


def total_budget(budget: pd.DataFrame) -> pd.DataFrame:
    """Return the budget of all simulations together: kind, total_ms, share (they add up to 1), mean_ms of those `simulations` that tell
    of it."""
    import pandas as pd

    whole = float(np.nansum(as_floats(budget["duration_ms"])))
    rows = []
    for kind in KINDS_OF_TIME:
        values = as_floats(budget[kind])
        known = int((~np.isnan(values)).sum())
        total = float(np.nansum(values)) if known else float("nan")
        if kind in _WITH_DOCUMENTS and not total > 0:
            continue
        mean = total / known if known else float("nan")
        rows.append((kind.removesuffix("_ms"), total, total / whole if whole else float("nan"), mean, known))
    return pd.DataFrame(rows, columns=["kind", "total_ms", "share", "mean_ms", "simulations"])
