"""What `python -m tau2_logging experiments` does: plan, power, collect, manipulation, analyze. `run_commands` has the others.

Each returns the exit code and raises UserError for bad input.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import pandas as pd

from tau2_logging.analysis.reports.console import console, show
from tau2_logging.analysis.verdict.looks import read_looks
from tau2_logging.errors import UserError
from tau2_logging.experiments import report
from tau2_logging.experiments.analysis import Table
from tau2_logging.experiments.analysis import analyze as analyzed
from tau2_logging.experiments.cells import collect as collected
from tau2_logging.experiments.injection import by_arm, check_injection
from tau2_logging.experiments.manipulation_check import Verdict, marker_table, verdicts
from tau2_logging.experiments.planning.cost_forecast import check_budget, estimate
from tau2_logging.experiments.planning.plan_builder import experiment_plan
from tau2_logging.experiments.planning.plan_file import FILE, Experiment, ExperimentPlan, read_plan, write_plan
from tau2_logging.experiments.planning.plan_text import plan_lines
from tau2_logging.experiments.planning.run_settings import run_config
from tau2_logging.experiments.running.run_commands import EXIT_MISSING
from tau2_logging.experiments.running.until_settled import sampled
from tau2_logging.experiments.scripted_personas import moods
from tau2_logging.invocation import EXPERIMENTS, as_given, command
from tau2_logging.runner.work.prompts import scenarios
from tau2_logging.units import plural

FORMATS = ("text", "json", "csv", "html")
EXIT_NOT_DELIVERED = 3


def plan(args: argparse.Namespace) -> int:
    """Make the plan file, say what it costs and what it can find out."""
    made = _made_plan(args, args.name)
    path = Path(args.out) / args.name / FILE
    write_plan(made, path)
    _print_plan(made)
    print(f"written: {path}; next: {command(EXPERIMENTS)} run {path}")
    return 0


def power(args: argparse.Namespace) -> int:
    """Return the smallest difference that a plan, made or still to be made, can find."""
    if args.plan is None:
        _print_plan(_made_plan(args, "unnamed"))
        return 0
    _print_plan(read_plan(Path(args.plan)).plan)
    return 0


def _made_plan(args: argparse.Namespace, name: str) -> ExperimentPlan:
    if not name or not all(letter.isalnum() or letter in "_.-" for letter in name) or name.strip(".") == "":
        raise UserError(f"--name {name!r} cannot name a folder; give letters, digits, _, . and -")
    for flag, value in (("rate", args.rate), ("between", args.between), ("power", args.power)):
        if not 0 < value < 1:
            raise UserError(f"--{flag} is {value:g}; give a number between 0 and 1")
    given = vars(args)
    made = experiment_plan(name, run_config(given), args.reference, {"rate": args.rate, "between": args.between, "power": args.power})
    found = estimate(made, args.cost_per_simulation, Path(args.like) if args.like else None)
    check_budget(found, args.budget)
    made.assumed.update(cost_usd=found.usd, cost_basis=found.basis)  # type: ignore[attr-defined]
    return made


def _print_plan(made: ExperimentPlan) -> None:
    print("\n".join(plan_lines(made)))


def collect(args: argparse.Namespace) -> int:
    """Write cells.csv: a row for every cell of the plan."""
    experiment, cells = _collected(args)
    path = _output(args, experiment) / "cells.csv"
    path.parent.mkdir(parents=True, exist_ok=True)
    cells.drop(columns=["user_texts"]).to_csv(path, index=False)
    missing = int(cells["status"].ne("ok").sum())
    print(f"{plural(len(cells), 'cell')}, {missing} without a result; written: {path}")
    return EXIT_MISSING if missing else 0


def manipulation(args: argparse.Namespace) -> int:
    """Was each variant delivered? Exit code 3 if one was not."""
    experiment, cells = _collected(args)
    table, found = _manipulation(experiment, cells)
    show([report.as_section(Table("markers", "How the user writes", table), 200)], console())
    for verdict in found:
        print(f"{verdict.arm}: {verdict.verdict}" + "".join(f"\n  {reason}" for reason in verdict.reasons))
    return 0 if all(verdict.may_speak for verdict in found) else EXIT_NOT_DELIVERED


def analyze(args: argparse.Namespace) -> int:
    """Return everything, as text, JSON, CSV and a page of report.html."""
    wanted = _formats(args.format)
    experiment, cells = _collected(args)
    table, verdicts = _manipulation(experiment, cells)
    scripted = Table(
        "moods", "Feelings that tau2's tasks describe themselves", moods(scenarios(experiment.config)), "A variant is added to them."
    )
    findings = analyzed(experiment.plan, cells, verdicts, table, [scripted], looks=read_looks(experiment.run_dir))
    directory = _output(args, experiment)
    written = report.write_files(findings, directory) if {"json", "csv"} & set(wanted) else []
    kept = [path for path in written if path.suffix.removeprefix(".") in wanted]
    for path in set(written) - set(kept):
        path.unlink()
    if "html" in wanted:
        made_with = as_given(EXPERIMENTS, ["analyze", args.plan])
        kept += report.write_page(experiment, findings, directory, made_with)
    if "text" in wanted:
        report.print_findings(findings)
    if kept:
        print(f"written to {directory}: {', '.join(sorted(path.name for path in kept))}")
    return EXIT_MISSING if cells["status"].ne("ok").any() else 0


def _formats(words: list[str] | None) -> list[str]:
    names = [name for word in words or ["all"] for name in word.split(",")]
    unknown = [name for name in names if name not in (*FORMATS, "all")]
    if unknown:
        raise UserError(f"no format {unknown[0]!r}; there are {', '.join(FORMATS)} and all")
    return list(FORMATS) if "all" in names else names


def _output(args: argparse.Namespace, experiment: Experiment) -> Path:
    return Path(args.output_dir) if args.output_dir else experiment.directory / "report"


def _collected(args: argparse.Namespace) -> tuple[Experiment, pd.DataFrame]:
    experiment = read_plan(Path(args.plan))
    if not experiment.run_dir.exists():
        raise UserError(f"{experiment.directory} has not been run; run it with: {command(EXPERIMENTS)} run {args.plan}")
    looks = read_looks(experiment.run_dir)
    if looks is not None and not looks.tried:
        raise UserError(f"{experiment.directory} has no batch that was run to its end; go on with: run {args.plan} --until settled")
    experiment = experiment if looks is None else sampled(experiment, looks)
    return experiment, collected(experiment)


def _manipulation(experiment: Experiment, cells: pd.DataFrame) -> tuple[pd.DataFrame, list[Verdict]]:
    plan = experiment.plan
    table = marker_table(plan, cells, plan.config.seed)
    varied = any(arm.variant is not None for arm in plan.config.arms)
    injected = by_arm(check_injection(experiment.config, experiment.logs, plan.name), plan.arms) if varied and experiment.logs else {}
    return table, verdicts(plan, table, injected)
