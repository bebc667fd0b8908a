"""One row a simulation: the outcome of each (run, domain, task, trial)."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from tau2_logging.analysis.tables.columns import as_floats
from tau2_logging.analysis.tables.outcomes import named_statuses
from tau2_logging.analysis.tables.played_before import with_played
from tau2_logging.events import EXCLUSIVE_MS, KINDS
from tau2_logging.events.fields import field_type
from tau2_logging.events.roles import WORK_TYPES
from tau2_logging.statistics.score import SOLVED_WITHIN, Score, score_of

if TYPE_CHECKING:
    import pandas as pd

    from tau2_logging.analysis.tables.event_tables import EventTables

KEY = ["run", "domain", "task", "trial"]
UNFINISHED, UNKNOWN = "unfinished", "unknown"
TIMED_TYPES = WORK_TYPES
"""Events that time one call: none of them contains another."""


def with_key(table: pd.DataFrame) -> pd.DataFrame:
    """Return the table with the types of the key's columns restored, which grouping turns to float if a column is absent throughout."""
    kept = {}
    for name in KEY:
        if name in table:
            kept[name] = table[name].astype("Int64") if name == "trial" else table[name].astype(object).where(table[name].notna(), None)
    return table.assign(**kept)


def solved(simulations: pd.DataFrame) -> pd.Series[bool]:
    """Return which simulations reached the full reward, as tau2 counts success."""
    import pandas as pd

    return pd.Series(np.abs(as_floats(simulations["reward"]) - 1) <= SOLVED_WITHIN, index=simulations.index)


def score(simulations: pd.DataFrame) -> Score:
    """Return the outcome of simulations with its denominator."""
    return score_of(zip(as_floats(simulations["reward"]), simulations["status"], strict=True))


def simulation_table(log: EventTables) -> pd.DataFrame:
    """Return one row a simulation, in order of first start.

    Columns: run, domain, task, trial, attempts (how often it was started), every field of task_end, start_ms, end_ms, and status: ok,
    error, timeout, a termination that names an error (agent_error, infrastructure_error, ...), or unfinished if its last start has no
    end. What a resumed run says twice counts as its last start to end; calls of earlier attempts were made and paid for, so the tables of
    calls and costs do count them. So does a simulation that was only evaluated in its last start (see `played_before`). Logs without task
    events (the older runner's) get one row a task, from its first to its last event, status unknown.
    """

    started = _marked(log, "task_start")
    ended = _marked(log, "task_end")
    if started.empty and ended.empty:
        return _from_calls(log)
    attempts = started.groupby(KEY, sort=False, dropna=False).size().rename("attempts")
    last_start = started.groupby(KEY, sort=False, dropna=False).tail(1)
    last_end = ended.groupby(KEY, sort=False, dropna=False).tail(1)
    table = last_start[[*KEY, "row", "start_ms"]].merge(
        last_end.rename(columns={"row": "end_row", "start_ms": "ended_start_ms"}), on=KEY, how="outer", sort=False
    )
    table = table.merge(with_key(attempts.reset_index()), on=KEY, how="left").sort_values("row", kind="stable", ignore_index=True)
    return with_played(_settle(table), started, ended, KEY)


def _marked(log: EventTables, type_: str) -> pd.DataFrame:
    columns = [*KEY, "row", *KINDS[type_].fields]
    return log.select(columns, types=[type_])


def _settle(table: pd.DataFrame) -> pd.DataFrame:
    import pandas as pd

    open_again = table["row"].notna() & ~(table["end_row"] > table["row"])
    table = table.rename(columns={"start_ms": "last_start_ms"})
    outcome = [name for name in KINDS["task_end"].fields if name in table]
    for name in outcome if open_again.any() else ():
        if name != "start_ms":
            table.loc[open_again, name] = None
    table["start_ms"] = np.where(open_again, table["last_start_ms"], table["ended_start_ms"].fillna(table["last_start_ms"]))
    table["end_ms"] = table["start_ms"] + table["duration_ms"]
    table["status"] = table["status"].astype(object).where(~open_again, UNFINISHED)
    table["status"] = pd.Series(named_statuses(table["status"], table["termination"]), index=table.index, dtype=object)
    table["attempts"] = table["attempts"].fillna(1).astype("int64")
    first = [*KEY, "status", "reward", "termination", "stop_token", "start_ms", "end_ms", "duration_ms", *EXCLUSIVE_MS]
    rest = [name for name in outcome if name not in first]
    return table[[*first, *rest, "attempts"]]


def _from_calls(log: EventTables) -> pd.DataFrame:
    calls = log.select([*KEY, "start_ms", "end_ms"], types=TIMED_TYPES)
    calls = calls[calls["task"].notna()]
    table = calls.groupby(KEY, sort=False, dropna=False).agg(start_ms=("start_ms", "min"), end_ms=("end_ms", "max")).reset_index()
    table = with_key(table)
    table["duration_ms"] = table["end_ms"] - table["start_ms"]
    table["status"] = UNKNOWN
    for name in KINDS["task_end"].fields:
        if name not in table:
            table[name] = None if field_type(name) == "str" else np.nan
    return table.assign(attempts=1)
