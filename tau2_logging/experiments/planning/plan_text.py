"""A plan in words: how much it is, what it costs, what it can find out."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from tau2_logging.experiments.planning.plan_file import ExperimentPlan
from tau2_logging.statistics.power import Design, detectable, trials_needed
from tau2_logging.units import money, plural

DIFFERENCES = (0.03, 0.05, 0.10)
BETWEEN = (0.3, 0.5, 0.7)


def design_of(plan: ExperimentPlan) -> Design:
    """Return what the plan is as a design."""
    known = {name: float(plan.assumed[name]) for name in ("rate", "between", "power") if name in plan.assumed}
    return Design(plan.number_of_tasks, plan.config.num_trials, len(plan.compared), **known)


def plan_lines(plan: ExperimentPlan) -> Iterator[str]:
    """Yield the lines."""
    tasks = ", ".join(f"{domain} {len(ids)}" for domain, ids in plan.tasks.items())
    yield f"{plan.name}: {len(plan.arms)} arms ({', '.join(plan.arms)}; reference {plan.reference})"
    many = plural(plan.number_of_tasks, "task"), plural(plan.config.num_trials, "trial"), plural(plan.cells, "simulation")
    cells = f"{many[0]} ({tasks}) x {many[1]} = {many[2]}"
    yield f"  x {cells}, in an order drawn with seed {plan.config.seed}"
    cost = plan.assumed.get("cost_usd")
    shown = "unknown, no price for a model" if cost is None else f"{'about ' if cost else ''}{money(cost)}"
    yield f"cost: {shown} ({plan.assumed.get('cost_basis', 'not reckoned')})"
    yield from power_lines(design_of(plan))


def power_lines(design: Design) -> Iterator[str]:
    """Yield what can be found, and how many trials it takes for some differences."""
    found = detectable(design)
    least = f"differences from {100 * found:.1f} points on" if found <= 1 else "no difference: there are too few tasks"
    yield (
        f"power: with {100 * design.power:.0f} % it finds {least} "
        f"(success {design.rate:g} in the reference, {100 * design.between:.0f} % of the variance between tasks, "
        f"level {design.level:g} over {plural(design.comparisons, 'comparison')})"
    )
    yield f"  trials needed with {plural(design.tasks, 'task')}, if this share of the variance is between tasks:"
    yield "    difference  " + "  ".join(f"{100 * share:9.0f} %" for share in BETWEEN)
    for difference in DIFFERENCES:
        needed = [trials_needed(replace(design, between=share), difference) for share in BETWEEN]
        yield f"    {100 * difference:4.0f} points  " + "  ".join(f"{'over 1000' if number is None else number:>11}" for number in needed)
