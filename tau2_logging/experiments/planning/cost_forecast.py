"""What a plan will cost: a simulation costs what the user says, what an earlier run's did, or what a typical one does at list prices."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from tau2_logging.analysis import load_log
from tau2_logging.analysis.measures.costs.prices import PriceTable, default_prices
from tau2_logging.errors import UserError
from tau2_logging.events.domain_label import arm_label
from tau2_logging.experiments.planning.plan_file import ExperimentPlan
from tau2_logging.runner.settings.simulation_settings import SimulationSettings, simulation_settings
from tau2_logging.units import money

TYPICAL_AGENT, TYPICAL_USER = (90_000, 2_500), (14_000, 700)
"""Input and output tokens of a retail conversation of about 25 steps, without reasoning: a first guess, which `--like LOG` replaces."""


@dataclass(frozen=True)
class Estimate:
    """USD for the whole plan, None if a price is not known; `basis` says where it is from."""

    usd: float | None
    basis: str


def estimate(plan: ExperimentPlan, each_usd: float | None = None, like: Path | None = None) -> Estimate:
    """Return the cost of all cells. Raises UserError if `like` is no log with known costs."""
    if each_usd is not None:
        return Estimate(each_usd * plan.cells, f"{money(each_usd)} a simulation, as given")
    if like is not None:
        each = _measured(like)
        return Estimate(each * plan.cells, f"{money(each)} a simulation, the mean of {like}")
    settings = simulation_settings(plan.config)
    shares = [typical_usd(settings[arm_label(plan.config.domains[0], name)], default_prices()) for name in plan.arms]
    cells = plan.cells / len(plan.arms)
    known = [share for share in shares if share is not None]
    basis = "typical conversations at list prices; --like LOG makes it a measured one"
    return Estimate(sum(known) * cells if len(known) == len(shares) else None, basis)


def check_budget(found: Estimate, budget: float | None) -> None:
    """Raise UserError for a plan that costs more than its budget, or whose cost nobody knows."""
    if budget is None:
        return
    if found.usd is None:
        raise UserError(
            "--budget cannot be kept: the price of a model is not in the table; give --cost-per-simulation, or --like an earlier run's log"
        )
    if found.usd > budget:
        raise UserError(
            f"the plan costs about {money(found.usd)} ({found.basis}), over the --budget of {money(budget)}; "
            "take fewer tasks, trials or arms"
        )


def _measured(path: Path) -> float:
    costs = load_log(path).simulations["cost_usd"].dropna()
    if costs.empty:
        raise UserError(f"--like {path} holds no simulation whose cost is known; give --cost-per-simulation")
    return float(costs.mean())


def typical_usd(settings: SimulationSettings, prices: PriceTable) -> float | None:
    """Return what a typical conversation costs at the prices of a table; None if one of the models is not in it."""
    total = 0.0
    for llm, (read, written) in ((settings.agent_llm, TYPICAL_AGENT), (settings.user_llm, TYPICAL_USER)):
        price = prices.find(llm)
        if price is None:
            return None
        total += float(price.of(read, 0, written))
    return total
