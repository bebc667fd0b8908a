"""The arms of a run that compares some: one row an arm and domain. A rate over arms is a rate of none of them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tau2_logging.analysis.measures.costs.cost_tables import task_costs
from tau2_logging.analysis.tables.columns import as_floats
from tau2_logging.analysis.tables.keyed import each_run
from tau2_logging.analysis.tables.simulations import score
from tau2_logging.events.domain_label import arm_of
from tau2_logging.statistics.score import Score

if TYPE_CHECKING:
    from collections.abc import Iterable

    import pandas as pd

    from tau2_logging.analysis.measures.costs.prices import PriceTable
    from tau2_logging.analysis.tables.log_data import LogData


def has_arms(domains: Iterable[object]) -> bool:
    """Return whether any domain is one of an arm, as `retail@anger` is."""
    return any(isinstance(domain, str) and arm_of(domain) for domain in domains)


def scores(simulations: pd.DataFrame) -> dict[str, Score]:
    """Return the outcome by domain and arm (`retail@anger`); empty for a run without arms."""
    if not has_arms(simulations["domain"].unique()):
        return {}
    return {str(domain): score(mine) for domain, mine in simulations.groupby("domain", sort=False, dropna=False)}


def arms_table(log: LogData, prices: PriceTable | None = None) -> pd.DataFrame:
    """Return one row an arm and domain, empty for a run without arms.

    Columns: domain, simulations, outcome (with its denominator), scored, solved, mean_reward, median_ms of the last attempts, tool_calls
    and tool_errors of these, cost_usd and agent_cost_usd of all attempts, per_solved_usd. NaN is unknown.
    """
    import pandas as pd

    found = scores(log.simulations)
    if not found:
        return pd.DataFrame([])
    costs = each_run(task_costs)(log, prices)
    rows = [_row(domain, found[domain], log.simulations, costs) for domain in found]
    return pd.DataFrame(rows)


def _row(domain: str, found: Score, simulations: pd.DataFrame, costs: pd.DataFrame) -> dict[str, Any]:
    mine, paid = simulations[simulations["domain"].astype(str) == domain], costs[costs["domain"].astype(str) == domain]
    cost, agent = (float(as_floats(paid[name]).sum()) for name in ("cost_usd", "agent_cost_usd"))
    return {
        "domain": domain, "simulations": found.simulations, "outcome": found.headline, "scored": found.scored, "solved": found.solved,
        "mean_reward": found.mean, "median_ms": mine["duration_ms"].median(),
        "tool_calls": mine["tool_calls"].sum(min_count=1), "tool_errors": mine["tool_errors"].sum(min_count=1),
        "cost_usd": cost, "agent_cost_usd": agent, "per_solved_usd": cost / found.solved if found.solved else None,
    }  # fmt: skip
