"""One clock for a run that was started several times, or for several runs: milliseconds, its starts laid end to end."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from tau2_logging.analysis.tables.columns import column, numbers

KEY = ("run", "domain", "task", "trial")
"""What tells one simulation from another."""

_LONGEST_MS = 1e12


def on_one_clock(events: pd.DataFrame) -> pd.DataFrame:
    """Return the events with `at_ms`, `until_ms` on the clock of the whole, and `key`, the simulation's number."""
    events = events.copy(deep=False)
    events["key"] = events.groupby([column(events, name).astype(object).rename(name) for name in KEY], dropna=False, sort=False).ngroup()
    wall = _wall_ms(events)
    start, duration = sane(numbers(events, "start_ms")), np.fmax(sane(_durations(events)), 0.0)
    session, resumed = _sessions(events, wall)
    cursor, breaks = 0.0, []
    at = np.full(len(events), np.nan)
    for number in range(len(resumed)):
        mine = session == number
        began = _began(wall[mine], start[mine], duration[mine])
        own = np.where(np.isnan(start[mine]), wall[mine] - began - np.nan_to_num(duration[mine]), start[mine])
        at[mine] = own - _first(own, start[mine], resumed[number]) + cursor
        cursor = float(np.nanmax(at[mine] + np.nan_to_num(duration[mine]), initial=cursor))
        breaks.append(cursor)
    events["at_ms"], events["until_ms"] = at, at + np.nan_to_num(duration)
    events.attrs["breaks"] = tuple(breaks[:-1])
    return events


def _first(own: Any, start: Any, resumed: bool) -> float:
    """Return what becomes 0: the run's own 0, or the first event if that came before it or no event says its start.

    The clock of a run goes on while it pauses, so that of a resumed start it is the first event.
    """
    earliest = float(np.nanmin(own, initial=np.inf))
    if not np.isfinite(earliest):
        return 0.0
    return earliest if resumed or np.isnan(start).all() else min(earliest, 0.0)


def _wall_ms(events: pd.DataFrame) -> Any:
    times = events["time"].to_numpy().astype("datetime64[ms]")  # in milliseconds: nanoseconds end with the year 2262
    return np.where(np.isnat(times), np.nan, times.astype(np.int64).astype(float))


def _durations(events: pd.DataFrame) -> Any:
    duration = numbers(events, "duration_ms")
    for name, types in (("total_duration_ms", ("step_complete",)), ("wait_ms", ("retry", "server_wait"))):
        duration = np.where(np.isnan(duration) & events["type"].isin(types).to_numpy(), numbers(events, name), duration)
    elapsed = numbers(events, "elapsed_ms")
    return np.where(events["type"].isin(("heartbeat", "stuck")).to_numpy(), elapsed, duration)


def sane(values: Any) -> Any:
    """Return times that a log can mean; a forged 1e300 must not stretch every picture to nothing."""
    return np.where(np.abs(values) <= _LONGEST_MS, values, np.nan)


def _began(wall: Any, start: Any, duration: Any) -> float:
    """Return wall time at start_ms=0: events are written when they end. If no event has a start, the first one sets it."""
    ends = wall - start - np.nan_to_num(duration)
    if not np.isnan(ends).all():
        return float(np.nanmedian(ends))
    return float(np.nanmin(wall - np.nan_to_num(duration))) if not np.isnan(wall).all() else 0.0


def sessions(events: pd.DataFrame) -> Any:
    """Return the number of the start (of which run) that each event belongs to, 0-based, in order of wall time. Needs type, time, run and
    file."""
    return _sessions(events, _wall_ms(events))[0]


def _sessions(events: pd.DataFrame, wall: Any) -> tuple[Any, list[bool]]:
    """Return the number of each event's start as in `sessions`, and for each start whether it resumed a run.

    Each start writes one run_start into the log of each of its domains, at nearly one time. What a file says is of the start that it
    named last; what comes before it names any is of the run's first.
    """
    run, file = (_coded(column(events, name)) for name in ("run", "file"))
    heads = pd.DataFrame({"run": run, "wall": wall})[(events["type"] == "run_start").to_numpy()].sort_values(["run", "wall"])
    new = (heads["run"] != heads["run"].shift()) | ~(heads["wall"].diff() < _ONE_START_MS)
    began = heads["wall"].groupby(new.cumsum()).transform("first")
    session = began.reindex(events.index).groupby([run, file]).ffill()
    session = session.fillna(session.groupby(run).transform("min"))
    session = session.fillna(pd.Series(wall, index=events.index).groupby(run).transform("min")).fillna(0.0)
    order = pd.DataFrame({"session": session, "run": run})
    found = order.drop_duplicates().sort_values(["session", "run"])
    return order.groupby(["session", "run"], sort=True).ngroup().to_numpy(), found["run"].duplicated().tolist()


def _coded(names: pd.Series) -> pd.Series:
    """Return the place of each name in the order of all; an absent one is an empty one."""
    codes, ordered = pd.factorize(names.to_numpy(dtype=object), sort=True)
    absent = 0 if len(ordered) and ordered[0] == "" else -1
    return pd.Series(np.where(codes < 0, absent, codes), index=names.index)


_ONE_START_MS = 1000.0
