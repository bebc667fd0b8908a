"""Which events of a log its timeline is made of: all of them, or, of a very large log, those of the simulations that matter most."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import polars as pl

from tau2_logging.analysis.measures.servers.server_waiting import with_server_times
from tau2_logging.analysis.tables.columns import numbers
from tau2_logging.analysis.tables.run_clock import KEY
from tau2_logging.analysis.timeline.queries import ended_badly
from tau2_logging.analysis.timeline.timeline import PLACED_BY, TYPES, Fields, Timeline, build_timeline
from tau2_logging.events.kinds import SERVER_CALL_MS

if TYPE_CHECKING:
    from tau2_logging.analysis.tables.log_data import LogData

MOST_EVENTS = 750_000
"""Events of one timeline, which take about 1.5 GB while it is built; more would not be seen in a picture either."""

_MARKS = ("run_start", "task_start", "task_end")
_NAME = "_timeline"


def timeline_of(log: LogData) -> Timeline:
    """Return the timeline of a log, made once however many reports ask for it."""
    made = vars(log)  # it reads details of the log later: a table of logs would keep both for ever
    if _NAME not in made:
        made[_NAME] = read_timeline(log)
    found: Timeline = made[_NAME]
    return found


def read_timeline(log: LogData, most: int = MOST_EVENTS) -> Timeline:
    """Return the timeline of a log.

    If there are more than `most` events, every simulation still has its row, but the calls and steps are those of the simulations
    that ended badly and of the longest, as many as fit; `rows["read"]` is False for the others.
    """
    types = log.select(["type"], TYPES)["type"]
    if len(types) <= most:
        return _read(log, log.select)
    marks = types.isin(_MARKS).to_numpy()
    simulation, names = _numbered(log)
    kept = _kept(log, names, np.bincount(simulation, minlength=len(names)), most - int(marks.sum()))
    chosen = pl.col("row").is_in(log.select(["row"], TYPES)["row"].to_numpy()[marks | kept[simulation]])
    timeline = _read(log, lambda names, of: log.select(names, of, chosen))
    read = set(names[kept])
    rows = timeline.rows.assign(read=[name in read for name in _names(timeline.rows)])
    return replace(timeline, rows=rows)


def _read(log: LogData, select: Fields) -> Timeline:
    def fields(names: Sequence[str], types: Sequence[str]) -> pd.DataFrame:
        if not set(names) & set(SERVER_CALL_MS):
            return select(names, types)
        return with_server_times(log, select(tuple(dict.fromkeys((*names, "run", "span"))), types))[list(names)]

    return build_timeline(select(PLACED_BY, TYPES), fields)


def _numbered(log: LogData) -> tuple[Any, Any]:
    """For each event the number of its simulation, and the simulations' names."""
    keys = log.select(KEY, TYPES)
    groups = keys.groupby(list(KEY), dropna=False, sort=False)
    number = groups.ngroup().to_numpy()
    return number, _names(keys.drop_duplicates())


def _names(frame: pd.DataFrame) -> Any:
    return np.array(
        ["\x00".join("" if pd.isna(value) else str(value) for value in row) for row in zip(*(frame[k] for k in KEY), strict=True)]
    )


def _kept(log: LogData, names: Any, sizes: Any, most: int) -> Any:
    """Return whether each simulation is kept: first those that ended badly, then the longest, as many as `most` events allow."""
    table = log.simulations
    places = pd.Series(range(len(table)), index=_names(table)).reindex(names).to_numpy()
    known = ~np.isnan(places)
    where = np.where(known, places, 0).astype(int)
    bad = ended_badly(table)[where] | ~known
    length = np.where(known, np.nan_to_num(numbers(table, "duration_ms"))[where], 0.0)
    order = np.lexsort((-length, ~bad))
    kept = np.zeros(len(names), dtype=bool)
    kept[order] = np.cumsum(sizes[order]) <= most
    return kept
