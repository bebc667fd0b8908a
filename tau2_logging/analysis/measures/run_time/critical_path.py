"""What decided how long the run took: simulations one after the other in one slot, back from the one that ended last, and their calls."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from tau2_logging.analysis.measures.run_time.waits import WAITS, retry_waits
from tau2_logging.analysis.tables.columns import as_floats
from tau2_logging.analysis.tables.simulations import KEY, TIMED_TYPES, with_key

if TYPE_CHECKING:
    from tau2_logging.analysis.tables.log_data import LogData


def critical_path(log: LogData) -> pd.DataFrame:
    """Return the calls and waits that decided how long the run took, in order of time; see `chain` for the simulations they belong to.

    Columns: KEY, type, name (model or function), step, start_ms, duration_ms, share_of_chain (of the chain's time), file, line. Besides
    calls there are `retry` and `server_wait` and, at the start of each simulation, `setup` and `other` (what its end sums up).
    """
    links = chain(log)
    columns = [*KEY, "type", "model", "function", "step", "start_ms", "duration_ms", "wait_ms", "file", "line", "place"]
    calls = log.select(columns, types=(*TIMED_TYPES, *WAITS), of=links)
    calls["begin"], end = (as_floats(links[name])[calls["place"]] for name in ("start_ms", "end_ms"))
    began = as_floats(calls["start_ms"])
    calls = calls[(began >= calls["begin"] - 1e-3) & (began <= end)]
    calls["duration_ms"] = calls["duration_ms"].fillna(calls["wait_ms"])
    calls["name"] = calls["model"].fillna(calls["function"])
    shown = [*KEY, "type", "name", "step", "start_ms", "duration_ms", "file", "line"]
    path = pd.concat([calls[[*shown, "begin"]], _besides(log, links)], ignore_index=True)
    path = pd.concat([path, _unanswered(path, links)], ignore_index=True).sort_values("start_ms", kind="stable")
    whole = float(np.sum(as_floats(links["duration_ms"])))
    path["line"] = path["line"].astype("Int64")  # what no line tells has none, and the others keep whole numbers
    path["share_of_chain"] = as_floats(path["duration_ms"]) / whole if whole else np.nan
    return with_key(path)[[*shown[:-2], "share_of_chain", "file", "line"]].reset_index(drop=True)


def _unanswered(path: pd.DataFrame, links: pd.DataFrame) -> pd.DataFrame:
    """Return what simulations of the chain waited on when they were given up or stopped, of which no event tells: the rest of their
    time."""
    links = links[~links["ended"] | links["status"].eq("timeout")]
    told = path.groupby([*KEY, "begin"], dropna=False)["duration_ms"].sum().rename("told").reset_index()
    rest = links[[*KEY, "start_ms", "end_ms", "duration_ms"]].assign(begin=links["start_ms"]).merge(told, on=[*KEY, "begin"], how="left")
    rest["duration_ms"] -= rest["told"].fillna(0.0)
    rest["start_ms"] = rest["end_ms"] - rest["duration_ms"]
    return rest[rest["duration_ms"] > _ROUNDING_MS].assign(type="unanswered").drop(columns=["end_ms", "told"])


_ROUNDING_MS = 1.0


def _besides(log: LogData, links: pd.DataFrame) -> pd.DataFrame:
    """Return the setup of the chain's simulations, and what is left of each beside calls and waits."""
    ends = log.select([*KEY, "start_ms", "setup_ms", "other_ms", "file", "line"], types=["task_end"])
    rows = ends.merge(links[[*KEY, "start_ms", "end_ms"]], on=[*KEY, "start_ms"])
    rows["begin"] = rows["start_ms"]
    rows["other_ms"] = as_floats(rows["other_ms"]) - retry_waits(log, rows)[0]
    parts = [rows.assign(type=name, duration_ms=rows[f"{name}_ms"]) for name in ("setup", "other")]
    table = pd.concat(parts, ignore_index=True)
    return table.loc[table["duration_ms"] > 0, [*KEY, "type", "start_ms", "duration_ms", "file", "line", "begin"]]


def critical_kinds(path: pd.DataFrame) -> pd.DataFrame:
    """Return the critical path by type and name: type, name, n, duration_ms, share_of_chain, largest first.

    Calls that ran at the same time each count their own.
    """
    table = path.groupby(["type", "name"], dropna=False, sort=False).agg(
        n=("type", "size"), duration_ms=("duration_ms", "sum"), share_of_chain=("share_of_chain", "sum")
    )
    return table.reset_index().sort_values("duration_ms", ascending=False, kind="stable", ignore_index=True)


def chain(log: LogData) -> pd.DataFrame:
    """Return the attempts (see `attempts`) that were run one after the other in one slot, back from the one that ended last, for each
    start of the run: as long as they lasted, the run could not end.
    """
    links = [_links(session) for _, session in log.attempts.groupby("session")]
    return pd.concat(links) if links else log.attempts


def _links(table: pd.DataFrame) -> pd.DataFrame:
    last = table.loc[table["until_ms"].idxmax()]
    kept, begin = {last.name: None}, float(last["at_ms"])
    same = table[table["slot"] == last["slot"]].sort_values("until_ms", ascending=False, kind="stable")
    for place, start, end in zip(same.index, same["at_ms"], same["until_ms"], strict=True):
        if end <= begin + 1.0 and place not in kept:
            kept[place] = None
            begin = start
    return table.loc[list(kept)[::-1]]
