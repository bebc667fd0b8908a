"""What goes with what: features of a call with its failure, features of a simulation with its reward.

Effect: Cliff's delta between the two outcomes. Test: score test on ranks that allows any dependence within a task (see `intervals`).
p values are Holm's, over all tests of a table. An association is no cause.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

import numpy as np
import pandas as pd

from tau2_logging.analysis.deep.reading.recorded import RUN_KEY, Recorded, Row, cluster_codes
from tau2_logging.analysis.deep.rewards import solved
from tau2_logging.statistics.intervals import LEAST_CLUSTERS, LEAST_FOR_TEST, TOO_SMALL, cliffs_delta, ranks, score_test
from tau2_logging.statistics.multiplicity import holm

COLUMNS = ["domain", "tool", "feature", "n", "with_outcome", "tasks", "mean_with", "mean_without", "delta", "p", "p_holm", "remark"]
EACH_OUTCOME = 5
"""At least so many of either outcome."""


def call_correlations(recorded: Recorded) -> pd.DataFrame:
    """Return the features of the arguments with the failure of the call, by tool and over all tools of a domain.

    `mean_with` is the feature's mean over failed calls, `mean_without` over the others; `delta` above 0: larger if calls failed.
    Features: argument_count, argument_bytes, complexity, position in the simulation, and for each argument whether it was given and
    whether its value had been seen in the conversation (`seen:order_id`).
    """
    calls = recorded.calls[recorded.calls["error"].notna()]
    return associations(_per_tool(calls), "error")


def _per_tool(calls: pd.DataFrame) -> Iterator[tuple[Row, pd.DataFrame, dict[str, Any]]]:
    for domain, group in calls.groupby("domain", dropna=False):
        yield {"domain": domain, "tool": "all"}, group, _sizes(group)
        for tool, of_tool in group.groupby("tool"):
            yield {"domain": domain, "tool": tool}, of_tool, {**_sizes(of_tool), **_of_arguments(of_tool)}


def _sizes(calls: pd.DataFrame) -> dict[str, Any]:
    return {
        name: calls[name].to_numpy(dtype=float, na_value=np.nan) for name in ("argument_count", "argument_bytes", "complexity", "position")
    }


def _of_arguments(calls: pd.DataFrame) -> dict[str, Any]:
    given = [row if isinstance(row, dict) else {} for row in calls["arguments"]]
    seen = [row if isinstance(row, dict) else {} for row in calls["seen"]]
    features = {}
    for name in dict.fromkeys(name for row in given for name in row):
        features[f"given:{name}"] = np.array([float(name in row) for row in given])
        features[f"seen:{name}"] = np.array([np.nan if row.get(name) is None else float(row[name]) for row in seen])
    return features


def simulation_correlations(recorded: Recorded) -> pd.DataFrame:
    """Return the features of a simulation with its being solved, by domain; `mean_with` is over the solved ones, `delta` above 0: larger
    where solved.
    """
    features = simulation_features(recorded)
    features = features[features["solved"].notna()]
    names = [name for name in features if name not in (*RUN_KEY, "solved")]
    groups = (
        ({"domain": domain, "tool": None}, group, {name: group[name].to_numpy(dtype=float) for name in names})
        for domain, group in features.groupby("domain", dropna=False)
    )
    return associations(groups, "solved").drop(columns="tool")


def simulation_features(recorded: Recorded) -> pd.DataFrame:
    """Return one row a simulation: RUN_KEY, solved, calls, errors, error_share, distinct_tools, repeated_calls, replies,
    peak_prompt_tokens, duration_s.
    """
    simulations = recorded.simulations.assign(solved=solved(recorded.simulations))
    calls = recorded.calls.assign(same=[str(value) for value in recorded.calls["arguments"]])
    calls["repeated"] = calls.duplicated([*RUN_KEY, "requestor", "tool", "same"])
    sums = calls.groupby(RUN_KEY, dropna=False).agg(
        calls=("tool", "size"),
        errors=("error", lambda e: float(e.eq(True).sum())),
        distinct_tools=("tool", "nunique"),
        repeated_calls=("repeated", "sum"),
    )
    mine = recorded.replies[recorded.replies["role"] == "assistant"]
    talk = mine.groupby(RUN_KEY, dropna=False).agg(replies=("turn", "size"), peak_prompt_tokens=("prompt_tokens", "max"))
    table = simulations[[*RUN_KEY, "solved", "duration_s"]].merge(sums.reset_index(), on=RUN_KEY, how="left")
    table = table.merge(talk.reset_index(), on=RUN_KEY, how="left")
    counts = ["calls", "errors", "distinct_tools", "repeated_calls"]
    table[counts] = table[counts].astype(float).fillna(0.0)
    return table.assign(error_share=table["errors"] / table["calls"].where(table["calls"] > 0))


def associations(groups: Iterable[tuple[Row, pd.DataFrame, dict[str, Any]]], outcome: str) -> pd.DataFrame:
    """Return a row for each feature that varies; those with too few observations say so instead of giving figures."""
    rows = [
        {**names, "feature": feature, **association(values, group[outcome].to_numpy(), cluster_codes(group))}
        for names, group, features in groups
        for feature, values in features.items()
        if len(np.unique(values[np.isfinite(values)])) > 1
    ]
    table = pd.DataFrame([{name: row.get(name) for name in COLUMNS} for row in rows], columns=COLUMNS)
    for name in ("mean_with", "mean_without", "delta", "p"):
        table[name] = pd.to_numeric(table[name])
    table["p_holm"] = holm(list(table["p"]))
    return table.sort_values(["p", "domain", "tool", "feature"], kind="stable", ignore_index=True, na_position="last")


def association(values: Any, outcome: Any, clusters: Any) -> Row:
    """Return n, how many have the outcome, tasks, both means, Cliff's delta and p; or the remark that n is too small."""
    known = np.isfinite(values)
    values, outcome, clusters = values[known], np.asarray(outcome)[known].astype(bool), np.asarray(clusters)[known]
    tasks, hits = len(np.unique(clusters)), int(outcome.sum())
    row: Row = {"n": len(values), "with_outcome": hits, "tasks": tasks}
    if len(values) < LEAST_FOR_TEST or min(hits, len(values) - hits) < EACH_OUTCOME or tasks < LEAST_CLUSTERS:
        return {**row, "remark": TOO_SMALL}
    _, p = score_test(ranks(values), outcome, clusters)
    means = {"mean_with": float(values[outcome].mean()), "mean_without": float(values[~outcome].mean())}
    return {**row, **means, "delta": cliffs_delta(values, outcome), "p": p}
