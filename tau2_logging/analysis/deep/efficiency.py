"""How direct the way was: the calls that were made beside the reference actions."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from tau2_logging.analysis.deep.rate_table import rate_table
from tau2_logging.analysis.deep.reading.merge import by_simulation, key_of
from tau2_logging.analysis.deep.reading.recorded import RUN_KEY, TASK_KEY, Recorded, Row, filled, records
from tau2_logging.analysis.deep.recall import gold_actions, matches
from tau2_logging.analysis.deep.rewards import solved
from tau2_logging.analysis.deep.tool_calls.loops import marked_repeats


def calls_on_path(recorded: Recorded) -> pd.DataFrame:
    """Return the calls with `on_path`: some reference action of the task matches (tau2's rule); None if the task or the arguments are
    not known.

    A read that is not a reference action is not wrong by that: agents may look things up otherwise than the reference does.
    """
    wanted: dict[Any, list[Row]] = {}
    for row in records(recorded.gold):
        wanted.setdefault((row["domain"], row["task"]), []).append(row)
    path = [
        None
        if (row["domain"], row["task"]) not in wanted or row["arguments"] is None
        else any(matches(gold["tool"], gold["arguments"], gold["compare_args"], row) for gold in wanted[row["domain"], row["task"]])
        for row in records(recorded.calls)
    ]
    return recorded.calls.assign(on_path=pd.Series(path, index=recorded.calls.index, dtype=object))


def tool_efficiency(recorded: Recorded) -> pd.DataFrame:
    """By tool: calls on the reference path of all calls (with interval), reference actions there were and were made, failed calls,
    repeats, median time (ms).
    """
    calls = calls_on_path(recorded)
    calls = calls[calls["on_path"].notna()]
    table = rate_table(calls, ["domain", "tool"], "on_path", "on_path", "on_path")
    marked = marked_repeats(recorded)
    repeated = marked[marked.index.isin(calls.index)].groupby(["domain", "tool"])["repeated"].sum()
    groups = calls.groupby(["domain", "tool"]).agg(failed=("error", lambda e: int(e.eq(True).sum())), median_ms=("duration_ms", "median"))
    actions = (
        gold_actions(recorded).groupby(["domain", "tool"])["made"].agg(["sum", "size"]).rename(columns={"sum": "made", "size": "actions"})
    )
    for extra in (actions, groups, repeated.rename("repeats")):
        table = table.merge(extra.reset_index(), on=["domain", "tool"], how="left")
    return table


def path_lengths(recorded: Recorded) -> pd.DataFrame:
    """Return one row a simulation with known reference actions: calls, reference actions, made ones, calls on the path, failed calls,
    repeats, extra calls that neither failed nor repeated, `detour` = calls / reference actions (1 is the reference itself), solved.
    """
    calls = calls_on_path(recorded)
    repeated = marked_repeats(recorded)["repeated"].reindex(calls.index)
    calls = calls.assign(
        extra=calls["on_path"].eq(False) & ~calls["error"].eq(True) & ~repeated.eq(True),
        failed=calls["error"].eq(True),
        repeated=repeated.eq(True),
        path=calls["on_path"].eq(True),
    )
    sums = by_simulation(records(calls))
    actions = gold_actions(recorded).groupby(RUN_KEY, dropna=False)["made"].agg(["sum", "size"]).to_dict("index")
    simulations = recorded.simulations.assign(solved=solved(recorded.simulations))
    rows = []
    for simulation in records(simulations):
        key = key_of(simulation)
        if key in actions:
            mine = sums[key]
            counts = [sum(bool(row[name]) for row in mine) for name in ("path", "failed", "repeated", "extra")]
            gold = actions[key]
            rows.append((*key, len(mine), gold["size"], gold["sum"], *counts, len(mine) / gold["size"], simulation["solved"]))
    names = [*RUN_KEY, "calls", "actions", "made", "on_path", "failed", "repeated", "extra", "detour", "solved"]
    return pd.DataFrame(rows, columns=pd.Index(names))


def path_efficiency(recorded: Recorded) -> pd.DataFrame:
    """By domain and outcome: simulations, calls, reference actions, calls per reference action, median detour, and what the other calls
    were.

    Only tasks with reference actions count. Solved and not solved apart: a simulation that gives up early is short.
    """
    table = path_lengths(recorded)
    table["outcome"] = filled(table["solved"].map({True: "solved", False: "not solved"}), "without reward")
    groups = table.groupby(["domain", "outcome"])
    result = groups.agg(
        simulations=("calls", "size"),
        calls=("calls", "sum"),
        actions=("actions", "sum"),
        on_path=("on_path", "sum"),
        failed=("failed", "sum"),
        repeated=("repeated", "sum"),
        extra=("extra", "sum"),
        median_detour=("detour", "median"),
    ).reset_index()
    return result.assign(calls_per_action=result["calls"] / result["actions"].replace(0, np.nan))


def task_difficulty(recorded: Recorded) -> pd.DataFrame:
    """By task: solved of scored trials, median calls and failed calls, reference actions; the hardest first."""
    simulations = recorded.simulations.assign(solved=solved(recorded.simulations))
    sums = (
        recorded.calls.groupby(RUN_KEY, dropna=False)
        .agg(calls=("tool", "size"), failed=("error", lambda e: int(e.eq(True).sum())))
        .reset_index()
    )
    table = simulations.merge(sums, on=RUN_KEY, how="left")
    table[["calls", "failed"]] = table[["calls", "failed"]].astype(float).fillna(0.0)
    result = table.groupby(TASK_KEY, dropna=False).agg(
        solved=("solved", lambda s: int(s.eq(True).sum())),
        trials=("solved", "count"),
        median_calls=("calls", "median"),
        median_failed=("failed", "median"),
    )
    gold = recorded.gold.groupby(TASK_KEY).size().rename("actions").reset_index()
    result = result.reset_index().merge(gold, on=TASK_KEY, how="left")
    return result.assign(share=result["solved"] / result["trials"].where(result["trials"] > 0)).sort_values(
        ["share", "domain"], kind="stable", ignore_index=True
    )
