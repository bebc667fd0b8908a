"""The third outcome: was the task solved? Reward with its parts, and pass^k.

A simulation is solved if its reward is 1 within 1e-6, as tau2 says. One that has no reward (an outage, a timeout) is not scored: it
counts in `without_reward`, not as a failure.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from tau2_logging.analysis.deep.rate_table import rate_table
from tau2_logging.analysis.deep.reading.recorded import Recorded, Row, cluster_codes, filled, records
from tau2_logging.statistics.intervals import Rate, mean_interval, rate_columns, rate_of
from tau2_logging.statistics.pass_k import pass_hat_k
from tau2_logging.statistics.score import SOLVED_WITHIN, is_solved


def solved(simulations: pd.DataFrame) -> pd.Series[Any]:
    """Return true, False, or None if there is no reward."""
    reward = simulations["reward"].astype(float)
    return (abs(reward - 1) <= SOLVED_WITHIN).astype(object).where(reward.notna(), None)


def success_by(recorded: Recorded, *by: str) -> pd.DataFrame:
    """Return the solved of the scored simulations: solved, simulations, tasks, success_rate with its 95 % interval (clustered by task),
    mean reward, simulations without a reward.
    """
    simulations = recorded.simulations.assign(solved=solved(recorded.simulations))
    table = rate_table(simulations, list(by), "solved", "success", "solved", "simulations")
    groups: Any = list(by) or (lambda row: 0)
    extra = simulations.groupby(groups, dropna=False).agg(
        mean_reward=("reward", "mean"), without_reward=("reward", lambda r: int(r.isna().sum()))
    )
    return table.merge(extra.reset_index(), on=list(by), how="outer") if by else table.assign(**extra.iloc[0].to_dict())


def pass_k(recorded: Recorded) -> pd.DataFrame:
    """Return pass^k by domain for every k up to the largest number of trials: mean over tasks of C(c, k)/C(n, k).

    Only tasks with at least k scored trials count (`of_tasks`); the others are in `tasks_left_out`, tasks without any scored trial among
    them. The interval is over tasks. `expected_passes` is the sum of the estimates, the numerator.
    """
    simulations = recorded.simulations.assign(solved=solved(recorded.simulations))
    rows: list[Row] = []
    rates: list[Rate] = []
    for domain, group in simulations.groupby("domain", dropna=False):
        trials = group.groupby("task")["solved"].agg(["sum", "count"])
        for k in range(1, int(trials["count"].max()) + 1):
            able = trials[trials["count"] >= k]
            values = [pass_hat_k(int(c), int(n), k) for c, n in able.itertuples(index=False)]
            rates.append(mean_interval(values, int(able["count"].sum())))
            rows.append({"domain": domain, "k": k, "tasks_left_out": len(trials) - len(able)})
    found = rate_columns(rates, "pass_k", "expected_passes", "of_tasks")
    found.pop("tasks")
    return pd.DataFrame(
        {name: [row[name] for row in rows] for name in ("domain", "k")}
        | found
        | {"tasks_left_out": [row["tasks_left_out"] for row in rows]}
    )


def reward_parts(recorded: Recorded) -> pd.DataFrame:
    """For each part that a reward is the product of (DB, COMMUNICATE, ...): full marks of those that were judged, with interval."""
    table = recorded.simulations
    rows = [
        {"domain": row["domain"], "task": row["task"], "part": str(part), "full": is_solved(float(value))}
        for row in records(table[table["parts"].notna()])
        for part, value in row["parts"].items()
    ]
    parts = pd.DataFrame(rows, columns=["domain", "task", "part", "full"])
    return rate_table(parts, ["domain", "part"], "full", "full", "full", "judged")


def checks(recorded: Recorded) -> pd.DataFrame:
    """Return what the evaluator looked for one by one (information to give, assertions on the talk, on the environment): met of checked."""
    rows = [
        {"domain": row["domain"], "task": row["task"], "check": kind, "met": met}
        for row in records(recorded.simulations)
        for kind, found in (row["checks"] or {}).items()
        for _, met in found
        if met is not None
    ]
    return rate_table(pd.DataFrame(rows, columns=["domain", "task", "check", "met"]), ["domain", "check"], "met", "met", "met", "checked")


def terminations(recorded: Recorded) -> pd.DataFrame:
    """Return how simulations ended, of all of them: status of the run, tau2's reason, how many, and their mean reward."""
    table = recorded.simulations.assign(termination=filled(recorded.simulations["termination"], "none"))
    clusters = cluster_codes(table)
    keys = list(table.groupby(["domain", "status", "termination"], dropna=False).groups)
    rates, rewards = [], []
    for key in keys:
        of_domain = (table["domain"] == key[0]).to_numpy()
        hit = (table["status"].eq(key[1]) & table["termination"].eq(key[2])).to_numpy()
        rates.append(rate_of(hit[of_domain], clusters[of_domain]))
        rewards.append(np.nan if table.loc[hit & of_domain, "reward"].isna().all() else table.loc[hit & of_domain, "reward"].mean())
    names = {name: [key[at] for key in keys] for at, name in enumerate(("domain", "status", "termination"))}
    return pd.DataFrame({**names, **rate_columns(rates, "share", "ended", "simulations"), "mean_reward": rewards})
