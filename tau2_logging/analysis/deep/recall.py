"""The second outcome: were the task's reference actions made? By tau2's own rule, and if not, what was done instead.

tau2 (`Action.compare_with_tool_call`) takes an action as made if some call, of agent or user and failed or not, has its name and equal
values for the arguments it compares: those of `compare_args`, or if there are none, those *the call* gave, so that a call that leaves
arguments out still matches. We follow it, and count such matches apart (`partly`).
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import Any

import pandas as pd

from tau2_logging.analysis.deep.rate_table import rate_table
from tau2_logging.analysis.deep.reading.merge import by_simulation, key_of
from tau2_logging.analysis.deep.reading.recorded import RUN_KEY, Recorded, Row, cluster_codes, filled, frame, records
from tau2_logging.analysis.tables.keyed import kept
from tau2_logging.statistics.intervals import Rate, rate_columns, rate_of

COLUMNS = (
    *RUN_KEY,
    "index",
    "action_id",
    "requestor",
    "tool",
    "tool_type",
    "wanted",
    "compare",
    "made",
    "partly",
    "failed",
    "nearest",
    "same_tool",
    "differing",
    "nearest_position",
)
_OF_CALL = [*RUN_KEY, "position", "tool", "arguments", "error"]


def matches(tool: str, arguments: Mapping[str, Any], compare: Iterable[str] | None, call: Row) -> bool:
    """tau2's rule."""
    if call["tool"] != tool or call["arguments"] is None:
        return False
    given: Mapping[str, Any] = call["arguments"]
    names = set(given if compare is None else compare)
    return {name: given[name] for name in names & given.keys()} == {name: arguments[name] for name in names & arguments.keys()}


def differences(
    wanted: Mapping[str, Any], given: Mapping[str, Any], compare: Iterable[str] | None = None
) -> dict[str, tuple[str, Any, Any]]:
    """Return argument by argument what is not as wanted: name -> (missing, extra or different; wanted; given)."""
    found: dict[str, tuple[str, Any, Any]] = {}
    for name in dict.fromkeys([*wanted, *given]):
        if compare is not None and name not in compare:
            continue
        if name not in given:
            found[name] = ("missing", wanted[name], None)
        elif name not in wanted:
            found[name] = ("extra", None, given[name])
        elif wanted[name] != given[name]:
            found[name] = ("different", wanted[name], given[name])
    return found


@kept
def gold_actions(recorded: Recorded) -> pd.DataFrame:
    """Return one row for each reference action of each simulation whose calls are known.

    `made`: some call matches it; `partly`: only calls that left arguments out do; `failed`: every call that matches it failed. If it was
    not made, `nearest` is the call of the same tool with the fewest differing arguments, the earliest of equals (of another tool there is
    none: `same_tool` is false), `differing` says how: {argument: [missing|extra|different, wanted, given]}.
    """
    calls = by_simulation(row for table in (recorded.history, recorded.calls) for row in records(table[_OF_CALL]))
    known = recorded.simulations[recorded.simulations["talk"].astype(bool)]
    wanted: dict[tuple[Any, Any], list[Row]] = {}
    for row in records(recorded.gold):
        wanted.setdefault((row["domain"], row["task"]), []).append(row)
    rows = [
        {**{name: simulation[name] for name in RUN_KEY}, **_one(action, calls[key_of(simulation)])}
        for simulation in records(known)
        for action in _actions_of(simulation, wanted)
    ]
    return frame(rows, COLUMNS).astype({"made": bool, "partly": bool, "failed": bool})


def _actions_of(simulation: Row, wanted: Mapping[tuple[Any, Any], list[Row]]) -> Iterable[Row]:
    """Return the reference actions of a simulation: those it was checked against, if they are not its task's."""
    checked: list[Row] | None = simulation.get("action_checks")
    return wanted.get((simulation["domain"], simulation["task"]), ()) if checked is None else checked


def _one(action: Row, calls: list[Row]) -> Row:
    arguments, compare = action["arguments"], action["compare_args"]
    if "made" in action:  # the file's own check
        row = {name: action[name] for name in ("index", "action_id", "requestor", "tool", "tool_type", "made")}
        found = [call for call in calls if action["made"] and matches(action["tool"], arguments, compare, call)]
        failed = bool(found) and all(call["error"] is True for call in found)
        row = {**row, "wanted": arguments, "compare": compare, "partly": False, "failed": failed}
        return row if action["made"] else {**row, **_nearest(action, calls)}
    found = [call for call in calls if matches(action["tool"], arguments, compare, call)]
    full = [call for call in found if not differences(arguments, call["arguments"], compare)]
    row = {
        **{name: action[name] for name in ("index", "action_id", "requestor", "tool", "tool_type")},
        "wanted": arguments,
        "compare": compare,
        "made": bool(found),
        "partly": bool(found) and not full,
        "failed": bool(found) and all(call["error"] is True for call in found),
    }
    return row if found else {**row, **_nearest(action, calls)}


