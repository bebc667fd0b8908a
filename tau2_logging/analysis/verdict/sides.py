"""One side of a comparison: a run, an arm of a run, or several runs alike, as one row for each simulation."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from tau2_logging.analysis.conversations.turn_times import key_of
from tau2_logging.analysis.measures.comparison.pooling import MAY_DIFFER, facts
from tau2_logging.analysis.measures.costs.cost_tables import task_costs
from tau2_logging.analysis.tables.columns import as_floats, column
from tau2_logging.analysis.tables.outcomes import AGENT_ERROR
from tau2_logging.analysis.verdict.looks import Looks, looks_beside
from tau2_logging.events.domain_label import arm_of, plain_domain
from tau2_logging.statistics.score import SOLVED_WITHIN

if TYPE_CHECKING:
    from tau2_logging.analysis.run_log import RunLog

Task = tuple[str, str]
"""(domain, task id)."""

TASK = ["domain", "task"]
CONTROL = "control"
"""The arm that comes first, as what others are compared with."""


@dataclass(frozen=True)
class ComparedRun:
    """What is compared. `source`: as it was named; `settings`: what it was made with; `texts`: a hash of each task's text, if known.

    `simulations`: domain, task, trial, outcome (1 solved, 0 not, NaN no score), `model_failure` (the agent's own model ended it), status,
    `log` and `key` (the place in `logs`, and the key there, by which its conversation is found), and the measures of `paired_measures`
    by their names. `logs`: where the conversations are, each with the arm that is meant. `looks`: how far it was run, if looks at its
    results decided on that.
    """

    label: str
    source: str
    run: str
    settings: Mapping[str, str]
    texts: Mapping[Task, str]
    simulations: pd.DataFrame
    logs: Sequence[tuple[RunLog, str | None]] = field(default=(), repr=False)
    looks: Looks | None = field(default=None, repr=False)

    @property
    def scored(self) -> int:
        """Simulations with an outcome."""
        return int(self.simulations["outcome"].notna().sum())

    @property
    def solved(self) -> int:
        """Simulations with full reward."""
        return int((self.simulations["outcome"] == 1).sum())

    @property
    def unscored(self) -> Counter[str]:
        """Simulations without an outcome, by how they ended."""
        return Counter(str(status) for status in self.simulations.loc[self.simulations["outcome"].isna(), "status"])

    @property
    def trials(self) -> int:
        """Most trials of a task."""
        return int(self.simulations.groupby(TASK, sort=False).size().max()) if len(self.simulations) else 0


_COUNTED = {
    "input_tokens": "input_tokens", "output_tokens": "output_tokens", "agent_calls": "llm_calls", "failed_agent_calls": "llm_errors",
    "tool_calls": "tool_calls", "failed_tool_calls": "tool_errors",
}  # fmt: skip


def sides_of(log: RunLog, source: str) -> list[ComparedRun]:
    """Return a side for each run of a log, and for each arm of a run that has arms."""
    found = []
    for one in log.by_run:
        identity, looks = facts(one)[0], looks_beside(one)
        table = _table(one)
        table = table if looks is None or looks.tried == 0 else table[table["task"].isin(looks.sample)]  # not of a batch without a look
        for arm in sorted(table["arm"].unique(), key=lambda name: (name != CONTROL, str(name))):
            mine = table[table["arm"].map(lambda name, arm=arm: name == arm)].drop(columns="arm").reset_index(drop=True)
            settings = {name: value for name, value in identity.settings.items() if name not in MAY_DIFFER}
            texts = {(plain_domain(domain), task): text for (domain, task), text in identity.tasks.items() if arm_of(domain) == arm}
            label = arm or identity.run
            found.append(ComparedRun(label, source, identity.run, {**settings, **_arm(arm)}, texts, mine, ((one, arm),), looks))
    return found


def _arm(arm: str | None) -> dict[str, str]:
    return {} if arm is None else {"arm": arm}


def _table(log: RunLog) -> pd.DataFrame:
    rows = log.simulations.merge(task_costs(log)[["run", *TASK, "trial", "cost_usd"]], on=["run", *TASK, "trial"], how="left",
                                 suffixes=("_noted", ""))  # fmt: skip
    reward, ended = as_floats(rows["reward"]), column(rows, "termination")
    by_model = (ended == AGENT_ERROR).to_numpy(dtype=bool)
    solved = (np.abs(reward - 1) <= SOLVED_WITHIN).astype(float)
    domains = rows["domain"].fillna("").astype(str)
    return pd.DataFrame({
        "domain": domains.map(plain_domain), "task": rows["task"].astype(str), "trial": pd.to_numeric(rows["trial"]).fillna(0).astype(int),
        "arm": pd.Series([arm_of(name) for name in domains], dtype=object),
        "outcome": np.where(np.isnan(reward), np.where(by_model, 0.0, np.nan), solved), "model_failure": by_model,
        "status": rows["status"].astype(str), "key": list(map(key_of, rows.to_dict("records"))), "log": 0, **_measured(rows),
    })  # fmt: skip


def _measured(rows: pd.DataFrame) -> dict[str, Any]:
    counted = {name: as_floats(column(rows, old)) for name, old in _COUNTED.items()}
    times = {name: as_floats(column(rows, old)) / 1000 for name, old in (("wall_s", "duration_ms"), ("model_s", "llm_ms"))}
    return {"cost_usd": as_floats(rows["cost_usd"]), **counted, **times}


def merged(sides: Sequence[ComparedRun]) -> ComparedRun:
    """Return several runs of the same settings as one side: their simulations are further trials."""
    tables = []
    logs: list[tuple[RunLog, str | None]] = []
    for side in sides:
        tables.append(side.simulations.assign(log=side.simulations["log"] + len(logs)))
        logs.extend(side.logs)
    table = pd.concat(tables, ignore_index=True)
    table["trial"] = table.groupby(TASK, sort=False).cumcount()
    first = sides[0]
    texts = {task: text for side in sides for task, text in side.texts.items()}
    sources, runs = (", ".join(dict.fromkeys(getattr(side, name) for side in sides)) for name in ("source", "run"))
    looks = next((side.looks for side in sides if side.looks is not None), None)
    return ComparedRun(first.label, sources, runs, first.settings, texts, table, tuple(logs), looks)


def mean_or_none(values: Any) -> float | None:
    """Return the mean of what is known, None of nothing."""
    numbers = as_floats(values)
    numbers = numbers[~np.isnan(numbers)]
    return float(numbers.mean()) if len(numbers) else None


def known(value: float) -> float | None:
    """Return None for NaN."""
    return None if math.isnan(value) else float(value)
