"""Two runs side by side, paired by simulation if they did the same ones."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from tau2_logging.analysis.measures.comparison.arms import has_arms
from tau2_logging.analysis.measures.comparison.differences import DIFFERENCE_NOTE, PAIR, duration_differences, not_compared
from tau2_logging.analysis.measures.comparison.pooling import facts, setting_differences
from tau2_logging.analysis.measures.costs.cost_tables import cost_summary, task_costs
from tau2_logging.analysis.tables.columns import as_floats
from tau2_logging.analysis.tables.keyed import each_run
from tau2_logging.analysis.tables.simulations import solved
from tau2_logging.errors import UserError

if TYPE_CHECKING:
    import pandas as pd

    from tau2_logging.analysis.tables.log_data import LogData


@dataclass(frozen=True)
class RunComparison:
    """`latency`: a row for task durations and each type of call; `simulations`: the pairs; `totals`: reward and cost; `settings`: what of
    run_start differs; `not_compared`: types of calls without a row there, and why. "this" is the run at hand, "other" the one it is held
    against; differences are this minus other.
    """

    this_run: str
    other_run: str
    pairs: int
    only_this: int
    only_other: int
    latency: pd.DataFrame
    simulations: pd.DataFrame
    totals: pd.DataFrame
    settings: pd.DataFrame
    not_compared: Mapping[str, str]

    @property
    def note(self) -> str:
        """What is compared, and what is not and why, in a few sentences."""
        said = (
            f"This is {self.this_run}, the other {self.other_run}: {self.pairs:,} simulations are in both, {self.only_this:,} in this run "
            f"only, {self.only_other:,} in the other only."
        )
        return " ".join([said, *_sentences(self.not_compared), DIFFERENCE_NOTE])


def compare(this: LogData, other: LogData) -> RunComparison:
    """Compare two runs: durations as `differences.duration_differences` does, with tasks as the unit.

    Raises UserError if one side is several runs.
    """
    for log in (this, other):
        if len(log.by_run) > 1:
            raise UserError(f"a run is compared with one run; choose one of {', '.join(log.runs)} with --run and --compare-run")
    pairs = _pairs(this, other)
    return RunComparison(
        this_run=this.run_id or "this",
        other_run=other.run_id or "other",
        pairs=len(pairs),
        only_this=len(this.simulations) - len(pairs),
        only_other=len(other.simulations) - len(pairs),
        latency=duration_differences(this, other, pairs),
        simulations=pairs,
        totals=_totals(this, other, pairs),
        settings=changed_settings(this, other),
        not_compared=not_compared(this, other),
    )


def _sentences(reasons: Mapping[str, str]) -> list[str]:
    """Return `Not compared: llm_call, user_sim (this log's level leaves them out).`, if there is any."""
    by_reason: dict[str, list[str]] = {}
    for type_, why in reasons.items():
        by_reason.setdefault(why, []).append(type_)
    parts = [f"{', '.join(types)} ({why})" for why, types in by_reason.items()]
    return [f"Not compared: {'; '.join(parts)}."] if parts else []


def _keyed(log: LogData) -> pd.DataFrame:
    table = log.simulations[[*PAIR, "status", "reward", "duration_ms"]].drop_duplicates(PAIR, keep="last")
    costs = each_run(task_costs)(log).drop_duplicates(PAIR, keep="last")[[*PAIR, "cost_usd", "agent_cost_usd"]]
    return table.merge(costs, on=PAIR, how="left")


def _pairs(this: LogData, other: LogData) -> pd.DataFrame:
    pairs = _keyed(this).merge(_keyed(other), on=PAIR, suffixes=("", "_other"))
    for name in ("reward", "duration_ms", "cost_usd"):
        pairs[f"{name}_change"] = as_floats(pairs[name]) - as_floats(pairs[f"{name}_other"])
    return pairs


def _totals(this: LogData, other: LogData, pairs: pd.DataFrame) -> pd.DataFrame:
    """Return rewards (of each arm, if there are arms) and money of both: what, this, other, difference; NaN is unknown."""
    import pandas as pd

    domains = list(dict.fromkeys(str(name) for log in (this, other) for name in log.domains))
    rows = [row for arm in (domains if has_arms(domains) else [""]) for row in _rewards(arm, this.simulations, other.simulations, pairs)]
    costs, others = cost_summary(this), cost_summary(other)
    rows += [(name.replace("_", " "), _known(costs[name]), _known(others[name])) for name in ("total_usd", "agent_usd", "per_solved_usd")]
    table = pd.DataFrame(rows, columns=["what", "this", "other"])
    return table.assign(difference=table["this"] - table["other"])


def _rewards(arm: str, this: pd.DataFrame, other: pd.DataFrame, pairs: pd.DataFrame) -> list[tuple[str, float, float]]:
    """Return the rewards of an arm, or of everything."""
    this, other, pairs = (table[table["domain"].astype(str) == arm] if arm else table for table in (this, other, pairs))
    of = f", {arm}" if arm else ""
    return [
        (f"mean reward{of}", _mean(this["reward"]), _mean(other["reward"])),
        (f"mean reward of pairs{of}", _mean(pairs["reward"]), _mean(pairs["reward_other"])),
        (f"solved{of}", float(solved(this).sum()), float(solved(other).sum())),
    ]


def _mean(values: Any) -> float:
    numbers = as_floats(values)
    return float(np.nanmean(numbers)) if len(numbers) and not np.isnan(numbers).all() else float("nan")


def _known(value: float | int | None) -> float:
    return float("nan") if value is None else float(value)


def changed_settings(this: LogData, other: LogData) -> pd.DataFrame:
    """Return the fields of run_start in which the runs differ: field, this, other. Values that differ in any two runs (time, id) are left
    out."""
    import pandas as pd

    found = setting_differences(facts(this) + facts(other))
    rows = [(name, *values) for name, values in found.items()]
    return pd.DataFrame(rows, columns=["field", "this", "other"])
