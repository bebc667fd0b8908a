"""`experiments run` and `status`. Each returns the exit code and raises UserError for bad input."""

from __future__ import annotations

import argparse
from dataclasses import replace
from pathlib import Path

from tau2_logging.analysis.verdict.looks import read_looks
from tau2_logging.analysis.verdict.quality_gates import parse_points
from tau2_logging.errors import UserError
from tau2_logging.experiments.planning.plan_file import Experiment, read_plan
from tau2_logging.experiments.running.run_experiment import progress, run_experiment
from tau2_logging.experiments.running.until_settled import StoppingRule, run_until_settled
from tau2_logging.runner.settings.from_options import changed_config
from tau2_logging.units import money

EXIT_MISSING = 1


def run(args: argparse.Namespace) -> int:
    """Run what is missing of a plan."""
    experiment = read_plan(Path(args.plan))
    changed = replace(experiment.plan, config=changed_config(experiment.plan.config, vars(args)))
    budget = {"max_cost": args.budget} if args.budget is not None else {}
    experiment = replace(experiment, plan=changed)
    if args.until is None:
        return run_experiment(whole(experiment), budget, args.rounds)
    if args.batch < 1:
        raise UserError(f"--batch {args.batch} is too small; it must be at least 1")
    margin = None if args.margin is None else parse_points(args.margin, "--margin")
    return run_until_settled(experiment, budget, args.rounds, StoppingRule(args.batch, margin))


def whole(experiment: Experiment) -> Experiment:
    """Return the experiment; raises UserError if it was begun with looks, which decide how far it is run."""
    if read_looks(experiment.run_dir) is not None:
        raise UserError(f"{experiment.plan.name} was begun with --until settled; go on with it, or make another plan to run every task")
    return experiment


def status(args: argparse.Namespace) -> int:
    """Return how far each arm has come; exit code 1 while cells are missing."""
    items = progress(read_plan(Path(args.plan)))
    width = max(len(item.arm) for item in items)
    for item in items:
        cost = money(item.cost_usd)
        print(f"{item.arm:{width}}  {item.ok:5} of {item.planned} scored, {item.failed} failed, {item.missing} missing, cost {cost}")
    return EXIT_MISSING if any(item.missing for item in items) else 0
