"""`experiments run` and `status`. Each returns the exit code and raises UserError for bad input."""

from __future__ import annotations

import argparse
from dataclasses import replace
from pathlib import Path

from tau2_logging.experiments.planning.plan_file import read_plan
from tau2_logging.experiments.running import progress, run_experiment
from tau2_logging.runner.settings.from_options import changed_config
from tau2_logging.units import money

EXIT_MISSING = 1


def run(args: argparse.Namespace) -> int:
    """Run what is missing of a plan."""
    experiment = read_plan(Path(args.plan))
    changed = replace(experiment.plan, config=changed_config(experiment.plan.config, vars(args)))
    budget = {"max_cost": args.budget} if args.budget is not None else {}
    return run_experiment(replace(experiment, plan=changed), budget, args.rounds)


def status(args: argparse.Namespace) -> int:
    """Return how far each arm has come; exit code 1 while cells are missing."""
    items = progress(read_plan(Path(args.plan)))
    width = max(len(item.arm) for item in items)
    for item in items:
        cost = money(item.cost_usd)
        print(f"{item.arm:{width}}  {item.ok:5} of {item.planned} scored, {item.failed} failed, {item.missing} missing, cost {cost}")
    return EXIT_MISSING if any(item.missing for item in items) else 0
