"""Each run by itself: success and cost with their intervals, and which runs no other beats in both."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from tau2_logging.analysis.reports.compared.compare_tables import letter
from tau2_logging.analysis.verdict.compare_sides import Comparison
from tau2_logging.analysis.verdict.sides import TASK, ComparedRun
from tau2_logging.statistics.distribution_functions import t_quantile
from tau2_logging.statistics.intervals import rate_of
from tau2_logging.statistics.mean_difference import LEAST_TASKS


def points_of(comparison: Comparison, domain: str) -> list[dict[str, Any]]:
    """Return success and mean cost of a simulation of each run in a domain, with 95 % intervals over its tasks; `beaten` by a run that is
    at least as good in both and better in one. Runs without a score or with an unknown price are left out,
    and all of them if they are free."""
    found = [point for side in comparison.sides if (point := _point(comparison, side, domain)) is not None]
    if not any(point["cost"] for point in found):
        return []
    for one in found:
        one["beaten"] = any(
            other["success"] >= one["success"] and other["cost"] <= one["cost"] and other is not one
            and (other["success"], -other["cost"]) != (one["success"], -one["cost"])
            for other in found
        )  # fmt: skip
    return found


def _point(comparison: Comparison, side: ComparedRun, domain: str) -> dict[str, Any] | None:
    rows = side.simulations[(side.simulations["domain"] == domain) & side.simulations["outcome"].notna()]
    if rows.empty or rows["cost_usd"].isna().any():
        return None
    rate = rate_of(rows["outcome"], rows["task"].astype(str))
    costs = rows.groupby(TASK, sort=False)["cost_usd"].mean().to_numpy(dtype=float)
    reach = t_quantile(0.975, len(costs) - 1) * float(np.std(costs, ddof=1)) / math.sqrt(len(costs)) if len(costs) >= LEAST_TASKS else None
    cost = float(costs.mean())
    return {
        "label": side.label, "letter": letter(comparison, side), "success": float(rows["outcome"].mean()), "low": _known(rate.low),
        "high": _known(rate.high), "cost": cost,
        "cost_low": None if reach is None else max(0.0, cost - reach), "cost_high": None if reach is None else cost + reach,
    }  # fmt: skip


def _known(value: float) -> float | None:
    return None if math.isnan(value) else value
