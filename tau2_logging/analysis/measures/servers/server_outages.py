"""Model servers that were down: when, for how long, which calls waited for them, and which simulations that touched."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from tau2_logging.analysis.tables.columns import numbers
from tau2_logging.analysis.tables.run_clock import sessions
from tau2_logging.analysis.tables.simulations import KEY
from tau2_logging.events import MODEL_CALL_TYPES

if TYPE_CHECKING:
    import pandas as pd

    from tau2_logging.analysis.tables.log_data import LogData

_DOWN, _UP = "server_down", "server_up"
_ROUNDING_MS = 0.01
OUTAGE_COLUMNS = (
    "endpoint", "model", "began", "start_ms", "length_ms", "back", "error_message", "failed_calls", "waits", "in_vain", "wait_ms",
    "simulations", "of_simulations",
)  # fmt: skip
WAIT_COLUMNS = ("model", "endpoint", "waits", "in_vain", "wait_ms", "longest_ms", "simulations", "of_simulations")


def outage_table(log: LogData) -> pd.DataFrame:
    """Return one row an outage of a server, in order of time: OUTAGE_COLUMNS.

    It lasts from the first word that the server is left out to the last that it is back (each worker process finds out for itself);
    `began` is local time, start_ms since the run started. length_ms is NaN if it was not back when that start of the run ended. `waits`
    are the calls that started to wait for it meanwhile (one that waited for several servers is in the row of each), `in_vain` those that
    gave up; `failed_calls` there are those after its last good answer. `simulations`, of `of_simulations`, waited or had such a call.
    """
    import pandas as pd

    found = _outages(log)
    touched = _Touched.of(log) if found else None
    rows = [{**outage, **touched.by(outage)} for outage in found] if touched is not None else []
    return pd.DataFrame(rows, columns=list(OUTAGE_COLUMNS))


def _outages(log: LogData) -> list[dict[str, Any]]:
    names = ["run", "file", "type", "time", "endpoint", "model", "start_ms", "error_message"]
    marks = log.select(names, types=("run_start", _DOWN, _UP))
    marks["session"] = sessions(marks)
    marks = marks[(marks["type"] != "run_start") & marks["start_ms"].notna()]
    marks = marks.drop_duplicates(["session", "type", "endpoint", "start_ms"]).sort_values("start_ms", kind="stable")  # each domain's log
    ends = log.attempts.groupby("session")["end_ms"].max()
    found = [one for (session, _), group in marks.groupby(["session", "endpoint"]) for one in _of_server(group, ends.get(session))]
    return sorted(found, key=lambda outage: float(outage["start_ms"]))


def _of_server(marks: pd.DataFrame, session_end: float | None) -> list[dict[str, Any]]:
    """Return the outages of one server in one start of the run; `until_ms` is that start's end if it was not back, `before_ms` the end of
    the one before.
    """
    found: list[dict[str, Any]] = []
    for mark in marks.to_dict("records"):
        if mark["type"] == _DOWN and (not found or found[-1]["back"]):
            about = {str(name): mark[name] for name in ("endpoint", "model", "start_ms", "error_message")}
            until = max(session_end or np.inf, mark["start_ms"])
            before = found[-1]["until_ms"] if found else -np.inf
            found.append({**about, "began": mark["time"], "back": False, "before_ms": before, "until_ms": until, "length_ms": np.nan})
        elif mark["type"] == _UP and found:
            found[-1].update(back=True, until_ms=mark["start_ms"], length_ms=mark["start_ms"] - found[-1]["start_ms"])
    return found


@dataclass(frozen=True)
class _Touched:
    """What an outage can touch: waits for servers, and model calls with the endpoint they went to; `key` is their simulation's number."""

    waits: pd.DataFrame
    calls: pd.DataFrame
    simulations: int

    @classmethod
    def of(cls, log: LogData) -> _Touched:
        types = ("server_wait", *MODEL_CALL_TYPES)
        events = log.select([*KEY, "type", "endpoint", "start_ms", "end_ms", "wait_ms", "error"], types=types)
        events["key"] = events.groupby(KEY, dropna=False, sort=False).ngroup()
        events["error"] = events["error"].fillna(False).astype(bool)
        is_wait = events["type"] == "server_wait"
        return cls(events[is_wait], events[~is_wait & events["endpoint"].notna()], len(log.simulations))

    def by(self, outage: dict[str, Any]) -> dict[str, Any]:
        """Return the waits and failed calls of an outage."""
        start, until = outage["start_ms"] - _ROUNDING_MS, outage["until_ms"]
        at = numbers(self.waits, "start_ms")
        named = self.waits["endpoint"].map(lambda names: outage["endpoint"] in str(names).split(","))
        waits = self.waits[named.to_numpy(dtype=bool) & (at >= start) & (at <= until)]
        failed = self._failed(outage["endpoint"], outage["before_ms"], start, until)
        return {
            "failed_calls": len(failed),
            "waits": len(waits),
            "in_vain": int(waits["error"].sum()),
            "wait_ms": float(waits["wait_ms"].sum()),
            "simulations": len({*waits["key"], *failed["key"]}),
            "of_simulations": self.simulations,
        }

    def _failed(self, endpoint: str, before: float, start: float, until: float) -> pd.DataFrame:
        there = self.calls[self.calls["endpoint"] == endpoint]
        begun, ended = numbers(there, "start_ms"), numbers(there, "end_ms")
        bad = there["error"].to_numpy(dtype=bool)
        last_good = np.max(ended[~bad & (ended <= start)], initial=before)
        return there[bad & (ended > last_good) & (begun <= until)]


def wait_table(log: LogData) -> pd.DataFrame:
    """Return the waits of model calls for a server that answers, by model and the servers that were down: WAIT_COLUMNS. These are no
    retries."""
    waits = log.select([*KEY, "model", "endpoint", "wait_ms", "error"], types=["server_wait"])
    waits["key"] = waits.groupby(KEY, dropna=False, sort=False).ngroup()
    waits["in_vain"] = waits["error"].fillna(False).astype(bool)
    sums = waits.groupby(["model", "endpoint"], sort=False, dropna=False).agg(
        waits=("key", "size"), in_vain=("in_vain", "sum"), wait_ms=("wait_ms", "sum"), longest_ms=("wait_ms", "max"),
        simulations=("key", "nunique"),
    )  # fmt: skip
    table = sums.reset_index().assign(of_simulations=len(log.simulations))
    return table.sort_values("wait_ms", ascending=False, kind="stable", ignore_index=True)[list(WAIT_COLUMNS)]