def _nearest(action: Row, calls: list[Row]) -> Row:
    same = [call for call in calls if call["tool"] == action["tool"] and call["arguments"] is not None]
    if not same:
        return {"same_tool": False}
    found = [(differences(action["arguments"], call["arguments"], action["compare_args"]), call) for call in same]
    differing, call = min(found, key=lambda pair: (len(pair[0]), pair[1]["error"] is True))
    return {"same_tool": True, "nearest": call["arguments"], "differing": differing, "nearest_position": call["position"]}


def recall_by(recorded: Recorded, *by: str) -> pd.DataFrame:
    """Return the reference actions made, of all: made, actions, tasks, recall_rate with its 95 % interval (clustered by task).

    `partly` of the made ones match only because the call left arguments out; `failed` of them were made by calls that all failed.
    """
    actions = with_types(gold_actions(recorded))
    table = rate_table(actions, list(by), "made", "recall", "made", "actions")
    if table.empty or not by:
        return table
    extra = actions.groupby(list(by), dropna=False).agg(partly=("partly", "sum"), failed=("failed", "sum")).reset_index()
    return table.merge(extra, on=list(by), how="left")


def with_types(actions: pd.DataFrame) -> pd.DataFrame:
    """Return the actions of a tool of which nothing says whether it reads or writes are `unknown`."""
    return actions.assign(tool_type=filled(actions["tool_type"], "unknown"))


def missed_actions(recorded: Recorded) -> pd.DataFrame:
    """Return every reference action that was not made: the wanted call, the nearest call of the same tool, and each argument that
    differs."""
    actions = with_types(gold_actions(recorded))
    missed = actions[~actions["made"].astype(bool)]
    rows = [
        {
            **{name: row[name] for name in (*RUN_KEY, "requestor", "tool", "tool_type")},
            "wanted": as_json(row["wanted"]),
            "nearest": as_json(row["nearest"]) if row["same_tool"] else "the tool was never called",
            "differing": describe(row["differing"]),
            "at_call": None if row["nearest_position"] is None else row["nearest_position"] + 1,
        }
        for row in records(missed)
    ]
    return frame(rows, (*RUN_KEY, "requestor", "tool", "tool_type", "wanted", "nearest", "differing", "at_call"))


def argument_misses(recorded: Recorded) -> pd.DataFrame:
    """Over all missed actions with a near call: which argument was missing, extra or different, how often, of how many, and one example."""
    actions = gold_actions(recorded)
    near = actions[actions["same_tool"].eq(True)].copy()
    near["cluster"] = cluster_codes(near) if len(near) else []
    rows: list[Row] = []
    rates: list[Rate] = []
    for (domain, tool), group in near.groupby(["domain", "tool"]):
        for name, how in dict.fromkeys((name, how) for found in group["differing"] for name, (how, _, _) in found.items()):
            hit = [found.get(name, ("",))[0] == how for found in group["differing"]]
            _, wanted, given = next(found[name] for found, is_hit in zip(group["differing"], hit, strict=True) if is_hit)
            rows.append({"domain": domain, "tool": tool, "argument": name, "how": how, "wanted": as_json(wanted), "given": as_json(given)})
            rates.append(rate_of(hit, group["cluster"]))
    table = frame(rows, ("domain", "tool", "argument", "how", "wanted", "given")).assign(
        **rate_columns(rates, "differing", "times", "near_misses")
    )
    return table.sort_values(["times"], ascending=False, kind="stable", ignore_index=True)


def as_json(value: Any) -> str:
    """Return a value as compact JSON."""
    return json.dumps(value, ensure_ascii=False, default=str)


def describe(differing: Mapping[str, tuple[str, Any, Any]] | None) -> str | None:
    """Return `item_ids: wanted ["1"], given ["2"]; reason: missing, wanted "x"`."""
    if not differing:
        return None
    words = {"missing": "{0}: missing, wanted {1}", "extra": "{0}: extra, given {2}", "different": "{0}: wanted {1}, given {2}"}
    return "; ".join(words[how].format(name, as_json(wanted), as_json(given)) for name, (how, wanted, given) in differing.items())
